"""Memory is promised once: proofs of one machine together never more than it has."""

import threading
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from avow.prover import memory
from avow.prover.attempt import Outcome, attempt
from avow.prover.errors import NotNow
from avow.prover.inference import infer
from avow.prover.leases import Lease, finish, take
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.reservations import claim, reserve
from avow.prover.systems.system import Tick
from avow.prover.tables import LeaseRow, MemoryClaimRow
from avow.verifier.lifecycle import JobState
from tests.prover.tiny import COMPILED, Shop, TinyCatalogue, request

GIB = 2**30


def proving(shop: Shop, machine: str | None = None) -> Lease:
    """A job whose proof somebody has begun, on this machine unless another is named."""
    job = shop.queue.submit(request())
    assert attempt(shop.bench(), job.id, 0, Task.INFER, infer) is Outcome.DONE
    holder = shop.bench().holder
    if machine is not None:
        holder = replace(holder, machine=machine)
    with shop.database.write() as session:
        lease = take(
            session, job.id, 0, Task.PROVE, holder.text(), shop.clock(), shop.bench().terms
        )
    assert lease is not None
    return lease


def test_promises_add_up_to_what_there_is(any_shop: Shop) -> None:
    shop, bench = any_shop, any_shop.bench()
    first, second, third = (proving(shop) for _ in range(3))
    assert reserve(bench, first, 3 * GIB, 8 * GIB) == 8 * GIB
    assert reserve(bench, second, 4 * GIB, 8 * GIB) == 5 * GIB
    with pytest.raises(NotNow, match=f"others here leave {GIB}"):
        reserve(bench, third, 2 * GIB, 8 * GIB)
    # One's own promise is not counted against oneself.
    assert reserve(bench, second, 5 * GIB, 8 * GIB) == 5 * GIB
    with shop.database.write() as session:
        finish(session, first)
    assert reserve(bench, third, 3 * GIB, 8 * GIB) == 3 * GIB


def test_other_machines_and_dead_leases_promise_nothing(any_shop: Shop) -> None:
    shop, bench = any_shop, any_shop.bench()
    elsewhere, here = proving(shop, "other-1234"), proving(shop)
    far = replace(bench, holder=replace(bench.holder, machine="other-1234"))
    assert reserve(far, elsewhere, 8 * GIB, 8 * GIB) == 8 * GIB
    assert reserve(bench, here, 8 * GIB, 8 * GIB) == 8 * GIB
    shop.clock.now += 11_000
    late = proving(shop)
    assert reserve(bench, late, 8 * GIB, 8 * GIB) == 8 * GIB


def test_of_many_at_once_only_so_many_are_promised(any_shop: Shop) -> None:
    leases = [proving(any_shop) for _ in range(6)]
    promised: list[Lease] = []

    def ask(lease: Lease) -> None:
        try:
            reserve(any_shop.bench(), lease, 3 * GIB, 8 * GIB)
            promised.append(lease)
        except NotNow:
            pass

    threads = [threading.Thread(target=ask, args=(lease,)) for lease in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(promised) == 2


def finished(shop: Shop, lease: Lease) -> None:
    """The work under a lease is stored."""
    with shop.database.write() as session:
        finish(session, lease)


def refused(shop: Shop, lease: Lease, predicted: int) -> bool:
    """Whether a proof finds too little memory, as a worker tries it: then it claims it."""
    try:
        reserve(shop.bench(), lease, predicted, 8 * GIB)
    except NotNow:
        claim(shop.bench(), lease, predicted, 8 * GIB)
        return True
    return False


def stream(shop: Shop, large: Lease | None, rounds: int) -> list[bool]:
    """Small proofs, each of which begins before the one before it ends; whether each began.

    A large one tries in between, and ends the stream when it begins.
    """
    began, last = [], proving(shop)
    reserve(shop.bench(), last, 2 * GIB, 8 * GIB)
    for _ in range(rounds):
        shop.clock.now += 5_000
        small = proving(shop)
        began.append(not refused(shop, small, 2 * GIB))
        finished(shop, last)
        if large is not None and not refused(shop, large, 7 * GIB):
            break
        last = small
        with shop.database.write() as session:
            session.execute(update(LeaseRow).values(expires_at=shop.clock.now + 10_000))
    return began


def test_a_large_proof_does_not_wait_behind_small_ones_for_ever(any_shop: Shop) -> None:
    shop = any_shop
    large = proving(shop)
    began = stream(shop, large, 100)
    # Half a minute of them go before it; then the memory that they give back is kept for it.
    assert 5 <= sum(began) <= 8 and len(began) < 12
    with shop.database.read() as session:
        assert session.scalar(select(LeaseRow.reserved).where(LeaseRow.token == large.token))
        waiting = session.scalars(select(MemoryClaimRow.bytes)).all()
    # It waits no more; the small one that made room does.
    assert 7 * GIB not in waiting


def test_what_fits_beside_a_claim_goes_on(shop: Shop) -> None:
    first, large, small, medium = (proving(shop) for _ in range(4))
    assert not refused(shop, first, 4 * GIB) and refused(shop, large, 5 * GIB)
    shop.clock.now += 9_000
    assert not refused(shop, small, 2 * GIB)
    finished(shop, small)
    for _ in range(4):
        shop.clock.now += 9_000
        with shop.database.write() as session:
            session.execute(update(LeaseRow).values(expires_at=shop.clock.now + 10_000))
        assert refused(shop, large, 5 * GIB)
    finished(shop, first)
    assert refused(shop, medium, 4 * GIB), "it would not leave the five that are claimed"
    again = proving(shop)
    assert not refused(shop, again, 3 * GIB)
    assert not refused(shop, large, 5 * GIB)


def test_of_two_that_wait_the_older_goes_first(shop: Shop) -> None:
    first, older, younger = (proving(shop) for _ in range(3))
    assert not refused(shop, first, 4 * GIB) and refused(shop, older, 6 * GIB)
    shop.clock.now += 1_000
    assert refused(shop, younger, 6 * GIB)
    shop.clock.now += 40_000
    finished(shop, first)
    assert refused(shop, younger, 6 * GIB)
    assert not refused(shop, older, 6 * GIB)


def test_a_claim_ends_with_its_job_and_when_nobody_tries_it(shop: Shop) -> None:
    first, large, small = (proving(shop) for _ in range(3))
    assert not refused(shop, first, 4 * GIB) and refused(shop, large, 8 * GIB)
    shop.clock.now += 40_000
    finished(shop, first)
    assert refused(shop, small, 2 * GIB)
    shop.queue.cancel(large.job_id)
    assert not refused(shop, small, 2 * GIB)
    finished(shop, small)
    forgotten, other = proving(shop), proving(shop)
    claim(shop.bench(), forgotten, 8 * GIB, 8 * GIB)
    shop.clock.now += 40_000
    assert refused(shop, other, 2 * GIB)
    shop.clock.now += 600_000
    assert not refused(shop, other, 2 * GIB)


def test_what_other_programs_hold_is_not_claimed(shop: Shop) -> None:
    """Else a proof that cannot begin would keep everybody from beginning."""
    first, large, small = (proving(shop) for _ in range(3))
    assert not refused(shop, first, 2 * GIB)
    claim(shop.bench(), large, 7 * GIB, 4 * GIB)
    shop.clock.now += 40_000
    assert not refused(shop, small, 2 * GIB)


def test_a_claim_of_another_machine_keeps_nothing_here(shop: Shop) -> None:
    bench = shop.bench()
    far = replace(bench, holder=replace(bench.holder, machine="other-1234"))
    claim(far, proving(shop, "other-1234"), 8 * GIB, 8 * GIB)
    shop.clock.now += 40_000
    assert not refused(shop, proving(shop), 2 * GIB)


def test_a_proof_waits_for_the_memory_of_another(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is put back without an attempt counted, and proven once the other one has ended."""
    record = replace(COMPILED.record, proving_memory_bytes=5 * GIB)
    shop.catalogue = TinyCatalogue(replace(COMPILED, record=record))
    monkeypatch.setattr(memory, "total", lambda: 8 * GIB)
    monkeypatch.setattr(memory, "available", lambda: 8 * GIB)
    first, second = (shop.queue.submit(request()).id for _ in range(2))
    for job in (first, second):
        assert attempt(shop.bench(), job, 0, Task.INFER, infer) is Outcome.DONE
    outcomes = []

    def meanwhile(tick: Tick) -> None:
        if not outcomes:
            outcomes.append(None)
            outcomes.append(attempt(shop.bench("w2"), second, 0, Task.PROVE, prove))

    shop.system.on_prove = meanwhile
    assert attempt(shop.bench(), first, 0, Task.PROVE, prove) is Outcome.DONE
    assert outcomes[1] is Outcome.AGAIN
    waiting = shop.queue.status(second)
    assert waiting.state is JobState.ANSWERED
    assert "others here leave" in waiting.reason
    with shop.database.read() as session:
        (waiting,) = session.scalars(select(MemoryClaimRow)).all()
    assert (waiting.job_id, waiting.bytes) == (second, 5 * GIB)
    shop.clock.now += 5_000
    assert attempt(shop.bench(), second, 0, Task.PROVE, prove) is Outcome.DONE
    with shop.database.read() as session:
        assert session.scalars(select(MemoryClaimRow)).all() == []
