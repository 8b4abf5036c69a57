"""A job with two legs: what becomes of one leg takes nothing from the other."""

import pytest
from sqlalchemy import select

from avow.prover.attempt import Outcome, attempt
from avow.prover.inference import infer
from avow.prover.leases import Lease, fail, put_back, take
from avow.prover.outbox import Task, waiting
from avow.prover.proving import prove
from avow.prover.reconcile import give_back, reconcile
from avow.prover.systems.system import Tick
from avow.prover.tables import EvidenceRow, LeaseRow, OutboxRow, ProofRow
from avow.verifier.lifecycle import JobState
from tests.prover.tiny import Shop, request


@pytest.fixture
def job(shop: Shop) -> str:
    """A job of two legs that is answered; both are for the same artifact, hence one statement."""
    made = shop.queue.submit(request())
    with shop.database.write() as session:
        first = session.get(EvidenceRow, (made.id, 0))
        assert first is not None
        columns = {column.name: getattr(first, column.name) for column in EvidenceRow.__table__.c}
        session.add(EvidenceRow(**columns | {"leg": 1}))
    assert attempt(shop.bench(), made.id, 0, Task.INFER, infer) is Outcome.DONE
    return made.id


def taken(shop: Shop, job: str, leg: int, holder: str = "somebody") -> Lease:
    """The lease on a leg's proof, in the hands of another worker."""
    with shop.database.write() as session:
        lease = take(session, job, leg, Task.PROVE, holder, shop.clock(), shop.bench().terms)
    assert lease is not None
    return lease


def proven_legs(shop: Shop, job: str) -> list[int]:
    with shop.database.read() as session:
        query = select(ProofRow.leg).where(ProofRow.job_id == job).order_by(ProofRow.leg)
        return list(session.scalars(query))


def state(shop: Shop, job: str) -> JobState:
    return shop.queue.status(job).state


def test_a_leg_that_is_put_back_takes_nothing_from_the_other(shop: Shop, job: str) -> None:
    """The second leg is given up for now while the first one is at work: that is stored."""
    other = taken(shop, job, 1)

    def meanwhile(tick: Tick) -> None:
        with shop.database.write() as session:
            terms = shop.bench().terms
            assert put_back(session, other, "no memory now", shop.clock(), terms, 0, counted=False)
        assert state(shop, job) is JobState.PROVING

    shop.system.on_prove = meanwhile
    assert attempt(shop.bench(), job, 0, Task.PROVE, prove) is Outcome.DONE
    assert proven_legs(shop, job) == [0] and state(shop, job) is JobState.ANSWERED
    assert attempt(shop.bench(), job, 1, Task.PROVE, prove) is Outcome.DONE
    assert proven_legs(shop, job) == [0, 1] and state(shop, job) is JobState.PROVEN
    # It was never proven twice: the second leg took up the first one's bundle.
    assert shop.system.proved == 1


def test_a_leg_whose_worker_is_lost_takes_nothing_from_the_other(shop: Shop, job: str) -> None:
    taken(shop, job, 1)

    def meanwhile(tick: Tick) -> None:
        shop.clock.now += 11_000
        with shop.database.write() as session:
            row = session.get(LeaseRow, (job, 0, Task.PROVE.value))
            assert row is not None
            row.expires_at = shop.clock.now + 10_000
        done = reconcile(shop.database, shop.clock(), shop.bench().terms, 60_000)
        assert done.taken_back == 1 and state(shop, job) is JobState.PROVING

    shop.system.on_prove = meanwhile
    assert attempt(shop.bench(), job, 0, Task.PROVE, prove) is Outcome.DONE
    assert attempt(shop.bench(), job, 1, Task.PROVE, prove) is Outcome.DONE
    assert state(shop, job) is JobState.PROVEN


def test_who_lost_the_lease_of_a_leg_stores_nothing(shop: Shop, job: str) -> None:
    """Its leg is in other hands, although the job is at work."""
    outcomes: list[Outcome] = []

    def meanwhile(tick: Tick) -> None:
        shop.system.on_prove = lambda tick: None
        shop.clock.now += 11_000
        outcomes.append(attempt(shop.bench("w2"), job, 0, Task.PROVE, prove))

    shop.system.on_prove = meanwhile
    taken(shop, job, 1)
    assert attempt(shop.bench("w1"), job, 0, Task.PROVE, prove) is Outcome.LOST
    assert outcomes == [Outcome.DONE] and proven_legs(shop, job) == [0]


def test_a_lost_message_of_the_second_leg_is_sent_again(shop: Shop, job: str) -> None:
    assert attempt(shop.bench(), job, 0, Task.PROVE, prove) is Outcome.DONE
    assert state(shop, job) is JobState.ANSWERED
    with shop.database.write() as session:
        for row in session.scalars(select(OutboxRow).where(OutboxRow.job_id == job)):
            session.delete(row)
    shop.clock.now += 61_000
    assert reconcile(shop.database, shop.clock(), shop.bench().terms, 60_000).resent == 1
    with shop.database.read() as session:
        assert waiting(session, job, 1, shop.clock())
        assert session.scalars(select(OutboxRow.leg).where(OutboxRow.job_id == job)).all() == [1]
    assert attempt(shop.bench(), job, 1, Task.PROVE, prove) is Outcome.DONE
    assert state(shop, job) is JobState.PROVEN


def test_a_worker_that_stops_gives_both_legs_back(shop: Shop, job: str) -> None:
    holder = shop.bench("w1").holder.text()
    taken(shop, job, 0, holder)
    taken(shop, job, 1, holder)
    assert give_back(shop.database, "w1", shop.clock(), shop.bench().terms) == 2
    assert state(shop, job) is JobState.ANSWERED
    for leg in (0, 1):
        assert attempt(shop.bench(), job, leg, Task.PROVE, prove) is Outcome.DONE
    assert state(shop, job) is JobState.PROVEN


def test_a_leg_that_can_never_be_proven_takes_nothing_from_the_other(shop: Shop, job: str) -> None:
    other = taken(shop, job, 1)

    def meanwhile(tick: Tick) -> None:
        with shop.database.write() as session:
            fail(session, other, "it can never be proven", shop.clock())

    shop.system.on_prove = meanwhile
    assert attempt(shop.bench(), job, 0, Task.PROVE, prove) is Outcome.DONE
    assert proven_legs(shop, job) == [0]
    # What was proven is kept; the job as a whole did not come to all that was asked for.
    ended = shop.queue.status(job)
    assert ended.state is JobState.FAILED and shop.queue.bundle(job, 0)
    assert [leg.outcome for leg in ended.evidence] == ["proven", "failed"]
    assert ended.reason == (
        "leg 0 (tiny/v1) proven: proven by tiny/v1; leg 1 (tiny/v1) failed: it can never be proven"
    )
