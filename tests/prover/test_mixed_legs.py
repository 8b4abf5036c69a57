"""Several kinds of evidence for one request: one answer, and legs that live each for itself."""

from collections.abc import Callable
from dataclasses import replace
from unittest import mock

import pytest
from sqlalchemy import select

from avow.prover import proving
from avow.prover.asked_legs import AskedLeg
from avow.prover.attempt import Outcome, attempt
from avow.prover.errors import (
    IllegalTransition,
    NotReady,
    Refused,
    RequestRefused,
    TryAgain,
    UnknownJob,
)
from avow.prover.following import is_final
from avow.prover.inference import infer
from avow.prover.job import Job
from avow.prover.outbox import Task
from avow.prover.reconcile import reconcile
from avow.prover.request import OrderContext, request_from
from avow.prover.systems.system import Tick
from avow.prover.tables import AnswerRow, DeadLetterRow, MemoryClaimRow, OutboxRow, ProofRow
from avow.prover.webhooks.registry import EVENTS, Wish
from avow.prover.webhooks.tables import DeliveryRow
from avow.verifier.bundle import parse_bundle
from avow.verifier.lifecycle import EVIDENCE_STATES, JobState, LegState
from avow.verifier.records import InputVisibility
from avow.verifier.verdict import Assurance
from tests.prover.several import (
    CLAIM,
    OTHER,
    PROOF,
    TEE,
    Market,
    answered,
    asked,
    compiled,
    open_market,
)
from tests.prover.tiny import Shop, request


@pytest.fixture
def market(shop: Shop) -> Market:
    """Over the same database."""
    return open_market(shop)


def outcomes(market: Market, job_id: str) -> list[str | None]:
    return [leg.outcome for leg in market.queue.status(job_id).evidence]


def failing(error: Exception) -> Callable[[Tick], None]:
    def hook(_tick: Tick) -> None:
        raise error

    return hook


def test_a_job_has_a_leg_for_each_kind_with_its_own_deadline_and_share(market: Market) -> None:
    job = market.queue.submit(asked())
    legs = [(leg.leg, leg.system, leg.share_bps, leg.deadline) for leg in job.evidence]
    now = market.clock()
    assert legs == [(0, CLAIM, 3000, now + 10_000), (1, PROOF, 7000, now + 3_600_000)]
    assert job.deadline == now + 3_600_000


def test_one_answer_is_published_at_once_and_every_leg_shows_it(market: Market) -> None:
    job_id = answered(market)
    assert sum(one.answered for one in market.systems.values()) == 1
    first = market.queue.status(job_id)
    assert first.state is JobState.ANSWERED and first.answer is not None
    assert market.work(job_id, 1) is Outcome.DONE
    assert outcomes(market, job_id) == [None, "proven"]
    assert market.queue.status(job_id).state is JobState.ANSWERED
    with pytest.raises(NotReady, match=f"leg 0 of job {job_id} is open"):
        market.queue.bundle(job_id, 0)
    assert market.work(job_id, 0) is Outcome.DONE
    # One of the two is claimed and not proven.
    assert outcomes(market, job_id) == ["challengeable", "proven"]
    assert market.queue.status(job_id).state is JobState.CHALLENGEABLE
    bundles = [parse_bundle(market.queue.bundle(job_id, leg)) for leg in (0, 1)]
    assert [one.statement.system for one in bundles] == [CLAIM, PROOF]
    same = [(one.statement.nonce, one.statement.input, one.outputs) for one in bundles]
    assert same[0] == same[1]
    with market.database.read() as session:
        assert len(session.scalars(select(AnswerRow)).all()) == 1
        assert len(session.scalars(select(ProofRow)).all()) == 2


def ended(market: Market, *systems: str) -> Job:
    """A job with a leg for each system, all of which have their evidence."""
    share = 10_000 // len(systems)
    rest = 10_000 - share * (len(systems) - 1)
    shares = [rest, *[share] * (len(systems) - 1)]
    legs = (AskedLeg((one,), 60, part) for one, part in zip(systems, shares, strict=True))
    job_id = answered(market, *legs)
    for leg in range(len(systems)):
        assert market.work(job_id, leg) is Outcome.DONE
    return market.queue.status(job_id)


@pytest.mark.parametrize(
    ("tee", "outcome", "reason"),
    [
        (Assurance.ATTESTED, "attested", "attested by tee/v1"),
        (Assurance.SIMULATED, "simulated", "SIMULATED by tee/v1, which shows nothing"),
    ],
)
def test_a_leg_says_what_kind_of_evidence_ended_it(
    market: Market, tee: Assurance, outcome: str, reason: str
) -> None:
    market.worth[TEE] = tee
    found = ended(market, TEE, CLAIM, PROOF)
    assert [leg.outcome for leg in found.evidence] == [outcome, "challengeable", "proven"]
    assert [leg.reason for leg in found.evidence] == [
        reason,
        "claimed by optimistic/v1",
        "proven by sumcheck/v1",
    ]


@pytest.mark.parametrize(
    ("systems", "tee", "state"),
    [
        ((TEE,), Assurance.ATTESTED, JobState.ATTESTED),
        ((TEE,), Assurance.SIMULATED, JobState.SIMULATED),
        ((PROOF, TEE), Assurance.ATTESTED, JobState.ATTESTED),
        ((PROOF, TEE), Assurance.SIMULATED, JobState.SIMULATED),
        ((TEE, CLAIM), Assurance.ATTESTED, JobState.ATTESTED),
        ((TEE, CLAIM), Assurance.SIMULATED, JobState.SIMULATED),
        ((CLAIM, PROOF, TEE), Assurance.SIMULATED, JobState.SIMULATED),
        ((PROOF, CLAIM), Assurance.ATTESTED, JobState.CHALLENGEABLE),
        ((PROOF,), Assurance.SIMULATED, JobState.PROVEN),
    ],
)
def test_a_job_is_called_after_the_weakest_of_its_legs(
    market: Market, systems: tuple[str, ...], tee: Assurance, state: JobState
) -> None:
    market.worth[TEE] = tee
    found = ended(market, *systems)
    assert found.state is state
    entered = [step.to_state for step in found.history if step.from_state != step.to_state]
    assert entered[-1] == state.value
    if state is not JobState.PROVEN:
        assert "proven" not in entered
    assert is_final(state.value, 0) and not is_final(state.value, 1)
    assert ("SIMULATED" in found.reason) == (state is JobState.SIMULATED)


def test_what_is_attested_is_no_decree(market: Market) -> None:
    """Nobody calls a job proven, or attested, but the check of its bundles."""
    market.worth[TEE] = Assurance.SIMULATED
    found = ended(market, TEE)
    for state in EVIDENCE_STATES:
        with pytest.raises(IllegalTransition, match="by its own work, not by decree"):
            market.queue.advance(found.id, state, "says who")
    with pytest.raises(IllegalTransition, match="simulated: it cannot become cancelled"):
        market.queue.cancel(found.id)
    assert market.queue.status(found.id).state is JobState.SIMULATED


def test_an_order_that_is_attested_or_claimed_is_never_called_proven(market: Market) -> None:
    order = OrderContext(1, b"\x07" * 20, b"\x08" * 32, b"\x09" * 20, 5)
    for number, (system, state) in enumerate(
        ((TEE, JobState.ATTESTED), (CLAIM, JobState.CHALLENGEABLE))
    ):
        wanted = replace(request(), system=system, order=replace(order, nonce=number + 1))
        job = market.queue.submit(wanted)
        assert attempt(market.bench(), job.id, 0, Task.INFER, infer) is Outcome.DONE
        assert market.work(job.id, 0) is Outcome.DONE
        assert market.queue.status(job.id).state is state
        assert market.queue.move_leg(job.id, 0, LegState.DELIVERED)
        assert market.queue.record_payment(job.id, 0, "0xaa")
        paid = market.queue.status(job.id)
        # Paid for is no proof either: the leg keeps its word.
        assert (paid.state, paid.evidence[0].outcome) == (JobState.SETTLED, state.value)


def test_an_order_whose_attestation_nobody_took_is_slashed_or_refunded(market: Market) -> None:
    order = OrderContext(1, b"\x07" * 20, b"\x08" * 32, b"\x09" * 20, 5)
    market.worth[TEE] = Assurance.SIMULATED
    for number, end in enumerate((JobState.SLASHED, JobState.REFUNDED, JobState.EXPIRED)):
        wanted = replace(request(), system=TEE, order=replace(order, nonce=number + 1))
        job = market.queue.submit(wanted)
        attempt(market.bench(), job.id, 0, Task.INFER, infer)
        assert market.work(job.id, 0) is Outcome.DONE
        found = market.queue.advance(job.id, end, "on chain")
        assert (found.state, found.evidence[0].outcome) == (end, "simulated")


def test_a_bundle_that_a_crash_left_is_called_what_its_check_says(market: Market) -> None:
    market.worth[TEE] = Assurance.SIMULATED
    job_id = answered(market, AskedLeg((TEE,), 60))

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with mock.patch.object(proving, "publish_proof", dies), pytest.raises(KeyboardInterrupt):
        market.work(job_id, 0)
    market.clock.now += 20_000
    reconcile(market.database, market.clock(), market.bench().terms, 60_000)
    assert market.work(job_id, 0) is Outcome.DONE
    assert market.systems[TEE].proved == 1
    assert market.queue.status(job_id).state is JobState.SIMULATED


def test_the_leg_with_the_least_time_is_asked_for_first(market: Market) -> None:
    legs = (AskedLeg((CLAIM,), 3600, 5000), AskedLeg((PROOF,), 60, 5000))
    job_id = answered(market, *legs)
    with market.database.read() as session:
        query = select(OutboxRow.leg).where(
            OutboxRow.job_id == job_id, OutboxRow.task == Task.PROVE.value
        )
        assert list(session.scalars(query.order_by(OutboxRow.id))) == [1, 0]


def test_a_leg_that_is_late_leaves_the_other_alone(market: Market) -> None:
    job_id = answered(market)
    market.clock.now += 11_000
    done = reconcile(market.database, market.clock(), market.bench().terms, 60_000)
    assert done.expired == 1 and outcomes(market, job_id) == ["expired", None]
    assert market.queue.status(job_id).state is JobState.ANSWERED
    assert market.work(job_id, 0) is Outcome.NOTHING_TO_DO
    assert market.work(job_id, 1) is Outcome.DONE
    ended = market.queue.status(job_id)
    assert ended.state is JobState.EXPIRED and outcomes(market, job_id) == ["expired", "proven"]
    assert parse_bundle(market.queue.bundle(job_id, 1)).statement.system == PROOF
    # Once more changes nothing.
    assert not reconcile(market.database, market.clock() + 10**8, market.bench().terms, 60_000)


def test_a_proof_that_comes_too_late_is_no_delivery(market: Market) -> None:
    job_id = answered(market)

    def slow(tick: Tick) -> None:
        market.clock.now += 10_000

    market.systems[CLAIM].on_prove = slow
    market.work(job_id, 0)
    assert outcomes(market, job_id) == ["expired", None]
    with market.database.read() as session:
        assert session.scalars(select(ProofRow)).all() == []
    assert market.work(job_id, 1) is Outcome.DONE


def test_a_leg_that_expires_in_somebodys_hands_stores_nothing(market: Market) -> None:
    job_id = answered(market)

    def meanwhile(tick: Tick) -> None:
        market.clock.now += 10_000
        reconcile(market.database, market.clock(), market.bench().terms, 60_000)

    market.systems[CLAIM].on_prove = meanwhile
    assert market.work(job_id, 0) is Outcome.LOST
    assert outcomes(market, job_id) == ["expired", None]


def test_a_job_that_nobody_answered_loses_only_the_legs_that_are_late(market: Market) -> None:
    job = market.queue.submit(asked())
    market.clock.now += 11_000
    reconcile(market.database, market.clock(), market.bench().terms, 10**9)
    assert outcomes(market, job.id) == ["expired", None]
    assert market.queue.status(job.id).state is JobState.QUEUED
    assert attempt(market.bench(), job.id, 0, Task.INFER, infer) is Outcome.DONE
    assert market.work(job.id, 0) is Outcome.NOTHING_TO_DO
    assert market.work(job.id, 1) is Outcome.DONE


def test_when_every_leg_is_late_the_job_is(market: Market) -> None:
    job = market.queue.submit(asked())
    market.clock.now += 3_600_000
    reconcile(market.database, market.clock(), market.bench().terms, 10**9)
    ended = market.queue.status(job.id)
    assert ended.state is JobState.EXPIRED and outcomes(market, job.id) == ["expired"] * 2


def test_a_failed_leg_is_a_letter_of_its_own_and_is_asked_for_alone(market: Market) -> None:
    job_id = answered(market)
    market.systems[PROOF].on_prove = failing(Refused("no such operation"))
    assert market.work(job_id, 1) is Outcome.FAILED
    assert outcomes(market, job_id) == [None, "failed"]
    (letter,) = market.queue.dead_letters()
    assert (letter.leg, letter.reason) == (1, "no such operation")
    assert market.queue.status(job_id).state is JobState.ANSWERED
    with pytest.raises(NotReady, match=f"leg 1 of job {job_id} is failed: it will never have a"):
        market.queue.bundle(job_id, 1)
    with pytest.raises(NotReady, match=f"leg 0 of job {job_id} is open: it has no bundle yet"):
        market.queue.bundle(job_id, 0)
    with pytest.raises(
        IllegalTransition, match=f"leg 0 of job {job_id} is open: only a failed leg"
    ):
        market.queue.retry(job_id, 0)
    for refused in (market.queue.retry, market.queue.bundle):
        with pytest.raises(UnknownJob, match=f"job {job_id} has no leg 2"):
            refused(job_id, 2)
    # While the other one is still at work.
    market.systems[PROOF].on_prove = lambda tick: None
    market.queue.retry(job_id, 1)
    assert market.queue.dead_letters() == [] and outcomes(market, job_id) == [None, None]
    assert market.work(job_id, 1) is Outcome.DONE and market.work(job_id, 0) is Outcome.DONE
    assert outcomes(market, job_id) == ["challengeable", "proven"]


def test_two_failed_legs_are_two_letters_and_come_back_together(market: Market) -> None:
    job_id = answered(market)
    for system in (CLAIM, PROOF):
        market.systems[system].on_prove = failing(Refused("no"))
    for leg in (0, 1):
        assert market.work(job_id, leg) is Outcome.FAILED
    assert market.queue.status(job_id).state is JobState.FAILED
    assert sorted(letter.leg for letter in market.queue.dead_letters()) == [0, 1]
    for system in (CLAIM, PROOF):
        market.systems[system].on_prove = lambda tick: None
    assert market.queue.retry(job_id).state is JobState.ANSWERED
    for leg in (0, 1):
        assert market.work(job_id, leg) is Outcome.DONE
    assert market.queue.status(job_id).state is JobState.CHALLENGEABLE


def test_of_alternatives_the_cheapest_serves(market: Market) -> None:
    job_id = answered(market, AskedLeg((PROOF, TEE, CLAIM), 60))
    (leg,) = market.queue.status(job_id).evidence
    assert leg.system == TEE and leg.any_of == (PROOF, TEE, CLAIM)
    assert market.work(job_id, 0) is Outcome.DONE
    assert parse_bundle(market.queue.bundle(job_id)).statement.system == TEE


def measured(market: Market, system: str, seconds: float) -> None:
    """As if a proof of the system had taken so long here."""
    job_id = answered(market, AskedLeg((system,), 3600))
    market.work(job_id, 0)
    with market.database.write() as session:
        row = session.get(ProofRow, (job_id, 0))
        assert row is not None
        row.seconds = seconds


def test_what_was_measured_here_decides(market: Market) -> None:
    measured(market, TEE, 5.0)
    measured(market, PROOF, 0.5)
    quick = market.queue.status(answered(market, AskedLeg((TEE, PROOF), 60)))
    assert quick.evidence[0].system == PROOF
    # One that is expected to be late is taken only where all are.
    measured(market, CLAIM, 0.1)
    measured(market, TEE, 50.0)
    late = market.queue.status(answered(market, AskedLeg((TEE, PROOF), 3)))
    assert late.evidence[0].system == PROOF


def test_a_system_that_fails_is_followed_by_the_next(market: Market) -> None:
    job_id = answered(market, AskedLeg((TEE, PROOF), 600))
    market.systems[TEE].on_prove = failing(Refused("the enclave is gone"))
    assert market.work(job_id, 0) is Outcome.FAILED
    (leg,) = market.queue.status(job_id).evidence
    assert (leg.system, leg.outcome) == (PROOF, None)
    assert leg.given_up == ((TEE, "the enclave is gone"),)
    assert market.queue.dead_letters() == []
    assert market.work(job_id, 0) is Outcome.DONE
    assert parse_bundle(market.queue.bundle(job_id)).statement.system == PROOF
    assert market.queue.status(job_id).state is JobState.PROVEN
    # Answered once, by whichever came first.
    assert sum(one.answered for one in market.systems.values()) == 1


def test_a_system_that_fails_too_often_is_followed_by_the_next(market: Market) -> None:
    job_id = answered(market, AskedLeg((TEE, PROOF), 6000))
    market.systems[TEE].on_prove = failing(TryAgain("the child died"))
    for _ in range(market.config.max_attempts):
        market.work(job_id, 0)
        market.clock.now += 120_000
    assert market.queue.status(job_id).evidence[0].system == PROOF
    assert market.work(job_id, 0) is Outcome.DONE
    assert market.systems[TEE].proved == 0 and market.systems[PROOF].proved == 1


def test_when_no_alternative_is_left_the_leg_has_failed(market: Market) -> None:
    job_id = answered(market, AskedLeg((TEE, PROOF), 600))
    for system in (TEE, PROOF):
        market.systems[system].on_prove = failing(Refused(f"no {system}"))
        assert market.work(job_id, 0) is Outcome.FAILED
    ended = market.queue.status(job_id)
    assert ended.state is JobState.FAILED and ended.reason == "no sumcheck/v1"
    assert ended.evidence[0].given_up == ((TEE, "no tee/v1"),)
    # Asked for again, each may be tried anew.
    for system in (TEE, PROOF):
        market.systems[system].on_prove = lambda tick: None
    assert market.queue.retry(job_id).evidence[0].system == TEE
    assert market.work(job_id, 0) is Outcome.DONE


def test_who_works_on_an_alternative_that_was_given_up_stores_nothing(market: Market) -> None:
    job_id = answered(market, AskedLeg((TEE, PROOF), 600))

    def meanwhile(tick: Tick) -> None:
        market.clock.now += 11_000
        with market.database.write() as session:
            from avow.prover.history import locked
            from avow.prover.legs import fall_back, leg_of

            row = leg_of(session, job_id, 0)
            assert fall_back(session, locked(session, job_id), row, "gone", market.clock())

    market.systems[TEE].on_prove = meanwhile
    assert market.work(job_id, 0) is Outcome.LOST
    assert market.work(job_id, 0) is Outcome.DONE
    with market.database.read() as session:
        (proof,) = session.scalars(select(ProofRow)).all()
        assert proof.record == market.several.items[PROOF].record_digest


def test_a_worker_without_one_system_answers_by_another(market: Market) -> None:
    del market.systems[CLAIM]
    job_id = answered(market)
    assert market.systems[PROOF].answered == 1
    assert market.work(job_id, 0) is Outcome.FAILED
    assert outcomes(market, job_id) == ["failed", None]
    assert market.work(job_id, 1) is Outcome.DONE


def test_a_lost_message_of_one_leg_does_not_wait_for_the_other(market: Market) -> None:
    """The second leg's message is lost while the first one's proof takes long."""
    job_id = answered(market, AskedLeg((CLAIM,), 3600, 5000), AskedLeg((PROOF,), 3600, 5000))
    seen: list[int] = []

    def meanwhile(tick: Tick) -> None:
        with market.database.write() as session:
            for row in session.scalars(select(OutboxRow).where(OutboxRow.job_id == job_id)):
                session.delete(row)
        market.clock.now += 5_000
        reconcile(market.database, market.clock(), market.bench().terms, 1_000)
        with market.database.read() as session:
            query = select(OutboxRow.leg).where(OutboxRow.job_id == job_id)
            seen.extend(session.scalars(query))

    market.systems[CLAIM].on_prove = meanwhile
    assert market.work(job_id, 0) is Outcome.DONE
    assert seen == [1]


def test_a_leg_that_ended_keeps_no_memory_for_itself(market: Market) -> None:
    job_id = answered(market, AskedLeg((TEE, CLAIM), 60, 5000), AskedLeg((PROOF,), 3600, 5000))

    def claims() -> list[int]:
        with market.database.read() as session:
            return list(session.scalars(select(MemoryClaimRow.leg).order_by(MemoryClaimRow.leg)))

    def waits(leg: int) -> None:
        now = market.clock()
        row = MemoryClaimRow(job_id=job_id, leg=leg, machine="m", bytes=1000, since=now, seen=now)
        with market.database.write() as session:
            session.add(row)

    waits(0)
    waits(1)
    market.systems[TEE].on_prove = failing(Refused("no"))
    market.systems[CLAIM].on_prove = failing(Refused("no"))
    assert market.work(job_id, 0) is Outcome.FAILED and claims() == [1]
    waits(0)
    assert market.work(job_id, 0) is Outcome.FAILED and claims() == [1]


def test_a_cancelled_job_has_no_leg_that_goes_on(market: Market) -> None:
    job_id = answered(market)
    assert market.work(job_id, 1) is Outcome.DONE
    market.queue.cancel(job_id)
    assert outcomes(market, job_id) == ["cancelled", "proven"]
    assert market.work(job_id, 0) is Outcome.NOTHING_TO_DO


def test_webhooks_are_told_of_each_leg(market: Market) -> None:
    hook = Wish("https://example.com/x", EVENTS, "whsec_eA==")
    job = market.queue.submit(replace(asked(), webhook=hook))
    attempt(market.bench(), job.id, 0, Task.INFER, infer)
    market.work(job.id, 1)
    market.clock.now += 11_000
    reconcile(market.database, market.clock(), market.bench().terms, 60_000)
    with market.database.read() as session:
        told = list(session.scalars(select(DeliveryRow.event).order_by(DeliveryRow.created_at)))
    assert sorted(told) == ["job.answered", "job.expired", "leg.expired", "leg.proven"]


def test_webhooks_are_told_simulated_and_never_proven(market: Market) -> None:
    market.worth[TEE] = Assurance.SIMULATED
    hook = Wish("https://example.com/x", EVENTS, "whsec_eA==")
    legs = (AskedLeg((TEE,), 60, 5000), AskedLeg((CLAIM,), 60, 5000))
    job = market.queue.submit(replace(asked(*legs), webhook=hook))
    attempt(market.bench(), job.id, 0, Task.INFER, infer)
    for leg in (0, 1):
        market.work(job.id, leg)
    with market.database.read() as session:
        told = list(session.scalars(select(DeliveryRow.event)))
    assert sorted(told) == ["job.answered", "job.simulated", "leg.challengeable", "leg.simulated"]


def test_a_repeated_request_with_legs_is_the_first_one(market: Market) -> None:
    first = market.queue.submit(asked(client_key="k"))
    assert market.queue.submit(asked(client_key="k")).id == first.id
    other = (AskedLeg((CLAIM,), 10, 4000), AskedLeg((PROOF,), 3600, 6000))
    with pytest.raises(RequestRefused, match="belongs to job"):
        market.queue.submit(asked(*other, client_key="k"))


def test_an_alternative_that_needs_too_much_memory_is_none(market: Market) -> None:
    market.config = replace(market.config, prove_memory=5000)
    market.several.items[TEE] = compiled(TEE, memory=6000)
    job_id = answered(market, AskedLeg((TEE, PROOF), 600))
    assert market.queue.status(job_id).evidence[0].system == PROOF
    with pytest.raises(RequestRefused, match="its evidence needs about 6000 bytes"):
        market.queue.submit(asked(AskedLeg((TEE,), 600)))


def value(legs: object, **more: object) -> dict[str, object]:
    return {"model": "tiny", "inputs": [{"integers": [1, 2, 3, 4]}], "legs": legs, **more}


def leg(*systems: str, **more: object) -> dict[str, object]:
    return {"any_of": list(systems), **more}


def test_legs_are_read_from_json_and_share_evenly_where_no_share_is_named() -> None:
    read = request_from(value([leg("sumcheck", within_seconds=5), leg(TEE), leg("optimistic")]))
    assert read.legs == (
        AskedLeg((PROOF,), 5, 3334),
        AskedLeg((TEE,), None, 3333),
        AskedLeg((CLAIM,), None, 3333),
    )
    assert request_from(value(None)).legs == ()


@pytest.mark.parametrize(
    ("legs", "said"),
    [
        ([], "legs: expected a list of 1 to 4 legs, got 0"),
        ([leg(PROOF)] * 5, "legs: expected a list of 1 to 4 legs, got 5"),
        ("sumcheck", "legs: expected a list of 1 to 4 legs, got str"),
        ([1], r"legs\[0\]: expected an object, got int"),
        ([leg()], r"legs\[0\]\.any_of: expected 1 to 4 systems, got 0"),
        ([leg("a", "b", "c", "d", "e")], "expected 1 to 4 systems, got 5"),
        ([{"any_of": "sumcheck"}], r"legs\[0\]\.any_of: expected a list of systems"),
        ([{"share_bps": 10_000}], r"legs\[0\]\.any_of: expected a list of systems, got None"),
        ([leg("magic/v1")], r"legs\[0\]\.any_of: unknown system 'magic/v1'; known: "),
        ([leg(PROOF), leg("sumcheck")], r"legs\[1\]\.any_of: 'sumcheck/v1' is named twice"),
        ([leg(PROOF, PROOF)], r"legs\[0\]\.any_of: 'sumcheck/v1' is named twice"),
        ([leg(PROOF, share_bps=9_999)], "legs: expected shares of 10000 in all, got 9999"),
        (
            [leg(PROOF, share_bps=6000), leg(CLAIM, share_bps=5000)],
            "legs: expected shares of 10000 in all, got 11000",
        ),
        ([leg(PROOF, share_bps=5000), leg(CLAIM)], "expected share_bps in each of them or in none"),
        ([leg(PROOF, share_bps=0), leg(CLAIM, share_bps=10_000)], r"legs\[0\]\.share_bps"),
        ([leg(PROOF, share_bps=True)], r"legs\[0\]\.share_bps: expected a number, got True"),
        ([leg(PROOF, within_seconds=0)], r"legs\[0\]\.within_seconds: expected a number from 1"),
        ([leg(PROOF, within_seconds=2_592_001)], r"legs\[0\]\.within_seconds"),
        ([leg(PROOF, within_seconds="5")], r"legs\[0\]\.within_seconds: expected a number"),
        ([leg(PROOF, within=5)], r"legs\[0\]: unknown 'within'"),
    ],
)
def test_bad_legs_are_one_line(legs: object, said: str) -> None:
    with pytest.raises(RequestRefused, match=said) as caught:
        request_from(value(legs))
    assert "\n" not in str(caught.value)


def test_legs_stand_beside_neither_system_nor_record_nor_order() -> None:
    for more in ({"system": PROOF}, {"record": "0x" + "00" * 32}):
        with pytest.raises(RequestRefused, match="none beside legs"):
            request_from(value([leg(PROOF)], **more))
    place = OrderContext(1, b"\1" * 20, b"\2" * 32, b"\3" * 20, 7)
    with pytest.raises(RequestRefused, match="a leg of an order is a job"):
        replace(asked(), order=place)


def test_legs_with_different_answers_are_refused(market: Market) -> None:
    with pytest.raises(RequestRefused) as caught:
        market.queue.submit(asked(AskedLeg((PROOF,), 9, 5000), AskedLeg((OTHER,), 9, 5000)))
    assert str(caught.value) == (
        "legs: 'ezkl/v1' is about another program than 'sumcheck/v1': "
        "all legs of a job must have the same answer"
    )
    # A hidden input is bound in another way, so that the legs would not show the same.
    hidden = replace(market.several.items[CLAIM].record, input_visibility=InputVisibility.HASHED)
    market.several.items[CLAIM] = replace(market.several.items[CLAIM], record=hidden)
    with pytest.raises(RequestRefused, match="is about another program"):
        market.queue.submit(asked())
    assert market.queue.jobs() == []


def test_a_system_that_the_model_is_not_compiled_for_is_named(market: Market) -> None:
    del market.several.items[TEE]
    with pytest.raises(RequestRefused, match=r"legs\[0\]: system: 'tiny' is not compiled for"):
        market.queue.submit(asked(AskedLeg((TEE, PROOF), 9)))


def test_the_letters_of_a_job_that_was_not_answered_are_one(market: Market) -> None:
    job = market.queue.submit(asked())
    for system in market.systems.values():
        system.on_answer = failing(Refused("no such operation"))
    assert attempt(market.bench(), job.id, 0, Task.INFER, infer) is Outcome.FAILED
    with market.database.read() as session:
        assert len(session.scalars(select(DeadLetterRow)).all()) == 1
    assert outcomes(market, job.id) == ["failed", "failed"]
    for system in market.systems.values():
        system.on_answer = lambda tick: None
    assert market.queue.retry(job.id, 1).state is JobState.QUEUED
    assert attempt(market.bench(), job.id, 0, Task.INFER, infer) is Outcome.DONE
    for number in (0, 1):
        assert market.work(job.id, number) is Outcome.DONE
