"""A labourer that takes nothing is found, and nobody else is."""

import pytest

from avow.prover.leases import finish, take
from avow.prover.outbox import Task
from avow.prover.queues import WorkQueue
from avow.prover.stalls import Stalls, at_work
from tests.prover.tiny import Shop, request

INFER, PROVE, LARGE = WorkQueue.INFER, WorkQueue.PROVE, WorkQueue.LARGE


class Hours:
    """A clock that a test sets, in seconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hours() -> Hours:
    return Hours()


def test_messages_that_nobody_takes_are_a_stall_once(hours: Hours) -> None:
    stalls = Stalls(60, hours)
    for hours.now in (0, 20, 40, 59):
        assert stalls.observe({INFER: 2, PROVE: 0}, set()) == []
    hours.now = 60
    assert stalls.observe({INFER: 3, PROVE: 0}, set()) == [INFER]
    # Its successor has as long.
    assert stalls.observe({INFER: 3, PROVE: 0}, set()) == []
    hours.now = 119
    assert stalls.observe({INFER: 3, PROVE: 0}, set()) == []
    hours.now = 120
    assert stalls.observe({INFER: 3, PROVE: 0}, set()) == [INFER]


def test_both_queues_of_proofs_are_busy_with_a_proof(hours: Hours) -> None:
    stalls = Stalls(60, hours)
    for hours.now in (0, 60, 120):
        assert stalls.observe({PROVE: 1, LARGE: 1}, {Task.PROVE}) == []
    # Since it ended, not since messages wait.
    hours.now = 130
    assert stalls.observe({PROVE: 1, LARGE: 1}, {Task.INFER}) == []
    hours.now = 189
    assert stalls.observe({PROVE: 1, LARGE: 1}, set()) == []
    hours.now = 190
    assert stalls.observe({PROVE: 1, LARGE: 1}, set()) == [PROVE, LARGE]


def test_a_queue_that_somebody_takes_from_does_not_stall(hours: Hours) -> None:
    stalls = Stalls(60, hours)
    for hours.now, count in ((0, 5), (50, 4), (100, 3), (150, 0), (200, 1), (259, 1)):
        assert stalls.observe({INFER: count}, set()) == []
    # One that only grew by itself, meanwhile, does.
    hours.now = 260
    assert stalls.observe({INFER: 9}, set()) == [INFER]


def test_who_has_just_begun_or_knows_nothing_waits_anew(hours: Hours) -> None:
    stalls = Stalls(60, hours)
    stalls.observe({INFER: 1, PROVE: 1}, set())
    hours.now = 50
    stalls.forget(INFER)
    hours.now = 60
    assert stalls.observe({INFER: 1, PROVE: 1}, set()) == [PROVE]
    stalls.forget()
    hours.now = 119
    assert stalls.observe({INFER: 1, PROVE: 1}, set()) == []
    hours.now = 179
    assert stalls.observe({INFER: 1, PROVE: 1}, set()) == [INFER, PROVE]


def test_a_worker_is_at_work_by_its_own_leases_alone(shop: Shop) -> None:
    job, bench = shop.queue.submit(request()), shop.bench("w7")
    with shop.database.read() as session:
        assert at_work(session, "w7") == set()
    with shop.database.write() as session:
        holder = bench.holder.text()
        lease = take(session, job.id, 0, Task.INFER, holder, shop.clock(), bench.terms)
        assert lease is not None
    with shop.database.read() as session:
        assert at_work(session, "w7") == {Task.INFER}
        assert at_work(session, "w8") == set()
    with shop.database.write() as session:
        finish(session, lease)
    with shop.database.read() as session:
        assert at_work(session, "w7") == set()
