"""The whole service on this machine, each part a process that can be killed and started anew."""

import os
import random
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import psutil

from avow.api.local.network import Folders, Network, avow, base_environment
from avow.api.local.people import development_people, key_of
from avow.api.local.supervisor import Child, Supervisor
from avow.api.local.tokens import STAKE, endow
from avow.prover.config import Config, from_environment
from avow.verifier.chain.anvil import CHAIN_ID, find_anvil
from avow.verifier.chain.client import Chain
from avow.verifier.chain.deployment import read_deployment
from avow.verifier.chain.market import Market
from avow.verifier.chain.transactions import Patience

MODEL = "digits-mlp"
SYSTEM = "sumcheck"
CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"
# Of everybody whose connections a chaos may end; nobody else's carry the name.
APPLICATION = f"avow-chaos-{os.getpid()}"
_QUICK = Patience(total=20.0, raise_fee_after=10.0, poll=0.05, slowest_poll=0.2)
_READY_SECONDS = 600.0
# anvil writes its chain before it ends; cut short, it would lose what others were promised.
_DEAD_SECONDS = 120.0
# Some ticks of the clock that processes are charged by.
_GLANCE_SECONDS = 0.05
_MOST_BEHIND = 30
_EAGER = ("--confirmations", "1", "--poll", "0.25", "--allow-unsafe-srs")


@dataclass
class Ground:
    """The parts by name, and how each is started; a part that has ended is started anew."""

    supervisor: Supervisor
    network: Network
    config: Config
    api: str
    workers: int
    environment: dict[str, str]
    parts: dict[str, Child] = field(default_factory=dict)
    starts: Counter[str] = field(default_factory=Counter)
    due: dict[str, float] = field(default_factory=dict)

    @property
    def market(self) -> Market:
        """The market through a fresh connection, with little patience."""
        deployment = read_deployment(self.network.folders.deployment)
        return Market(Chain(self.network.rpc, CHAIN_ID), deployment, _QUICK)

    def names(self) -> list[str]:
        """Every part."""
        workers = [f"worker-{number}" for number in range(self.workers)]
        return ["chain", *workers, "api", "provider", "validator"]

    def start(self, name: str) -> None:
        """Starts a part; the log of each start is kept."""
        command, environment = self._command(name)
        self.starts[name] += 1
        child = self.supervisor.start(f"{name}.{self.starts[name]}", command, environment)
        self.parts[name] = child
        self.due.pop(name, None)

    def end(self, name: str, number: int, down: float) -> bool:
        """Ends a part by a signal and waits for that; it is due again `down` seconds later."""
        child = self.parts[name]
        if child.process.poll() is not None:
            return False
        child.process.send_signal(number)
        try:
            child.process.wait(_DEAD_SECONDS)
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()
        self._forget(name, down)
        self._reap()
        return True

    def revive(self) -> None:
        """Starts what is due, and what ended by itself."""
        for name, child in list(self.parts.items()):
            if name not in self.due and child.process.poll() is not None:
                self._forget(name, 0.2)
            if name in self.due and time.monotonic() >= self.due[name]:
                self.start(name)

    def below(self, holds: Callable[[str], bool]) -> list[psutil.Process]:
        """Processes that the workers have started and whose command line is wanted."""
        found = []
        for name in self.names():
            child = self.parts.get(name)
            if not name.startswith("worker") or child is None:
                continue
            try:
                for process in psutil.Process(child.pid).children(recursive=True):
                    if holds(" ".join(process.cmdline())):
                        found.append(process)
            except psutil.Error:
                continue
        return found

    def _forget(self, name: str, down: float) -> None:
        # The supervisor would signal a number that may be somebody else's by then.
        self.supervisor.children.remove(self.parts[name])
        self.due[name] = time.monotonic() + down

    def _reap(self) -> None:
        """Children of killed parts became this process's own: nobody else takes their status."""
        known = {child.pid for child in self.parts.values()}
        for process in psutil.Process().children():
            if process.pid not in known and process.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(process.pid, os.WNOHANG)

    def _command(self, name: str) -> tuple[list[str], Mapping[str, str]]:
        chain = ["--rpc", self.network.rpc]
        chain += ["--deployment", str(self.network.folders.deployment)]
        people = self.network.people
        if name == "chain":
            port = self.network.rpc.rpartition(":")[2]
            state = self.network.folders.root / "chain.json"
            command = [str(find_anvil(CONTRACTS)), "--host", "127.0.0.1", "--port", port]
            command += ["--chain-id", str(CHAIN_ID), "--block-time", "1", "--mixed-mining"]
            return [*command, "--state", str(state)], {}
        if name == "api":
            return avow("api", "--port", self.api.rpartition(":")[2]), self.environment
        if name == "provider":
            command = avow("provider", *chain, "--bundle-url", self.api, *_EAGER)
            return command, self.environment | {"AVOW_PRIVATE_KEY": key_of(people.provider)}
        if name == "validator":
            command = avow("validator", *chain, "--stake", str(STAKE), *_EAGER)
            home = str(self.network.folders.validator)
            return command, {"AVOW_HOME": home, "AVOW_PRIVATE_KEY": key_of(people.validator)}
        return avow("worker", "--allow-unsafe-srs"), self.environment


def build(
    supervisor: Supervisor,
    folders: Folders,
    database: str | None,
    workers: int,
    ports: tuple[int, int],
) -> Ground:
    """Starts the chain, deploys, compiles and registers; then starts every other part.

    `database` is a PostgreSQL address of a schema of its own; None means SQLite. `ports` are the
    chain's and the API's, which nobody else may get while either is down.
    """
    network = Network(supervisor, folders, development_people())
    network.rpc = f"http://127.0.0.1:{ports[0]}"
    environment = {"AVOW_LEASE_SECONDS": "4", "AVOW_MAX_ATTEMPTS": "5"}
    if database is not None:
        joint = "&" if "?" in database else "?"
        named = f"{database}{joint}application_name={APPLICATION}"
        environment["AVOW_DATABASE_URL"] = named
    config = from_environment({"AVOW_HOME": str(folders.home), **environment})
    api = f"http://127.0.0.1:{ports[1]}"
    config = replace(config, allow_unsafe_srs=True)
    ground = Ground(supervisor, network, config, api, workers, environment)
    ground.start("chain")
    _wait(lambda: _answers(network.rpc))
    network.deploy()
    network.add_model(MODEL)
    network.compile(MODEL, SYSTEM, lambda line: None)
    network.register(MODEL, SYSTEM, 500)
    endow(ground.market, network.people)
    for name in ground.names()[1:]:
        ground.start(name)
    _wait(lambda: _answers(f"{api}/healthz"))
    return ground


def supervised(root: Path) -> tuple[Supervisor, Folders]:
    """A supervisor whose children know nothing of this process's own Avow variables."""
    folders = Folders(root, CONTRACTS)
    return Supervisor(folders.logs, base_environment(folders)), folders


@dataclass
class Chaos:
    """Ends a random part of the ground; counts what it has ended, by kind."""

    ground: Ground
    rng: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    _order: list[str] = field(default_factory=list)

    def strike(self, patient: bool = False) -> str | None:
        """Ends one part, of a kind that is there just now; which kind, or None.

        Whoever is patient asks again and again for the kind that was drawn first.
        """
        kinds = self._kinds()
        self._order = self._order or fair_order(kinds, self.kills, self.rng)
        for kind in self._order[: 1 if patient else None]:
            if kinds[kind]():
                self.kills[kind] += 1
                self._order = []
                return kind
        return None

    def table(self) -> str:
        """How often each kind was ended, one in a line; what never was is there with 0."""
        counts = {kind: self.kills[kind] for kind in sorted(self._kinds())}
        return "\n".join(f"{kind:14}{count:>6}" for kind, count in counts.items())

    def _kinds(self) -> dict[str, Callable[[], bool]]:
        return {
            "api": lambda: self._part("api"),
            "worker": lambda: self._part(f"worker-{self.rng.randrange(self.ground.workers)}"),
            "labourer": lambda: self._below("avow.prover.labourer"),
            # One that waits for work has nothing to lose.
            "proving child": lambda: self._below("avow.prover.systems.sumcheck.inside", at_work),
            "broker": lambda: self._below("redis-server"),
            "provider": lambda: self._part("provider"),
            "validator": lambda: self._part("validator"),
            # anvil keeps its chain in memory and writes it when it is asked to end.
            "chain": lambda: self._part("chain", signal.SIGTERM),
            "database": self._database,
        }

    def _part(self, name: str, number: int = signal.SIGKILL) -> bool:
        down = self.rng.choice((0.1, 0.5, 2.0))
        return name in self.ground.parts and self.ground.end(name, number, down)

    def _below(
        self, word: str, wanted: Callable[[list[psutil.Process]], list[psutil.Process]] = list
    ) -> bool:
        found = wanted(self.ground.below(lambda line: word in line))
        if not found:
            return False
        try:
            self.rng.choice(found).kill()
        except psutil.NoSuchProcess:
            return False
        return True

    def _database(self) -> bool:
        """Ends every connection of a PostgreSQL; holds the one lock of SQLite for a while."""
        url = self.ground.environment.get("AVOW_DATABASE_URL")
        if url is None:
            return _hold(self.ground.config.home / "avow.sqlite3", self.rng.choice((1.0, 5.0)))
        return terminate(url) > 0


def fair_order(kinds: Iterable[str], kills: Mapping[str, int], rng: random.Random) -> list[str]:
    """The kinds in random order, each likely to come before one that was ended more often.

    A kind that is seldom there catches up: with every kill that it is behind, its chance to come
    before another doubles.
    """
    counts = {kind: kills.get(kind, 0) for kind in kinds}
    least = min(counts.values(), default=0)
    # Who comes first in a race of exponential times is drawn by the rates.
    times = {
        kind: rng.expovariate(2.0 ** -min(count - least, _MOST_BEHIND))
        for kind, count in counts.items()
    }
    return sorted(times, key=lambda kind: times[kind])


def at_work(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that use a processor just now."""
    before = [_used(process) for process in processes]
    if processes:
        time.sleep(_GLANCE_SECONDS)
    return [one for one, used in zip(processes, before, strict=True) if _used(one) > used]


def _used(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def terminate(url: str) -> int:
    """Ends the connections of the service's parts; how many there were."""
    import psycopg

    with psycopg.connect(url.partition("&application_name")[0], autocommit=True) as connection:
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
        return len(connection.execute(query, (APPLICATION,)).fetchall())


def _hold(path: Path, seconds: float) -> bool:
    connection = sqlite3.connect(path, timeout=10, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(seconds)
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True


def _answers(url: str) -> bool:
    try:
        httpx.get(url, timeout=2)
    except httpx.HTTPError:
        return False
    return True


def _wait(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + _READY_SECONDS
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("a part of the ground did not start in time")
        time.sleep(0.1)
