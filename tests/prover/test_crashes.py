"""A crash on either side of every commit leaves work that is done once, and done."""

import threading
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from avow.prover.attempt import Outcome, attempt
from avow.prover.errors import NotNow, Refused, TryAgain
from avow.prover.inference import infer
from avow.prover.leases import Terms, beat, take
from avow.prover.outbox import Task, claim_due, mark_sent
from avow.prover.proving import prove
from avow.prover.reconcile import give_back, reconcile
from avow.prover.systems.system import Tick
from avow.prover.tables import AnswerRow, JobRow, LeaseRow, OutboxRow, ProofRow
from avow.verifier.lifecycle import JobState
from tests.prover.crashes import Crash, CrashingDatabase
from tests.prover.tiny import COMPILED, RECORD, Shop, TinyCatalogue, request

WORK = {Task.INFER: infer, Task.PROVE: prove}
RESEND_MS = 300_000


def terms(shop: Shop) -> Terms:
    return Terms(shop.config.lease_seconds * 1000, shop.config.max_attempts)


def count(shop: Shop, table: type) -> int:
    with shop.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def deliver_all(shop: Shop) -> int:
    """Carries out everything that the outbox holds, as a healthy worker would."""
    done = 0
    while True:
        with shop.database.write() as session:
            messages = claim_due(session, shop.clock())
        if not messages:
            return done
        for message in messages:
            with shop.database.write() as session:
                mark_sent(session, message.id, shop.clock())
            attempt(shop.bench(), message.job_id, message.leg, message.task, WORK[message.task])
            done += 1


def crash_in(shop: Shop, job_id: str, task: Task, at: int, after: bool) -> bool:
    """One delivery that dies at the `at`-th commit; False when there was none."""
    bench = replace(shop.bench(), database=CrashingDatabase(shop.database.engine, at, after))
    try:
        attempt(bench, job_id, 0, task, WORK[task])
    except Crash:
        return True
    return False


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("task", list(Task))
def test_a_crash_at_every_commit(any_shop: Shop, task: Task, after: bool) -> None:
    shop = any_shop
    at = 0
    while True:
        job = shop.queue.submit(request(at, 0, 0, 1))
        proved = shop.system.proved
        if task is Task.PROVE:
            attempt(shop.bench(), job.id, 0, Task.INFER, infer)
        crashed = crash_in(shop, job.id, task, at, after)
        stored = list(shop.config.bundles.glob("[0-9a-f]*"))
        shop.clock.now += 11_000
        reconcile(shop.database, shop.clock(), terms(shop), RESEND_MS)
        deliver_all(shop)
        finished = shop.queue.status(job.id)
        assert finished.state is JobState.PROVEN, (at, finished.reason)
        assert finished.answer is not None and finished.answer.tensors[0].values == (at + 1,)
        assert shop.system.proved - proved <= 2
        if finished.evidence[0].bundle in [path.name for path in stored]:
            assert shop.system.proved - proved == 1, "a stored proof was computed again"
        if not crashed:
            break
        at += 1
    assert at >= {Task.INFER: 3, Task.PROVE: 4}[task]
    assert count(shop, AnswerRow) == count(shop, ProofRow) == at + 1


def test_job_and_message_commit_together(any_shop: Shop) -> None:
    shop = any_shop
    broken = replace(shop, database=CrashingDatabase(shop.database.engine, 0, after=False))
    with pytest.raises(Crash):
        broken.queue.submit(request())
    assert count(shop, JobRow) == count(shop, OutboxRow) == count(shop, LeaseRow) == 0
    broken = replace(shop, database=CrashingDatabase(shop.database.engine, 0, after=True))
    with pytest.raises(Crash):
        broken.queue.submit(request())
    assert count(shop, JobRow) == count(shop, OutboxRow) == 1


def test_a_relay_that_dies_sends_again(shop: Shop) -> None:
    shop.queue.submit(request())
    with shop.database.write() as session:
        first = claim_due(session, shop.clock())
    with shop.database.write() as session:
        assert claim_due(session, shop.clock()) == []
    shop.clock.now += 31_000
    with shop.database.write() as session:
        assert claim_due(session, shop.clock()) == first


def test_the_same_task_delivered_twice_at_once(any_shop: Shop) -> None:
    shop = any_shop
    for _ in range(5):
        job = shop.queue.submit(request())
        answered, proved = shop.system.answered, shop.system.proved
        for task in Task:
            start = threading.Barrier(4)
            outcomes: list[Outcome] = []

            def deliver(
                task: Task = task,
                start: threading.Barrier = start,
                outcomes: list[Outcome] = outcomes,
                job_id: str = job.id,
            ) -> None:
                start.wait()
                outcomes.append(attempt(shop.bench(), job_id, 0, task, WORK[task]))

            threads = [threading.Thread(target=deliver) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(item.value for item in outcomes) == ["done"] + ["nothing to do"] * 3
        assert (shop.system.answered, shop.system.proved) == (answered + 1, proved + 1)
        assert shop.queue.status(job.id).state is JobState.PROVEN


def test_a_stale_worker_stores_nothing(any_shop: Shop) -> None:
    shop = any_shop
    job = shop.queue.submit(request())
    attempt(shop.bench(), job.id, 0, Task.INFER, infer)

    def sleep_past_the_lease(_tick: Tick) -> None:
        shop.system.on_prove = lambda tick: None
        shop.clock.now += 11_000
        reconcile(shop.database, shop.clock(), terms(shop), RESEND_MS)
        assert attempt(shop.bench(), job.id, 0, Task.PROVE, prove) is Outcome.DONE

    shop.system.on_prove = sleep_past_the_lease
    assert attempt(shop.bench(), job.id, 0, Task.PROVE, prove) is Outcome.LOST
    assert count(shop, ProofRow) == 1
    assert shop.queue.status(job.id).state is JobState.PROVEN


def test_a_live_lease_is_left_alone(shop: Shop) -> None:
    job = shop.queue.submit(request())
    holder = shop.bench().holder.text()
    with shop.database.write() as session:
        lease = take(session, job.id, 0, Task.INFER, holder, shop.clock(), terms(shop))
    assert lease is not None
    for _ in range(5):
        shop.clock.now += 6_000
        with shop.database.write() as session:
            beat(session, lease, shop.clock(), terms(shop), "running", 10, None)
        assert not reconcile(shop.database, shop.clock(), terms(shop), RESEND_MS)
    progress = shop.queue.status(job.id).progress
    assert progress is not None and (progress.stage, progress.percent) == ("running", 10)


def test_a_dead_holder_is_noticed_before_its_lease_ends(shop: Shop) -> None:
    job = shop.queue.submit(request())
    # The same process number, begun at another time: the process that held it is gone.
    gone = replace(shop.bench().holder, started=1).text()
    with shop.database.write() as session:
        assert take(session, job.id, 0, Task.INFER, gone, shop.clock(), terms(shop))
    assert attempt(shop.bench(), job.id, 0, Task.INFER, infer) is Outcome.DONE


def test_a_worker_that_stops_gives_back_without_an_attempt(shop: Shop) -> None:
    job = shop.queue.submit(request())
    for _ in range(10):
        with shop.database.write() as session:
            holder = shop.bench("w7").holder.text()
            assert take(session, job.id, 0, Task.INFER, holder, shop.clock(), terms(shop))
        assert give_back(shop.database, "w8", shop.clock(), terms(shop)) == 0
        assert give_back(shop.database, "w7", shop.clock(), terms(shop)) == 1
        assert shop.queue.status(job.id).state is JobState.QUEUED
    deliver_all(shop)
    assert shop.queue.status(job.id).state is JobState.PROVEN


def test_the_cap_of_attempts(any_shop: Shop) -> None:
    shop = any_shop

    def fail(_tick: Tick) -> None:
        raise TryAgain("the child was killed")

    shop.system.on_prove = fail
    job = shop.queue.submit(request())
    for _ in range(10):
        deliver_all(shop)
        shop.clock.now += 60_000
    failed = shop.queue.status(job.id)
    assert failed.state is JobState.FAILED
    assert failed.reason == "prove failed 3 times, last: the child was killed"
    assert sum(step.to_state == "proving" for step in failed.history) == 3


def test_workers_that_die_silently_are_capped_too(shop: Shop) -> None:
    job = shop.queue.submit(request())
    for _ in range(10):
        crash_in(shop, job.id, Task.INFER, 1, after=False)
        shop.clock.now += 11_000
        reconcile(shop.database, shop.clock(), terms(shop), RESEND_MS)
    failed = shop.queue.status(job.id)
    assert failed.state is JobState.FAILED
    assert failed.reason == "infer failed 3 times, last: the worker was lost"


def test_a_fault_of_the_program_costs_one_attempt(shop: Shop) -> None:
    def fault(_tick: Tick) -> None:
        shop.system.on_prove = lambda tick: None
        raise ZeroDivisionError

    shop.system.on_prove = fault
    job = shop.queue.submit(request())
    deliver_all(shop)
    shop.clock.now += 60_000
    deliver_all(shop)
    assert shop.queue.status(job.id).state is JobState.PROVEN


def test_what_can_never_work_fails_at_once(shop: Shop) -> None:
    def refuse(_tick: Tick) -> None:
        raise Refused("the circuit cannot run this input")

    shop.system.on_answer = refuse
    job = shop.queue.submit(request())
    assert attempt(shop.bench(), job.id, 0, Task.INFER, infer) is Outcome.FAILED
    assert shop.queue.status(job.id).reason == "the circuit cannot run this input"


def test_an_invalid_proof_is_never_shown(shop: Shop) -> None:
    shop.system.forge = True
    job = shop.queue.submit(request())
    for _ in range(5):
        deliver_all(shop)
        shop.clock.now += 60_000
    failed = shop.queue.status(job.id)
    assert failed.state is JobState.FAILED and "wrong seal" in failed.reason
    assert list(shop.config.bundles.iterdir()) == []


def test_waiting_for_memory_costs_no_attempt(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avow.prover.memory.available", lambda: 10)
    job = shop.queue.submit(request())
    for _ in range(8):
        deliver_all(shop)
        shop.clock.now += 10_000
    waiting = shop.queue.status(job.id)
    assert waiting.state is JobState.ANSWERED
    assert "needs about 1000 bytes of memory, 10 are free now" in waiting.reason
    monkeypatch.undo()
    deliver_all(shop)
    assert shop.queue.status(job.id).state is JobState.PROVEN


def test_a_proof_too_large_for_the_machine_fails(shop: Shop) -> None:
    huge = replace(RECORD, proving_memory_bytes=2**50)
    shop.catalogue = TinyCatalogue(replace(COMPILED, record=huge))
    job = shop.queue.submit(request())
    deliver_all(shop)
    failed = shop.queue.status(job.id)
    assert failed.state is JobState.FAILED and f"about {2**50} bytes" in failed.reason


def test_deadlines_expire_jobs(shop: Shop) -> None:
    waiting = shop.queue.submit(request())
    proving = shop.queue.submit(request())
    attempt(shop.bench(), proving.id, 0, Task.INFER, infer)
    shop.clock.now += shop.config.job_seconds * 1000
    assert attempt(shop.bench(), proving.id, 0, Task.PROVE, prove) is Outcome.NOTHING_TO_DO
    assert reconcile(shop.database, shop.clock(), terms(shop), RESEND_MS).expired == 1
    for job in (waiting, proving):
        assert shop.queue.status(job.id).state is JobState.EXPIRED


def test_endless_waiting_ends_with_the_deadline(shop: Shop) -> None:
    def later(_tick: Tick) -> None:
        shop.clock.now += 3_600_000
        raise NotNow("busy")

    shop.system.on_prove = later
    job = shop.queue.submit(request())
    for _ in range(30):
        deliver_all(shop)
        shop.clock.now += 10_000
    assert shop.queue.status(job.id).state is JobState.EXPIRED


def test_lost_messages_are_asked_for_again(shop: Shop) -> None:
    job = shop.queue.submit(request())
    with shop.database.write() as session:
        (message,) = claim_due(session, shop.clock())
        mark_sent(session, message.id, shop.clock())
    shop.clock.now += RESEND_MS - 1
    assert not reconcile(shop.database, shop.clock(), terms(shop), RESEND_MS)
    shop.clock.now += 2
    assert reconcile(shop.database, shop.clock(), terms(shop), RESEND_MS).resent == 1
    assert not reconcile(shop.database, shop.clock(), terms(shop), RESEND_MS)
    deliver_all(shop)
    assert shop.queue.status(job.id).state is JobState.PROVEN
