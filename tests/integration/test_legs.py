"""Orders with several kinds of evidence, over real nodes: claims and proofs of one answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from avow.prover.attempt import attempt
from avow.prover.bench import Bench
from avow.prover.errors import Refused
from avow.prover.inference import infer
from avow.prover.leases import Lease
from avow.prover.outbox import Task
from avow.prover.queue import open_queue
from avow.verifier.chain.client import checksum
from avow.verifier.chain.errors import Reverted
from avow.verifier.chain.events import LegDelivered, LegSettled, MarketEvent
from avow.verifier.chain.orders import LegTerms, OrderTerms, selector_of
from avow.verifier.chain.transactions import send
from avow.verifier.commitment import commit_public
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.lifecycle import JobState, LegState
from avow.verifier.systems.optimistic.claim import SYSTEM_ID as OPTIMISTIC
from avow.verifier.systems.sumcheck.key import SYSTEM_ID as SUMCHECK
from tests.circuits.sumcheck.small import inputs
from tests.integration.court import MODEL
from tests.integration.test_claiming import (
    Office,
    closed,
    established,
    registered_for_proofs,
    started_provider,
)
from tests.integration.town import (
    BOND,
    CLAIMS,
    PRICE,
    PROVIDER,
    QUICK,
    REQUESTER,
    STRANGER,
    Town,
    refusing,
)

PROVEN, CLAIMED, FOREIGN = selector_of(SUMCHECK), selector_of(OPTIMISTIC), selector_of("ezkl/v1")
HOUR = 3_600


@pytest.fixture
def office(bare_town: Town) -> Iterator[Office]:
    """One program, compiled and registered for proofs and for claims; both nodes run."""
    made_up = established(bare_town)
    registered_for_proofs(bare_town)
    yield made_up
    closed(made_up)


def request(office: Office, *legs: LegTerms, row: int = 0) -> bytes:
    """An order with these legs, whose deadlines are seconds from now."""
    town, given = office.court.town, inputs(MODEL, row)
    town.mine()
    now = town.chain.head().timestamp
    terms = OrderTerms(
        model_key=office.court.registered.model_key,
        input=commit_public(given),
        input_data=b"".join(tensor.data() for tensor in given),
        input_uri="",
        legs=tuple(LegTerms(leg.selectors, now + leg.deadline, leg.share_bps) for leg in legs),
        price=PRICE,
        bond=BOND,
        lock_deadline=now + 600,
    )
    return town.market().request(REQUESTER, terms)[0]


def states(office: Office, order_id: bytes, count: int = 2) -> list[LegState]:
    """How the legs of an order stand."""
    market = office.court.town.reader
    return [market.leg(order_id, leg).state for leg in range(count)]


def happened(office: Office, kind: type[MarketEvent]) -> list[MarketEvent]:
    """The market's events of a kind."""
    town = office.court.town
    events = town.reader.events(0, town.chain.head().number)
    return [event for event in events if isinstance(event, kind)]


def until_delivered(office: Office, order_id: bytes, count: int = 2) -> None:
    """Lets the provider and its workers get on until every leg is delivered."""
    for _ in range(12):
        office.provider.step()
        office.work()
        if set(states(office, order_id, count)) == {LegState.DELIVERED}:
            return
    seen = office.provider.worklist.order(order_id)
    pytest.fail(f"not delivered: {states(office, order_id, count)}, {seen and seen.reason}")


def reason(office: Office, order_id: bytes) -> str:
    """What the provider says of an order."""
    seen = office.provider.worklist.order(order_id)
    assert seen is not None
    return seen.reason


def test_an_order_of_two_legs_pays_in_two_steps(office: Office) -> None:
    """The proof pays at once; the claim, in its own time, after its window."""
    market = office.court.town.reader
    order_id = request(
        office, LegTerms(CLAIMED, 2 * HOUR, 7_000), LegTerms(PROVEN, HOUR // 2, 3_000)
    )
    until_delivered(office, order_id)
    claimed = office.claimed(order_id)
    before = market.credit(PROVIDER.address)
    for _ in range(3):
        office.validator.step()
        office.provider.step()
    assert states(office, order_id) == [LegState.DELIVERED, LegState.SETTLED]
    first = market.credit(PROVIDER.address) - before
    assert PRICE * 2 // 10 < first - BOND * 3 // 10 < PRICE * 3 // 10

    office.pass_window(claimed)
    for _ in range(6):
        office.validator.step()
        office.provider.step()
    assert states(office, order_id) == [LegState.SETTLED, LegState.SETTLED]
    settled = happened(office, LegSettled)
    assert [event.leg for event in settled if isinstance(event, LegSettled)] == [1, 0]
    outputs = {event.output for event in settled if isinstance(event, LegSettled)}
    assert len(outputs) == 1, "both say the same answer"
    queue = open_queue(office.bench.config)
    jobs = queue.jobs()
    assert {(job.evidence[0].leg, job.evidence[0].system) for job in jobs} == {
        (0, OPTIMISTIC),
        (1, SUMCHECK),
    }
    assert {job.state for job in jobs} == {JobState.SETTLED}
    assert all(job.evidence[0].payment for job in jobs)
    queue.close()


def test_a_leg_that_fails_leaves_the_other_its_pay(office: Office) -> None:
    """Nobody works on the claim: its leg is slashed, the proof's leg is paid."""
    town = office.court.town
    order_id = request(office, LegTerms(PROVEN, HOUR // 2, 3_000), LegTerms(CLAIMED, HOUR, 7_000))
    office.provider.step()
    queue = open_queue(office.bench.config)
    for job in queue.jobs([JobState.QUEUED]):
        if job.evidence[0].system == OPTIMISTIC:
            queue.cancel(job.id, "an operator's mistake")
    queue.close()
    for _ in range(6):
        office.work()
        office.provider.step()
        office.validator.step()
    assert states(office, order_id) == [LegState.SETTLED, LegState.LOCKED]
    town.pass_time(HOUR + 1)
    for _ in range(3):
        office.validator.step()
        office.provider.step()
    assert states(office, order_id) == [LegState.SETTLED, LegState.SLASHED]
    refund = town.reader.credit(REQUESTER.address)
    assert refund >= PRICE * 7 // 10


def test_without_the_claims_bond_a_leg_is_served_by_its_alternative(office: Office) -> None:
    town = office.court.town
    token = office.court.claims.token
    spare = town.market().tokens(PROVIDER.address) - BOND - CLAIMS.claim_bond + 1
    call = token.call("transfer", checksum(STRANGER.address), spare)
    send(town.chain, PROVIDER, call, QUICK)
    order_id = request(office, LegTerms(CLAIMED + PROVEN, HOUR, 10_000))
    until_delivered(office, order_id, 1)
    (delivered,) = happened(office, LegDelivered)
    assert isinstance(delivered, LegDelivered) and delivered.selector == PROVEN
    leg = town.reader.leg(order_id, 0)
    assert (leg.selector, leg.others) == (PROVEN, b"")
    for _ in range(3):
        office.validator.step()
        office.provider.step()
    assert states(office, order_id, 1) == [LegState.SETTLED]


def test_when_a_job_fails_the_next_system_is_tried(office: Office) -> None:
    """Also by a provider that was started again in between."""
    order_id = request(office, LegTerms(PROVEN + CLAIMED, HOUR, 10_000))
    office.provider.step()

    def refuse(bench: Bench, lease: Lease) -> None:
        raise Refused("this machine cannot prove it")

    queue = open_queue(office.bench.config)
    (job,) = queue.jobs([JobState.QUEUED])
    assert job.evidence[0].system == SUMCHECK
    attempt(office.bench, job.id, 0, Task.INFER, infer)
    attempt(office.bench, job.id, 0, Task.PROVE, refuse)
    assert queue.status(job.id).state is JobState.FAILED
    queue.close()
    office.provider.close()
    office.provider = started_provider(office.court.town)
    claimed = office.claimed(order_id)
    leg = office.court.town.reader.leg(order_id, 0)
    assert (leg.selector, leg.others) == (CLAIMED, b"")
    office.pass_window(claimed)
    for _ in range(6):
        office.validator.step()
        office.provider.step()
    assert office.settled(claimed)


def test_a_job_that_nobody_takes_makes_way_for_the_next_system_in_time(office: Office) -> None:
    """No worker for it is there: its bond would be lost while the other system could do it."""
    order_id = request(office, LegTerms(PROVEN + CLAIMED, HOUR, 10_000))
    office.provider.step()
    queue = open_queue(office.bench.config)
    (job,) = queue.jobs([JobState.QUEUED])
    assert job.evidence[0].system == SUMCHECK
    office.court.town.pass_time(HOUR // 2)
    office.provider.step()
    assert len(queue.jobs()) == 1
    office.court.town.pass_time(HOUR // 2 - 200)
    office.provider.step()
    jobs = {one.evidence[0].system: one.state for one in queue.jobs()}
    assert jobs == {SUMCHECK: JobState.CANCELLED, OPTIMISTIC: JobState.QUEUED}
    queue.close()
    until_delivered(office, order_id, 1)
    assert office.court.town.reader.leg(order_id, 0).selector == CLAIMED


def test_an_order_one_of_whose_legs_cannot_be_served_is_left_alone(office: Office) -> None:
    town = office.court.town
    office.provider.close()
    office.provider = started_provider(town, claims=False)
    both = request(office, LegTerms(PROVEN, HOUR, 5_000), LegTerms(CLAIMED, HOUR, 5_000))
    either = request(office, LegTerms(CLAIMED + PROVEN, HOUR, 10_000), row=1)
    for _ in range(3):
        office.provider.step()
    assert states(office, both) == [LegState.OPEN, LegState.OPEN]
    assert "must be claimed on chain" in reason(office, both)
    assert states(office, either, 1) == [LegState.LOCKED]


def test_a_leg_due_too_soon_leaves_the_whole_order_alone(office: Office) -> None:
    late = request(office, LegTerms(PROVEN, HOUR, 5_000), LegTerms(CLAIMED, 620, 5_000))
    office.court.town.pass_time(580)
    for _ in range(3):
        office.provider.step()
    assert states(office, late) == [LegState.OPEN, LegState.OPEN]
    assert "are needed" in reason(office, late)


def test_only_what_was_named_can_be_delivered(office: Office) -> None:
    town, market = office.court.town, office.court.town.market()
    output = commit_public(inputs(MODEL, 0))
    order_id = request(office, LegTerms(PROVEN, HOUR, 10_000))
    order = market.order(order_id)
    assert order is not None
    market.lock(PROVIDER, order)
    for selector in (CLAIMED, FOREIGN, bytes(4)):
        with refusing(Reverted, "SelectorNotNamed"):
            market.deliver(PROVIDER, order_id, 0, selector, output, ZERO_WORD, "")
    assert town.reader.leg(order_id, 0).state is LegState.LOCKED
    with refusing(Reverted, "SelectorTwice"):
        request(office, LegTerms(PROVEN, HOUR, 5_000), LegTerms(CLAIMED + PROVEN, HOUR, 5_000))
