"""Memory is promised once: proofs of one machine together never more than it has."""

import threading
from dataclasses import replace

import pytest

from avow.prover import memory
from avow.prover.attempt import Outcome, attempt
from avow.prover.errors import NotNow
from avow.prover.inference import infer
from avow.prover.leases import Lease, finish, take
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.reservations import reserve
from avow.prover.systems.system import Tick
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
    with pytest.raises(NotNow, match=f"other proofs here leave {GIB}"):
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
    assert "other proofs here leave" in waiting.reason
    shop.clock.now += 5_000
    assert attempt(shop.bench(), second, 0, Task.PROVE, prove) is Outcome.DONE
