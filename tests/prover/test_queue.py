"""Submitting, following, cancelling: what callers of the queue may rely on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event

from avow.prover.attempt import Outcome, attempt
from avow.prover.config import from_environment
from avow.prover.errors import (
    IllegalTransition,
    LeaseLost,
    NotReady,
    QueueFull,
    RequestRefused,
    UnknownJob,
)
from avow.prover.inference import infer
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.queue import open_queue
from avow.prover.request import OrderContext
from avow.prover.systems.system import Tick
from avow.verifier.bundle import parse_bundle
from avow.verifier.lifecycle import JobState, LegState
from tests.prover.test_catalogue import put
from tests.prover.tiny import RECORD, Shop, request


def work(shop: Shop, job_id: str) -> None:
    """Both tasks, as delivered by the broker."""
    assert attempt(shop.bench(), job_id, 0, Task.INFER, infer) is Outcome.DONE
    assert attempt(shop.bench(), job_id, 0, Task.PROVE, prove) is Outcome.DONE


def void(_value: object) -> None:
    """Forgets a value, for a lambda that must give none."""


def order(nonce: int = 7) -> OrderContext:
    return OrderContext(31337, b"\x01" * 20, b"\x02" * 32, b"\x03" * 20, nonce)


def test_a_job_is_answered_then_proven(any_shop: Shop) -> None:
    shop = any_shop
    job = shop.queue.submit(request(1, 2, 3, 4))
    assert job.state is JobState.QUEUED
    attempt(shop.bench(), job.id, 0, Task.INFER, infer)
    answered = shop.queue.status(job.id)
    assert answered.state is JobState.ANSWERED
    assert answered.answer is not None and answered.answer.tensors[0].values == (10,)
    assert answered.answer.reals() == ((10 / 16,),)
    assert answered.preview is not None and answered.preview["kind"] == "preview"
    with pytest.raises(NotReady, match="answered: it has no bundle yet"):
        shop.queue.bundle(job.id)
    attempt(shop.bench(), job.id, 0, Task.PROVE, prove)
    proven = shop.queue.status(job.id)
    assert proven.state is JobState.PROVEN
    bundle = parse_bundle(shop.queue.bundle(job.id))
    assert bundle.statement.nonce == job.nonce != 0
    assert "0x" + bundle.statement.digest().hex() == proven.evidence[0].statement
    states = [step.to_state for step in proven.history]
    assert states == ["queued", "running", "answered", "proving", "proven"]
    json.dumps(proven.to_json())


def test_the_statement_carries_the_order(shop: Shop) -> None:
    job = shop.queue.submit(replace(request(), order=order()))
    work(shop, job.id)
    statement = parse_bundle(shop.queue.bundle(job.id)).statement
    assert statement.domain.chain_id == 31337
    assert (statement.order, statement.provider) == (b"\x02" * 32, b"\x03" * 20)
    assert statement.nonce == 7


def test_the_same_client_key_gives_the_same_job(any_shop: Shop) -> None:
    first = any_shop.queue.submit(request(1, 2, 3, 4, client_key="a"))
    again = any_shop.queue.submit(request(1, 2, 3, 4, client_key="a"))
    assert again.id == first.id
    assert len(any_shop.queue.jobs()) == 1
    with pytest.raises(RequestRefused, match="asked for something else"):
        any_shop.queue.submit(request(4, 3, 2, 1, client_key="a"))


def test_a_repeated_request_keeps_the_system_that_was_chosen(tmp_path: Path) -> None:
    config = from_environment({"AVOW_HOME": str(tmp_path)})
    first_record = replace(RECORD, system="ezkl/v1")
    put(config.artifacts, first_record)
    queue = open_queue(config)
    unnamed = replace(request(client_key="a"), system=None)
    first = queue.submit(unnamed)
    assert first.evidence[0].system == "ezkl/v1"
    put(config.artifacts, replace(RECORD, system="sumcheck/v1"))
    assert queue.submit(unnamed).id == first.id
    assert queue.submit(replace(unnamed, client_key="b")).evidence[0].system == "sumcheck/v1"
    queue.close()


def test_what_can_never_fit_is_not_admitted(shop: Shop) -> None:
    small = replace(shop.config, prove_memory=RECORD.proving_memory_bytes - 1)
    with pytest.raises(RequestRefused, match="needs about 1000 bytes of memory, at most 999 may"):
        replace(shop, config=small).queue.submit(request())
    enough = replace(shop.config, prove_memory=RECORD.proving_memory_bytes)
    assert replace(shop, config=enough).queue.submit(request()).state is JobState.QUEUED
    assert len(shop.queue.jobs()) == 1


def test_out_of_range_inputs_store_nothing(shop: Shop) -> None:
    with pytest.raises(RequestRefused, match=r"inputs\[0\].*must lie in"):
        shop.queue.submit(request(1, 2, 3, 4000))
    with pytest.raises(RequestRefused, match="no compiled model"):
        shop.queue.submit(replace(request(), model="nobody"))
    assert shop.queue.jobs() == []


def test_a_full_queue_refuses(shop: Shop) -> None:
    shop.config = replace(shop.config, max_open_jobs=1)
    shop.queue.submit(request())
    with pytest.raises(QueueFull, match="1 jobs wait"):
        shop.queue.submit(request())


def test_cancel_before_work_starts(shop: Shop) -> None:
    job = shop.queue.submit(request())
    assert shop.queue.cancel(job.id).state is JobState.CANCELLED
    assert shop.queue.cancel(job.id).state is JobState.CANCELLED
    assert attempt(shop.bench(), job.id, 0, Task.INFER, infer) is Outcome.NOTHING_TO_DO
    assert shop.system.answered == 0
    with pytest.raises(NotReady, match="never"):
        shop.queue.bundle(job.id)


def test_cancel_during_the_proof_stops_it(shop: Shop) -> None:
    job = shop.queue.submit(request())
    attempt(shop.bench(), job.id, 0, Task.INFER, infer)

    def meanwhile(tick: Tick) -> None:
        shop.queue.cancel(job.id)
        with pytest.raises(LeaseLost):
            tick("another stage", None)
        raise LeaseLost("passed on by the system")

    shop.system.on_prove = meanwhile
    assert attempt(shop.bench(), job.id, 0, Task.PROVE, prove) is Outcome.LOST
    assert shop.queue.status(job.id).state is JobState.CANCELLED
    assert not list(shop.config.bundles.glob("*"))


def test_a_proof_that_ignores_its_cancellation_is_not_stored(shop: Shop) -> None:
    job = shop.queue.submit(request())
    attempt(shop.bench(), job.id, 0, Task.INFER, infer)
    shop.system.on_prove = lambda tick: void(shop.queue.cancel(job.id))
    assert attempt(shop.bench(), job.id, 0, Task.PROVE, prove) is Outcome.LOST
    cancelled = shop.queue.status(job.id)
    assert cancelled.state is JobState.CANCELLED
    assert cancelled.evidence[0].bundle is None


def test_too_late_to_cancel(shop: Shop) -> None:
    job = shop.queue.submit(request())
    work(shop, job.id)
    with pytest.raises(IllegalTransition, match="proven: it cannot become cancelled"):
        shop.queue.cancel(job.id)


def test_payment_is_marked_once(any_shop: Shop) -> None:
    shop = any_shop
    job = shop.queue.submit(replace(request(), order=order()))
    work(shop, job.id)
    with pytest.raises(IllegalTransition, match="locked: it cannot become settled"):
        shop.queue.record_payment(job.id, 0, "0xaa")
    assert shop.queue.move_leg(job.id, 0, LegState.DELIVERED)
    assert not shop.queue.move_leg(job.id, 0, LegState.DELIVERED)
    assert shop.queue.record_payment(job.id, 0, "0xaa")
    assert not shop.queue.record_payment(job.id, 0, "0xbb")
    settled = shop.queue.status(job.id)
    assert settled.state is JobState.SETTLED
    assert settled.evidence[0].payment == "0xaa"


def test_a_job_is_not_paid_before_it_is_proven(shop: Shop) -> None:
    job = shop.queue.submit(replace(request(), order=order()))
    shop.queue.move_leg(job.id, 0, LegState.DELIVERED)
    with pytest.raises(IllegalTransition, match="queued: its legs cannot be paid"):
        shop.queue.record_payment(job.id, 0, "0xaa")


def test_a_refunded_job_is_not_paid(shop: Shop) -> None:
    job = shop.queue.submit(replace(request(), order=order()))
    work(shop, job.id)
    shop.queue.move_leg(job.id, 0, LegState.DELIVERED)
    assert shop.queue.advance(job.id, JobState.REFUNDED, "deadline").state is JobState.REFUNDED
    with pytest.raises(IllegalTransition, match="refunded: its legs cannot be paid"):
        shop.queue.record_payment(job.id, 0, "0xaa")
    with pytest.raises(IllegalTransition, match="not by decree"):
        shop.queue.advance(job.id, JobState.SETTLED, "because")


def test_unknown_jobs(shop: Shop) -> None:
    for call in (shop.queue.status, shop.queue.bundle, shop.queue.cancel):
        with pytest.raises(UnknownJob, match="no job 'x'"):
            call("x")
    with pytest.raises(UnknownJob):
        shop.queue.record_payment("x", 0, "0x")


def test_an_altered_bundle_is_not_handed_out(shop: Shop) -> None:
    job = shop.queue.submit(request())
    work(shop, job.id)
    (file,) = shop.config.bundles.glob("*.avow.json")
    file.write_bytes(file.read_bytes().replace(b"tiny", b"Tiny", 1))
    with pytest.raises(NotReady, match="altered after it was written"):
        shop.queue.bundle(job.id)
    file.unlink()
    with pytest.raises(NotReady, match="cannot be read"):
        shop.queue.bundle(job.id)


def test_listing_by_state_and_time(shop: Shop) -> None:
    ids = []
    for _ in range(3):
        shop.clock.now += 1000
        ids.append(shop.queue.submit(request()).id)
    shop.queue.cancel(ids[0])
    assert [job.id for job in shop.queue.jobs()] == ids[::-1]
    assert [job.id for job in shop.queue.jobs([JobState.CANCELLED])] == ids[:1]
    assert [job.id for job in shop.queue.jobs(before=shop.clock.now, limit=1)] == [ids[1]]


def test_many_jobs_are_listed_by_as_many_queries_as_one(any_shop: Shop) -> None:
    counted: list[str] = []

    def listed(count: int) -> int:
        counted.clear()
        found = any_shop.queue.jobs(limit=count)
        assert len(found) == count and all(len(job.evidence) == 1 for job in found)
        return len(counted)

    jobs = []
    for _ in range(4):
        jobs.append(any_shop.queue.submit(request()))
        any_shop.clock.now += 1
    assert attempt(any_shop.bench(), jobs[0].id, 0, Task.INFER, infer) is Outcome.DONE
    assert any_shop.queue.jobs() == [any_shop.queue.status(job.id) for job in reversed(jobs)]
    engine = any_shop.database.engine
    event.listen(engine, "before_cursor_execute", lambda *given: counted.append(given[2]))
    assert listed(1) == listed(4)
