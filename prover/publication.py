"""What may happen once: an answer per job, a bundle and a payment mark per leg."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from avow.prover.errors import IllegalTransition
from avow.prover.history import end, locked, move
from avow.prover.leases import Lease, finish, require
from avow.prover.legs import OFF_CHAIN, choose, end_leg, leg_of, legs_of
from avow.prover.metrics.names import (
    INFERENCE_SECONDS,
    PEAK_MEMORY,
    PROOF_BYTES,
    PROVING_SECONDS,
    VERIFYING_SECONDS,
)
from avow.prover.metrics.observations import observe
from avow.prover.outbox import Task, enqueue
from avow.prover.tables import AnswerRow, PaymentRow, ProofRow
from avow.verifier.lifecycle import (
    EVIDENCE_STATE,
    JOB_TRANSITIONS,
    LEG_TRANSITIONS,
    JobState,
    LegState,
)
from avow.verifier.verdict import Assurance


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer as it is stored: JSON of the outputs and the preview, the input's commitment.

    `program` is the JSON of the exact program's answer, None where the model has no program.
    `provider` is what ran the proven program, `system` the proof system whose program it was.
    """

    outputs: str
    input_scheme: int
    input_value: str
    preview: str
    seconds: float
    program: str | None = None
    provider: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True)
class Shared:
    """How a proof was shared: `batch`, `members` and `place` as in `ProofRow`."""

    batch: int
    members: int
    place: int | None


# How a leg came by its evidence.
_SHOWN = {
    JobState.PROVEN: "proven by {}",
    JobState.CHALLENGEABLE: "claimed by {}",
    JobState.ATTESTED: "attested by {}",
    JobState.SIMULATED: "SIMULATED by {}, which shows nothing",
}
# A bundle that was there already, made by whoever it was.
TAKEN_UP = Shared(0, 1, None)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one proof took: seconds until its first bundle was stored, of those seconds the ones
    for its check, and the peak of its process's memory in bytes, where that is known."""

    seconds: float
    verifying: float
    peak_memory: int | None


@dataclass(frozen=True, slots=True)
class StoredProof:
    """A bundle that lies in the store: its statement, file name, SHA-256 and size in bytes.

    `assurance` is the verdict's in the check that the bundle passed. `seconds` as in `ProofRow`.
    `measured` is what is counted for metrics, None where nothing was proven or another bundle of
    the same proof has it.
    """

    statement: str
    file: str
    sha256: str
    size: int
    assurance: Assurance
    seconds: float
    shared: Shared
    measured: Measured | None = None


def publish_answer(session: Session, lease: Lease, answer: StoredAnswer, now: int) -> None:
    """Publishes the answer, moves the job to `answered` and asks for the proof of every leg.

    Each leg is served by the cheapest of its alternatives that can meet its deadline.

    Raises LeaseLost when the work has gone to somebody else; then nothing is stored.
    """
    job = require(session, lease)
    session.add(
        AnswerRow(
            job_id=job.id,
            outputs=answer.outputs,
            input_scheme=answer.input_scheme,
            input_value=answer.input_value,
            preview=answer.preview,
            program=answer.program,
            provider=answer.provider,
            seconds=answer.seconds,
            at=now,
        )
    )
    finish(session, lease)
    move(session, job, JobState.ANSWERED, "answered by the program", now)
    legs = legs_of(session, job.id)
    observe(session, INFERENCE_SECONDS, answer.system or legs[0].system, answer.seconds)
    # The one with the least time first: where few workers are, it is worked on before the others.
    for row in sorted(legs, key=lambda row: row.deadline):
        if not row.outcome and choose(session, row, now):
            enqueue(session, job.id, row.leg, Task.PROVE, now)


def publish_proof(session: Session, lease: Lease, proof: StoredProof, now: int) -> None:
    """Notes the bundle of one leg, which ends as what the verifier called the bundle.

    A bundle that comes after its leg's deadline is not noted: the leg has expired.

    Raises LeaseLost when the work has gone to somebody else; then nothing is stored.
    """
    job = require(session, lease)
    leg = leg_of(session, job.id, lease.leg)
    if now >= leg.deadline:
        end_leg(session, job, leg, JobState.EXPIRED, "its evidence came after its deadline", now)
        return
    session.add(
        ProofRow(
            job_id=job.id,
            leg=leg.leg,
            record=leg.record,
            statement=proof.statement,
            file=proof.file,
            sha256=proof.sha256,
            size=proof.size,
            seconds=proof.seconds,
            batch=proof.shared.batch,
            members=proof.shared.members,
            place=proof.shared.place,
            at=now,
        )
    )
    finish(session, lease)
    if job.market == OFF_CHAIN:
        # Off chain a stored bundle is the delivery; on chain the market says when it happened.
        leg.state = LegState.DELIVERED.name.lower()
    session.flush()
    shown = EVIDENCE_STATE[proof.assurance]
    end_leg(session, job, leg, shown, _SHOWN[shown].format(leg.system), now)
    if proof.measured is not None:
        observe(session, PROVING_SECONDS, leg.system, proof.measured.seconds)
        observe(session, VERIFYING_SECONDS, leg.system, proof.measured.verifying)
    observe(session, PROOF_BYTES, leg.system, proof.size)
    if proof.measured is not None and proof.measured.peak_memory is not None:
        observe(session, PEAK_MEMORY, leg.system, proof.measured.peak_memory)


def move_leg(session: Session, job_id: str, leg: int, to: LegState) -> bool:
    """Follows a leg's state in the market; False when it already stands there.

    Raises IllegalTransition for a step that the market does not have.
    """
    locked(session, job_id)
    row = leg_of(session, job_id, leg)
    stands = LegState[row.state.upper()]
    if stands is to:
        return False
    if to not in LEG_TRANSITIONS[stands]:
        raise IllegalTransition(
            f"leg {leg} of job {job_id} is {stands.name.lower()}: "
            f"it cannot become {to.name.lower()}"
        )
    row.state = to.name.lower()
    return True


def record_payment(session: Session, job_id: str, leg: int, reference: str, now: int) -> bool:
    """Marks a delivered leg as paid and settled; False when it already was.

    When every leg is settled the job is too. Raises IllegalTransition for a leg that was not
    delivered, or that was refunded or slashed: a leg is paid or refunded, never both.
    """
    job = locked(session, job_id)
    if session.get(PaymentRow, (job_id, leg)) is not None:
        return False
    # Paid before it has its evidence, a job could still be refunded, and both would have happened.
    if JobState.SETTLED not in JOB_TRANSITIONS[JobState(job.state)]:
        raise IllegalTransition(f"job {job_id} is {job.state}: its legs cannot be paid")
    if not move_leg(session, job_id, leg, LegState.SETTLED):
        raise IllegalTransition(f"leg {leg} of job {job_id} is settled without a payment mark")
    session.add(PaymentRow(job_id=job_id, leg=leg, reference=reference[:200], at=now))
    session.flush()
    if all(row.state == "settled" for row in legs_of(session, job_id)):
        end(session, job, JobState.SETTLED, f"paid: {reference}", now)
    return True
