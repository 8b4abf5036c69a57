"""The parts of a network on this machine, each started as its own program by its own command."""

import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from avow.api.local.people import People, key_of
from avow.api.local.supervisor import Child, ProcessError, Supervisor
from avow.verifier.chain.anvil import CHAIN_ID, find_anvil
from avow.verifier.chain.client import checksum
from avow.verifier.chain.market import Market, open_market
from avow.verifier.chain.signer import Signer

# What orders on a local chain are proven by unless another system is asked for.
SYSTEM = "sumcheck"
_READY_SECONDS = 120.0
_BLOCK_SECONDS = 1
# Sockets are made in temporary folders, and their paths have 107 bytes at most.
_LONGEST_SCRATCH = 60
_LISTENING = re.compile(r"Listening on 127\.0\.0\.1:(\d+)")
_API = re.compile(r"API on (http://\S+)")
_NODE_READY = re.compile(r"role=\w+ ready")
_WORKER_READY = re.compile(r"worker=\w+ ready")
_MODEL_KEY = re.compile(r"model key (0x[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Folders:
    """Where everything of a network lies; `contracts` is the checkout's with its npm folder."""

    root: Path
    contracts: Path

    @property
    def home(self) -> Path:
        """AVOW_HOME of model owner, worker, provider and API."""
        return self.root / "home"

    @property
    def validator(self) -> Path:
        """AVOW_HOME of the validator, who shares nothing with the provider."""
        return self.root / "validator"

    @property
    def deployment(self) -> Path:
        """Where the contracts are."""
        return self.root / "deployments" / f"{CHAIN_ID}.json"

    @property
    def scratch(self) -> Path:
        """Temporary files of every program."""
        return self.root / "tmp"

    @property
    def logs(self) -> Path:
        """What every program wrote."""
        return self.root / "logs"


def base_environment(folders: Folders) -> dict[str, str]:
    """This process's environment, but no Avow variable of its user's own; makes the scratch."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AVOW_")}
    if len(str(folders.scratch)) <= _LONGEST_SCRATCH:
        # What a killed program leaves half done goes away with the folder.
        shutil.rmtree(folders.scratch, ignore_errors=True)
        folders.scratch.mkdir(parents=True)
        kept["TMPDIR"] = str(folders.scratch)
    return {
        **kept,
        "AVOW_HOME": str(folders.home),
        "AVOW_CONTRACTS": str(folders.contracts.absolute()),
        "PYTHONUNBUFFERED": "1",
    }


def avow(*arguments: str) -> list[str]:
    """The command line of this installation's `avow`."""
    return [sys.executable, "-P", "-m", "avow.api.cli.main", *arguments]


@dataclass(slots=True)
class Network:
    """Starts the parts in the order in which they are asked for; the supervisor ends them."""

    supervisor: Supervisor
    folders: Folders
    people: People
    rpc: str = ""

    def start_chain(self, port: int, keep: bool) -> Child:
        """anvil on the loopback address; with `keep` its state survives in the folder."""
        command = [str(find_anvil(self.folders.contracts)), "--host", "127.0.0.1"]
        command += ["--port", str(port), "--chain-id", str(CHAIN_ID)]
        # A transaction is mined at once; the interval lets time pass and orders confirm.
        command += ["--block-time", str(_BLOCK_SECONDS), "--mixed-mining"]
        if keep:
            command += ["--state", str(self.folders.root / "chain.json"), "--state-interval", "1"]
        child = self.supervisor.start("chain", command)
        self.rpc = f"http://127.0.0.1:{wait_for(child, _LISTENING)}"
        return child

    def start_worker(self) -> Child:
        """A worker with its own Redis; it is not waited for."""
        return self.supervisor.start("worker", avow("worker", "--allow-unsafe-srs"))

    def start_api(self, port: int) -> tuple[Child, str]:
        """The HTTP API; its address."""
        child = self.supervisor.start("api", avow("api", "--port", str(port)))
        return child, wait_api(child)

    def start_provider(self, bundle_url: str) -> Child:
        """A provider that serves whatever is compiled in the home folder."""
        command = ["provider", *self._chain(), "--bundle-url", bundle_url, "--allow-unsafe-srs"]
        command += _EAGER
        return self.supervisor.start("provider", avow(*command), self._as(self.people.provider))

    def start_validator(self, stake: int) -> Child:
        """A validator with a home of its own, which it joins the rotation from."""
        command = ["validator", *self._chain(), "--stake", str(stake), "--allow-unsafe-srs"]
        environment = {
            **self._as(self.people.validator),
            "AVOW_HOME": str(self.folders.validator),
        }
        return self.supervisor.start("validator", avow(*command, *_EAGER), environment)

    def deploy(self) -> list[str]:
        """Deploy the contracts; the lines that the command printed."""
        treasury = checksum(self.people.treasury.address)
        text = self.run(
            "deploy",
            ["contracts", "deploy", *self._chain(), "--treasury", treasury],
            120,
            self.people.deployer,
        )
        return text.splitlines()

    def add_model(self, name: str) -> str:
        """Put a model of the zoo into the store, owned by the model owner."""
        owner = checksum(self.people.owner.address)
        return self.run("model", ["model", "add", name, "--owner", owner], 120)

    def compile(self, name: str, system: str, on_line: Callable[[str], None]) -> str:
        """Compile a model with an SRS made here, which is unsafe; each step goes to `on_line`."""
        command = ["compile", name, "--system", system, "--unsafe-srs"]
        if system == SYSTEM:
            # What a contract is to check is made for that.
            command += ["--optimize", "gas"]
        return self.run("compile", command, 600, on_line=on_line)

    def register(self, name: str, system: str, royalty_bps: int) -> tuple[bytes, str]:
        """Register a compiled model and its verifier contracts; its key, what was printed."""
        arguments = ["contracts", "register", name, "--system", system]
        arguments += ["--royalty-bps", str(royalty_bps)]
        text = self.run("register", [*arguments, *self._chain()], 120, self.people.owner)
        found = _MODEL_KEY.search(text)
        if found is None:
            raise ProcessError(f"register: expected a model key, got {text[-200:]!r}")
        return bytes.fromhex(found[1][2:]), text

    def market(self) -> Market:
        """The market of the deployment, checked against the chain."""
        return open_market(self.rpc, self.folders.deployment)

    def run(
        self,
        name: str,
        arguments: list[str],
        seconds: float,
        signer: Signer | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> str:
        """Run one `avow` command to its end; its output, or `ProcessError` with what it said."""
        environment = self._as(signer) if signer is not None else {}
        done = self.supervisor.run(name, avow(*arguments), seconds, environment, on_line)
        if done.returncode != 0:
            said = done.stderr.strip().splitlines() or ["it said nothing"]
            raise ProcessError(f"avow {' '.join(arguments[:2])}: {said[-1]}")
        return done.stdout

    def _chain(self) -> list[str]:
        return ["--rpc", self.rpc, "--deployment", str(self.folders.deployment)]

    def _as(self, signer: Signer) -> dict[str, str]:
        return {"AVOW_PRIVATE_KEY": key_of(signer)}


_EAGER = ("--confirmations", "1", "--poll", "0.25")


def worker_is_ready(child: Child) -> bool:
    """Whether a worker has said that its task processes are up."""
    return bool(_WORKER_READY.search(child.text()))


def wait_for(child: Child, pattern: re.Pattern[str], seconds: float = _READY_SECONDS) -> str:
    """The pattern's first group (or the match) once a child writes it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := pattern.search(child.text()):
            return found[found.re.groups and 1]
        child.check()
        time.sleep(0.02)
    raise ProcessError(f"{child.name} was not ready after {seconds:.0f} s: {child.last_line()}")


def wait_api(child: Child) -> str:
    """The address of an API, once it listens."""
    return wait_for(child, _API)


def wait_ready(*children: Child) -> None:
    """Wait until each worker or node has said that it is ready."""
    for child in children:
        wait_for(child, _WORKER_READY if child.name.startswith("worker") else _NODE_READY)
