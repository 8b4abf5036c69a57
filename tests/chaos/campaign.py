"""Real jobs while random parts are killed: `python -m tests.chaos.campaign MINUTES SEED`.

Ends with a line `kills N, jobs N, lost N, doubled N`, and fails if anything was lost or doubled.
"""

import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from avow.api.local.tokens import UNIT, transfer
from avow.models.catalogue import resolve
from avow.models.schema import quantise_row
from avow.models.store import ModelStore
from avow.prover.database import Database, open_database
from avow.prover.errors import DatabaseUnavailable, IllegalTransition
from avow.prover.queue import Queue, open_queue
from avow.verifier.chain.errors import ChainError
from avow.verifier.chain.orders import LegTerms, OrderTerms, selector_of
from avow.verifier.commitment import commit_public
from avow.verifier.lifecycle import JobState, LegState, job_ends, leg_ends
from avow.verifier.tensor import Tensor
from tests.chaos import collect
from tests.chaos.audit import Audit, Found, judge
from tests.chaos.databases import own_schema
from tests.chaos.ground import MODEL, Chaos, Ground, build, supervised
from tests.conftest import kept_port

PRICE, BOND = 10 * UNIT, 2 * UNIT
SYSTEM = "sumcheck/v1"
_TICK_SECONDS = 0.05
_SAY_SECONDS = 30.0
# How long a kind that is seldom there is waited for, before another is ended in its place.
_PATIENCE_SECONDS = 3.0


@dataclass(frozen=True)
class Plan:
    """What a run is: how long it kills, how often, and how much is asked for, in seconds.

    It kills on beyond its time until there were `least` kills, on a slow machine too. `settle` is
    how long the service may take to finish once the kills end, `checked` how many bundles are
    verified wholly.
    """

    seconds: float
    seed: int
    kill_every: float
    ask_every: float
    order_every: float
    settle: float
    checked: int
    workers: int = 2
    least: int = 1


@dataclass
class Result:
    """The audit, the kills by kind, and how often an operator asked for a dead letter again.

    `table` has the kills one kind in a line, `seconds` is how long parts were ended.
    """

    audit: Audit
    orders: int
    kills: dict[str, int]
    table: str
    retried: int
    seconds: float

    @property
    def line(self) -> str:
        """The line that the run ends with."""
        return self.audit.line(sum(self.kills.values()))


@dataclass
class Stream:
    """Callers: they ask again with the same key until they are told a job's id."""

    ground: Ground
    samples: list[tuple[Tensor, ...]]
    model_key: bytes
    before: int
    asked: int = 0
    waiting: list[str] = field(default_factory=list)
    accepted: dict[str, str] = field(default_factory=dict)
    retried: int = 0

    def ask(self) -> None:
        """One more caller; whoever had no answer so far asks again."""
        self.waiting.append(f"chaos-{self.asked}")
        self.asked += 1
        self.push()

    def push(self) -> None:
        """Asks for everybody who waits, until the API does not answer."""
        while self.waiting:
            key = self.waiting[0]
            sample = self.samples[int(key.rpartition("-")[2]) % len(self.samples)]
            body = {
                "model": MODEL,
                "inputs": [tensor.to_json() for tensor in sample],
                "client_key": key,
            }
            try:
                answer = httpx.post(f"{self.ground.api}/v1/jobs", json=body, timeout=30)
            except httpx.HTTPError:
                return
            if answer.status_code in (429, 500, 503):
                if answer.status_code == 500:
                    raise AssertionError(f"the API answered 500: {answer.text[:500]}")
                return
            if answer.status_code != 202:
                raise AssertionError(f"{answer.status_code}: {answer.text[:500]}")
            self.accepted[key] = answer.json()["id"]
            self.waiting.pop(0)

    def order(self, row: int) -> None:
        """An order on the chain, if its node answers; an answer that is lost is no order's end."""
        values = self.samples[row % len(self.samples)]
        try:
            market = self.ground.market
            now = market.chain.head().timestamp
            terms = OrderTerms(
                model_key=self.model_key,
                input=commit_public(values),
                input_data=b"".join(tensor.data() for tensor in values),
                input_uri="",
                legs=(LegTerms(selector_of(SYSTEM), now + 7_200, 10_000),),
                price=PRICE,
                bond=BOND,
                lock_deadline=now + 3_600,
            )
            market.request(self.ground.network.people.requester, terms)
        except (ChainError, httpx.HTTPError):
            return


def run(plan: Plan, root: Path, database: str | None, say: Callable[[str], None]) -> Result:
    """One run in an empty folder; `database` None means SQLite."""
    supervisor, folders = supervised(root)
    with kept_port() as rpc, kept_port() as api, supervisor:
        ground = build(supervisor, folders, database, plan.workers, (rpc, api))
        stream = _open_stream(ground, plan)
        chaos = Chaos(ground, random.Random(plan.seed))
        with _reading(ground) as (queue, tables):
            seconds = _storm(plan, ground, stream, chaos, queue, say)
            _calm(plan, ground, stream, queue, say)
            found = _found(plan, ground, stream, tables)
        kills = dict(sorted(chaos.kills.items()))
        audit, orders = judge(found), len(found.orders)
        return Result(audit, orders, kills, chaos.table(), stream.retried, seconds)


def _open_stream(ground: Ground, plan: Plan) -> Stream:
    stored = resolve(ModelStore.at(ground.network.folders.home), MODEL)
    rows = stored.held_out()
    assert rows is not None
    samples = [tuple(quantise_row(stored.record, rows, row)) for row in range(16)]
    market, people = ground.market, ground.network.people
    (model_key,) = _model_keys(ground)
    wanted = int(plan.seconds / plan.order_every + 2) * PRICE
    transfer(market, people.deployer, people.requester.address, wanted)
    return Stream(ground, samples, model_key, market.affordable(people.requester.address))


def _model_keys(ground: Ground) -> set[bytes]:
    text = (ground.network.folders.logs / "register.out").read_text("utf-8")
    word = text.partition("model key ")[2].split()[0]
    return {bytes.fromhex(word.rstrip(",.;")[2:])}


def _storm(
    plan: Plan,
    ground: Ground,
    stream: Stream,
    chaos: Chaos,
    queue: Queue,
    say: Callable[[str], None],
) -> float:
    rng = random.Random(plan.seed + 1)
    began = time.monotonic()
    ends, said = began + plan.seconds, began
    next_kill, next_job, next_order = began + 1.0, began, began + 0.5
    while time.monotonic() < ends or sum(chaos.kills.values()) < plan.least:
        now = time.monotonic()
        ground.revive()
        if now >= next_job:
            stream.ask()
            next_job = now + rng.uniform(0, 2 * plan.ask_every)
        if now >= next_order:
            stream.order(rng.randrange(1000))
            next_order = now + rng.uniform(0.5, 1.5) * plan.order_every
        if now >= next_kill and chaos.strike(patient=now < next_kill + _PATIENCE_SECONDS):
            next_kill = now + rng.uniform(0, 2 * plan.kill_every)
        if now - said >= _SAY_SECONDS:
            said = now
            _retry(stream, queue)
            say(f"{now - began:.0f} s: {sum(chaos.kills.values())} kills, {stream.asked} asked")
        time.sleep(_TICK_SECONDS)
    return time.monotonic() - began


def _calm(
    plan: Plan, ground: Ground, stream: Stream, queue: Queue, say: Callable[[str], None]
) -> None:
    """Waits until everything has ended, or for as long as the plan allows."""
    ends = time.monotonic() + plan.settle
    while time.monotonic() < ends:
        ground.revive()
        stream.push()
        _retry(stream, queue)
        if not stream.waiting and _ended(ground, stream, queue):
            return
        time.sleep(0.5)
    say(f"not everything has ended within {plan.settle:.0f} s")


def _retry(stream: Stream, queue: Queue) -> None:
    """What an operator does with work that was given up because its workers died each time."""
    try:
        for letter in queue.dead_letters():
            queue.retry(letter.job_id)
            stream.retried += 1
    except (DatabaseUnavailable, IllegalTransition):
        return


def _ended(ground: Ground, stream: Stream, queue: Queue) -> bool:
    try:
        jobs = queue.jobs(limit=1000)
        if any(not job_ends(job.state) for job in jobs if job.chain_id):
            return False
        if any(job.state is not JobState.PROVEN for job in jobs if not job.chain_id):
            return False
        market, requester = ground.market, ground.network.people.requester.address
        asked, _ = collect.orders(market, requester)
        legs = (market.leg(bytes.fromhex(order[2:]), 0).state for order in asked)
        return all(leg is not LegState.NONE and leg_ends(leg) for leg in legs)
    except (DatabaseUnavailable, ChainError, httpx.HTTPError):
        return False


def _found(plan: Plan, ground: Ground, stream: Stream, tables: Database) -> Found:
    market, requester = ground.market, ground.network.people.requester.address
    asked, paid = collect.orders(market, requester)
    rng = random.Random(plan.seed + 2)
    return Found(
        accepted=stream.accepted | {key: "never accepted" for key in stream.waiting},
        orders=asked,
        jobs=collect.jobs(ground.config, tables, rng, plan.checked),
        settlements=paid,
        spent=stream.before - market.affordable(requester),
        price=PRICE,
    )


@contextmanager
def _reading(ground: Ground) -> Iterator[tuple[Queue, Database]]:
    """The auditor's own connections, whose name no chaos looks for."""
    url = ground.config.database_url.replace("application_name=avow-chaos", "application_name=aud")
    queue, tables = open_queue(replace(ground.config, database_url=url)), open_database(url)
    yield queue, tables
    queue.close()
    tables.close()


def main() -> int:
    """Runs it for some minutes; PostgreSQL by AVOW_TEST_POSTGRES_URL, else SQLite."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    plan = Plan(
        seconds=60 * minutes,
        seed=seed,
        kill_every=1.5,
        ask_every=1.5,
        order_every=6.0,
        settle=600.0,
        checked=50,
    )
    # Kept when anything went wrong: the logs are in it.
    root = Path(tempfile.mkdtemp(prefix="avow-chaos-"))
    with own_schema() as database:
        kind = "SQLite" if database is None else "PostgreSQL"
        print(f"chaos: {minutes:g} minutes, seed {seed}, {kind}, in {root}", flush=True)
        result = run(plan, root, database, lambda text: print(text, flush=True))
    broken = bool(result.audit.lost or result.audit.doubled)
    if not broken:
        shutil.rmtree(root)
    for sentence in (*result.audit.lost, *result.audit.doubled):
        print(sentence)
    print(result.table)
    print(f"parts were ended for {result.seconds:.0f} s, seed {seed}, {kind}")
    print(f"orders on chain among the jobs: {result.orders}")
    print(f"dead letters asked for again: {result.retried}")
    print(result.line)
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
