"""Requests that wait together are proven together, and every promise to each of them holds."""

import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from avow.api.cli.job import print_job
from avow.prover.attempt import Outcome, attempt
from avow.prover.errors import DatabaseUnavailable, LeaseLost, NotNow, Refused, TryAgain
from avow.prover.inference import infer
from avow.prover.job import Batch, Job
from avow.prover.leases import Terms
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.queue import Queue
from avow.prover.reconcile import give_back, reconcile
from avow.prover.request import OrderContext
from avow.prover.systems.system import Tick
from avow.prover.tables import LeaseRow, ProofRow
from avow.verifier.bundle import Bundle, parse_bundle
from avow.verifier.lifecycle import JobState
from tests.prover.crashes import Crash, CrashingDatabase
from tests.prover.tiny import COMPILED, RECORD, Shop, TinyCatalogue, request

RESEND_MS = 300_000
SIZES = (1, 2, 4, 8, 16, 32)


@pytest.fixture
def busy(any_shop: Shop) -> Shop:
    """A shop whose system proves several at once, and whose proofs were measured."""
    any_shop.system.sizes = SIZES
    first = answered(any_shop, 1)[0]
    assert work(any_shop, first) is Outcome.DONE
    with any_shop.database.write() as session:
        # Whatever this machine is busy with.
        session.scalars(select(ProofRow)).one().seconds = 0.01
    return any_shop


def settings(shop: Shop, **changes: int) -> Shop:
    return replace(shop, config=replace(shop.config, **changes))


def answered(shop: Shop, count: int, order: OrderContext | None = None) -> list[Job]:
    jobs = []
    for number in range(count):
        asked = replace(request(number, 0, 0, 0), order=order)
        if order is not None:
            asked = replace(asked, order=replace(order, order=bytes([number + 1]) * 32))
        jobs.append(shop.queue.submit(asked))
        assert attempt(shop.bench(), jobs[-1].id, 0, Task.INFER, infer) is Outcome.DONE
        shop.clock.now += 1
    return jobs


def work(shop: Shop, job: Job) -> Outcome:
    return attempt(shop.bench(), job.id, 0, Task.PROVE, prove)


def states(queue: Queue, jobs: list[Job]) -> list[JobState]:
    return [queue.status(job.id).state for job in jobs]


def bundles(shop: Shop, jobs: list[Job]) -> list[Bundle]:
    return [parse_bundle(shop.queue.bundle(job.id)) for job in jobs]


def once(action: Callable[[Tick], None], shop: Shop) -> Callable[[Tick], None]:
    def act(tick: Tick) -> None:
        shop.system.on_prove = lambda tick: None
        action(tick)

    return act


def terms(shop: Shop) -> Terms:
    return Terms(shop.config.lease_seconds * 1000, shop.config.max_attempts)


def test_waiting_requests_share_a_proof(busy: Shop) -> None:
    jobs = answered(busy, 5)
    proved = busy.system.proved
    assert work(busy, jobs[2]) is Outcome.DONE
    assert busy.system.batches == [[2, 0, 1, 3, 4, 2, 2, 2]]
    assert busy.system.proved == proved
    assert states(busy.queue, jobs) == [JobState.PROVEN] * 5
    found = bundles(busy, jobs)
    roots = {one.path.root(one.statement.digest()) for one in found}
    assert len(roots) == 1
    assert sorted(one.path.index for one in found) == [0, 1, 2, 3, 4]
    for job, one in zip(jobs, found, strict=True):
        status = busy.queue.status(job.id)
        assert status.evidence[0].batch == Batch(8, 5, one.path.index)
        shown = {"size": 8, "members": 5, "index": one.path.index}
        assert status.to_json()["evidence"][0]["batch"] == shown
    for job in jobs:
        assert work(busy, job) is Outcome.NOTHING_TO_DO


def test_a_job_says_which_answer_of_its_proof_it_is(
    busy: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = answered(busy, 3)
    assert work(busy, jobs[0]) is Outcome.DONE
    print_job(busy.queue.status(jobs[2].id), False)
    assert ", answer 3 of 3 in one proof with room for 4" in capsys.readouterr().out
    alone = answered(busy, 1)
    assert work(busy, alone[0]) is Outcome.DONE
    print_job(busy.queue.status(alone[0].id), False)
    assert "in one proof" not in capsys.readouterr().out


def test_a_bundle_holds_nothing_of_the_others(busy: Shop) -> None:
    jobs = answered(busy, 16)
    assert work(busy, jobs[0]) is Outcome.DONE
    found = bundles(busy, jobs)
    for one in found:
        data = one.encode()
        for other in found:
            if other is not one:
                assert other.statement.nonce != one.statement.nonce
                assert str(other.statement.nonce).encode() not in data
                assert other.statement.digest().hex().encode() not in data
        # Of the others there is a digest for each level of the tree.
        assert len(one.path.siblings) == 4


def test_an_artifact_is_first_proven_alone(any_shop: Shop) -> None:
    any_shop.system.sizes = SIZES
    jobs = answered(any_shop, 3)
    assert work(any_shop, jobs[0]) is Outcome.DONE
    assert any_shop.system.batches == []
    assert work(any_shop, jobs[1]) is Outcome.DONE
    assert any_shop.system.batches == [[1, 2]]


def test_the_largest_size_is_kept(busy: Shop) -> None:
    small = settings(busy, batch_size=5)
    jobs = answered(small, 7)
    assert work(small, jobs[0]) is Outcome.DONE
    assert small.system.batches == [[0, 1, 2, 3]]
    alone = settings(busy, batch_size=1)
    assert work(alone, jobs[4]) is Outcome.DONE
    assert len(alone.system.batches) == 1


def test_memory_limits_the_batch(busy: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = answered(busy, 8)
    monkeypatch.setattr("avow.prover.memory.available", lambda: 4 * RECORD.proving_memory_bytes)
    assert work(busy, jobs[0]) is Outcome.DONE
    assert [len(batch) for batch in busy.system.batches] == [4]


def test_the_latency_bound_limits_the_batch(busy: Shop) -> None:
    with busy.database.write() as session:
        session.scalars(select(ProofRow)).one().seconds = 3.0
    jobs = answered(busy, 8)
    assert work(busy, jobs[0]) is Outcome.DONE
    # 3 seconds alone, so at most 6 for two; four could take 12.
    assert [len(batch) for batch in busy.system.batches] == [2]


def test_a_deadline_limits_the_batch(busy: Shop) -> None:
    with busy.database.write() as session:
        session.scalars(select(ProofRow)).one().seconds = 2.0
    quick = settings(busy, job_seconds=3)
    hurried = answered(quick, 1)[0]
    jobs = answered(busy, 3)
    assert work(busy, jobs[0]) is Outcome.DONE
    assert busy.system.batches == [[0, 1, 2, 0]]
    assert busy.queue.status(hurried.id).state is JobState.ANSWERED
    more = answered(busy, 2)
    assert work(busy, hurried) is Outcome.DONE
    assert len(busy.system.batches) == 1
    assert states(busy.queue, more) == [JobState.ANSWERED] * 2


def test_a_lone_request_waits_no_longer_than_the_window(
    busy: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append)
    monkeypatch.setattr("avow.prover.gathering.time", clock)
    patient = settings(busy, batch_window_ms=400)
    job = answered(patient, 1)[0]
    assert work(patient, job) is Outcome.DONE
    assert 0 < sum(slept) <= 0.4
    # The window counts from the answer, so that waiting in the queue is waiting, too.
    slept.clear()
    late = answered(patient, 1)[0]
    patient.clock.now += 400
    assert work(patient, late) is Outcome.DONE
    assert slept == []
    # Nothing is waited for where nobody can join.
    patient.system.sizes = (1,)
    job = answered(patient, 1)[0]
    assert work(patient, job) is Outcome.DONE
    assert slept == []


def test_requests_that_come_within_the_window_join(busy: Shop) -> None:
    patient = settings(busy, batch_window_ms=60_000, batch_size=4)
    jobs = answered(patient, 2)
    late: list[Job] = []

    def arrive(seconds: float) -> None:
        if len(late) < 2:
            late.extend(answered(patient, 1))

    with pytest.MonkeyPatch.context() as patch:
        clock = SimpleNamespace(monotonic=time.monotonic, sleep=arrive)
        patch.setattr("avow.prover.gathering.time", clock)
        assert work(patient, jobs[0]) is Outcome.DONE
    assert [len(batch) for batch in patient.system.batches] == [4]
    assert states(patient.queue, jobs + late) == [JobState.PROVEN] * 4


def test_others_are_never_mixed_in(busy: Shop) -> None:
    mine = answered(busy, 1)
    record = replace(RECORD, constraints=2)
    elsewhere = replace(busy, catalogue=TinyCatalogue(replace(COMPILED, record=record)))
    order = OrderContext(
        chain_id=7, market=bytes([1]) * 20, order=bytes([1]) * 32, provider=bytes([2]) * 20,
        nonce=5, batches=(1, 4),
    )  # fmt: skip
    others = [
        *answered(elsewhere, 1),
        *answered(busy, 1, order),
        *answered(busy, 1, replace(order, chain_id=8)),
        *answered(busy, 1, replace(order, market=bytes([3]) * 20)),
        *answered(busy, 1, replace(order, provider=bytes([3]) * 20)),
        *answered(busy, 1, replace(order, batches=(1, 4, 16))),
    ]
    assert work(busy, mine[0]) is Outcome.DONE
    assert busy.system.batches == []
    assert states(busy.queue, others) == [JobState.ANSWERED] * 6
    for job in others[1:]:
        assert work(busy, job) is Outcome.DONE
    assert busy.system.batches == []


def test_orders_are_proven_in_sizes_that_their_market_settles(busy: Shop) -> None:
    order = OrderContext(
        chain_id=7, market=bytes([1]) * 20, order=bytes([1]) * 32, provider=bytes([2]) * 20,
        nonce=5, batches=(1, 4),
    )  # fmt: skip
    jobs = answered(busy, 6, order)
    assert work(busy, jobs[0]) is Outcome.DONE
    assert busy.system.batches == [[0, 1, 2, 3]]
    assert work(busy, jobs[4]) is Outcome.DONE
    assert busy.system.batches[1:] == [[4, 5, 4, 4]]
    # Known to settle one at a time: proven one at a time.
    lone = answered(busy, 2, replace(order, market=bytes([9]) * 20, batches=(1,)))
    assert work(busy, lone[0]) is Outcome.DONE
    assert len(busy.system.batches) == 2


@pytest.fixture
def a_second(monkeypatch: pytest.MonkeyPatch) -> Callable[[Tick], None]:
    """`a_second(tick)` is the work of a second, which ticks ten times in it as all work does."""
    clock = SimpleNamespace(monotonic=lambda: clock.now, now=0.0)
    monkeypatch.setattr("avow.prover.pulse.time", clock)

    def work(tick: Tick) -> None:
        for _ in range(10):
            clock.now += 0.1
            tick("proving", None)

    return work


def test_a_cancelled_member_costs_the_others_nothing(
    busy: Shop, a_second: Callable[[Tick], None]
) -> None:
    jobs = answered(busy, 4)

    def cancel(tick: Tick) -> None:
        busy.queue.cancel(jobs[1].id)
        a_second(tick)

    busy.system.on_prove = once(cancel, busy)
    assert work(busy, jobs[0]) is Outcome.DONE
    assert states(busy.queue, jobs) == [
        JobState.PROVEN, JobState.CANCELLED, JobState.PROVEN, JobState.PROVEN,
    ]  # fmt: skip
    assert len(list(busy.config.bundles.glob("[0-9a-f]*"))) == 4
    assert len(busy.system.batches) == 1


def test_the_one_that_was_asked_for_is_cancelled(
    busy: Shop, a_second: Callable[[Tick], None]
) -> None:
    jobs = answered(busy, 3)

    def cancel(tick: Tick) -> None:
        busy.queue.cancel(jobs[0].id)
        a_second(tick)

    busy.system.on_prove = once(cancel, busy)
    assert work(busy, jobs[0]) is Outcome.LOST
    assert states(busy.queue, jobs) == [JobState.CANCELLED, JobState.PROVEN, JobState.PROVEN]


def test_cancelling_all_ends_the_proof(busy: Shop, a_second: Callable[[Tick], None]) -> None:
    jobs = answered(busy, 3)

    def cancel(tick: Tick) -> None:
        for job in jobs:
            busy.queue.cancel(job.id)
        with pytest.raises(LeaseLost):
            a_second(tick)
        raise LeaseLost("as the child does")

    busy.system.on_prove = once(cancel, busy)
    assert work(busy, jobs[0]) is Outcome.LOST
    assert busy.system.batches == []
    assert states(busy.queue, jobs) == [JobState.CANCELLED] * 3


@pytest.mark.parametrize("error", [Refused("no"), TryAgain("died"), NotNow("full"), OSError()])
def test_a_batch_that_fails_is_made_one_by_one(busy: Shop, error: Exception) -> None:
    jobs = answered(busy, 3)

    def fail(_tick: Tick) -> None:
        raise error

    busy.system.on_prove = once(fail, busy)
    proved = busy.system.proved
    assert work(busy, jobs[0]) is Outcome.DONE
    assert busy.system.proved == proved + 3
    assert states(busy.queue, jobs) == [JobState.PROVEN] * 3
    assert all(job.history[-1].reason != "failed" for job in jobs)


def test_a_refused_member_fails_alone(busy: Shop) -> None:
    jobs = answered(busy, 4)
    system, calls = busy.system, []

    def refuse(_tick: Tick) -> None:
        calls.append(1)
        # The batch, then the second of the four on its own.
        if len(calls) in (1, 3):
            raise Refused("this input cannot be proven")

    system.on_prove = refuse
    assert work(busy, jobs[0]) is Outcome.DONE
    assert states(busy.queue, jobs) == [
        JobState.PROVEN, JobState.FAILED, JobState.PROVEN, JobState.PROVEN,
    ]  # fmt: skip
    assert busy.queue.status(jobs[1].id).reason == "this input cannot be proven"


def test_a_member_that_fails_is_tried_again_and_alone(busy: Shop) -> None:
    jobs = answered(busy, 2)
    calls: list[int] = []

    def fail(_tick: Tick) -> None:
        calls.append(1)
        if len(calls) in (1, 3):
            raise TryAgain("it died")

    busy.system.on_prove = fail
    assert work(busy, jobs[0]) is Outcome.DONE
    waiting = busy.queue.status(jobs[1].id)
    assert waiting.state is JobState.ANSWERED and "it died" in waiting.reason
    more = answered(busy, 2)
    # It waits for its turn, which is not yet, and then takes nobody along.
    assert work(busy, more[0]) is Outcome.DONE
    assert busy.system.batches == [[0, 1]]
    busy.clock.now += 60_000
    more = answered(busy, 2)
    proved = busy.system.proved
    assert work(busy, jobs[1]) is Outcome.DONE
    assert busy.system.proved == proved + 1
    assert states(busy.queue, more) == [JobState.ANSWERED] * 2


def test_an_invalid_batch_is_never_shown(busy: Shop) -> None:
    jobs = answered(busy, 3)
    busy.system.forge = True
    shown = len(list(busy.config.bundles.iterdir()))
    assert work(busy, jobs[0]) is Outcome.AGAIN
    assert states(busy.queue, jobs) == [JobState.ANSWERED] * 3
    assert len(list(busy.config.bundles.iterdir())) == shown


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_every_commit_of_a_batch(busy: Shop, after: bool) -> None:
    at = 0
    while True:
        jobs = answered(busy, 3)
        bench = replace(busy.bench(), database=CrashingDatabase(busy.database.engine, at, after))
        crashed = False
        try:
            attempt(bench, jobs[0].id, 0, Task.PROVE, prove)
        except Crash:
            crashed = True
        stored = {path.name for path in busy.config.bundles.glob("[0-9a-f]*")}
        busy.clock.now += 11_000
        reconcile(busy.database, busy.clock(), terms(busy), RESEND_MS)
        waiting = [job for job in jobs if busy.queue.status(job.id).state is not JobState.PROVEN]
        assert states(busy.queue, waiting) == [JobState.ANSWERED] * len(waiting)
        busy.system.alone.clear()
        busy.system.batches.clear()
        for job in waiting:
            assert work(busy, job) in (Outcome.DONE, Outcome.NOTHING_TO_DO)
        assert states(busy.queue, jobs) == [JobState.PROVEN] * 3
        again = busy.system.alone + [item for batch in busy.system.batches for item in batch]
        for number, job in enumerate(jobs):
            if busy.queue.status(job.id).evidence[0].bundle in stored:
                assert number not in again, "a stored proof was computed again"
        if not crashed:
            assert at >= 7
            return
        at += 1


def test_a_worker_that_stops_gives_all_members_back(busy: Shop) -> None:
    jobs = answered(busy, 3)

    def stop(_tick: Tick) -> None:
        assert give_back(busy.database, "w1", busy.clock(), terms(busy)) == 3
        raise LeaseLost("noticed")

    busy.system.on_prove = once(stop, busy)
    assert work(busy, jobs[0]) is Outcome.LOST
    assert states(busy.queue, jobs) == [JobState.ANSWERED] * 3
    with busy.database.read() as session:
        rows = session.scalars(select(LeaseRow).where(LeaseRow.task == "prove")).all()
        ids = {job.id for job in jobs}
        assert [row.attempts for row in rows if row.job_id in ids] == [0, 0, 0]
    # No attempt was counted, so that they may share a proof again.
    assert work(busy, jobs[0]) is Outcome.DONE
    assert [sorted(batch) for batch in busy.system.batches] == [[0, 0, 1, 2]]


def test_all_members_beat(busy: Shop) -> None:
    jobs = answered(busy, 3)

    def look(tick: Tick) -> None:
        for _ in range(3):
            busy.clock.now += 8_000
            tick(f"stage {busy.clock.now}", None)
            assert not reconcile(busy.database, busy.clock(), terms(busy), RESEND_MS)
        for job in jobs:
            progress = busy.queue.status(job.id).progress
            assert progress is not None and progress.stage.startswith("stage ")

    busy.system.on_prove = once(look, busy)
    assert work(busy, jobs[0]) is Outcome.DONE
    assert states(busy.queue, jobs) == [JobState.PROVEN] * 3


def test_equal_statements_have_one_bundle(busy: Shop) -> None:
    jobs = []
    for _ in range(2):
        jobs.append(busy.queue.submit(request(4, 4, 4, 4, nonce=77)))
        attempt(busy.bench(), jobs[-1].id, 0, Task.INFER, infer)
    jobs += answered(busy, 1)
    assert work(busy, jobs[0]) is Outcome.DONE
    assert busy.system.batches == [[16, 0]]
    assert states(busy.queue, jobs) == [JobState.PROVEN] * 3
    names = [busy.queue.status(job.id).evidence[0].bundle for job in jobs]
    assert names[0] == names[1] != names[2]
    # What lay there already may be anybody's: nothing is said of how it was made.
    places = [busy.queue.status(job.id).evidence[0].batch for job in jobs]
    assert places == [Batch(2, 2, 0), None, Batch(2, 2, 1)]


def test_a_database_that_goes_away_leaves_leases_that_end(busy: Shop) -> None:
    jobs = answered(busy, 3)

    class Absent(CrashingDatabase):
        pass

    bench = busy.bench()
    calls = {"left": 4}
    real = bench.database.write

    def write() -> object:
        calls["left"] -= 1
        if calls["left"] < 0:
            raise DatabaseUnavailable("gone")
        return real()

    gone = Absent(busy.database.engine, -1, after=False)
    gone.write = write  # type: ignore[method-assign, assignment]
    with pytest.raises(DatabaseUnavailable):
        attempt(replace(bench, database=gone), jobs[0].id, 0, Task.PROVE, prove)
    busy.clock.now += 11_000
    reconcile(busy.database, busy.clock(), terms(busy), RESEND_MS)
    assert states(busy.queue, jobs) == [JobState.ANSWERED] * 3
