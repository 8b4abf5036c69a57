"""What may happen once: an answer per job, a bundle and a payment mark per leg."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from avow.prover.errors import IllegalTransition, UnknownJob
from avow.prover.history import end, locked, move
from avow.prover.leases import Lease, at_work, finish, require
from avow.prover.metrics.names import (
    INFERENCE_SECONDS,
    PEAK_MEMORY,
    PROOF_BYTES,
    PROVING_SECONDS,
    VERIFYING_SECONDS,
)
from avow.prover.metrics.observations import observe
from avow.prover.outbox import Task, enqueue
from avow.prover.systems.assurance import promised
from avow.prover.tables import AnswerRow, EvidenceRow, PaymentRow, ProofRow
from avow.verifier.lifecycle import JOB_TRANSITIONS, LEG_TRANSITIONS, JobState, LegState
from avow.verifier.statement import ZERO_ADDRESS
from avow.verifier.verdict import Assurance

# The market of a job that serves no order.
OFF_CHAIN = "0x" + ZERO_ADDRESS.hex()


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer as it is stored: JSON of the outputs and the preview, the input's commitment.

    `program` is the JSON of the exact program's answer, None where the model has no program.
    `provider` is what ran the proven program.
    """

    outputs: str
    input_scheme: int
    input_value: str
    preview: str
    seconds: float
    program: str | None = None
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Shared:
    """How a proof was shared: `batch`, `members` and `place` as in `ProofRow`."""

    batch: int
    members: int
    place: int | None


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

    `seconds` as in `ProofRow`. `measured` is what is counted for metrics, None where nothing was
    proven or another bundle of the same proof has it.
    """

    statement: str
    file: str
    sha256: str
    size: int
    seconds: float
    shared: Shared
    measured: Measured | None = None


def publish_answer(session: Session, lease: Lease, answer: StoredAnswer, now: int) -> None:
    """Publishes the answer, moves the job to `answered` and asks for every leg's proof.

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
    move(session, job, JobState.ANSWERED, "answered by the proven program", now)
    legs = _legs(session, job.id)
    observe(session, INFERENCE_SECONDS, legs[0].system, answer.seconds)
    for row in legs:
        enqueue(session, job.id, row.leg, Task.PROVE, now)


def publish_proof(session: Session, lease: Lease, proof: StoredProof, now: int) -> None:
    """Notes the bundle of one leg; the job is `proven` when every leg has one.

    Off chain it is `challengeable` instead where one of them is not proven but claimed.

    Raises LeaseLost when the work has gone to somebody else; then nothing is stored.
    """
    job = require(session, lease)
    leg = _leg(session, job.id, lease.leg)
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
    proven = session.scalar(
        select(func.count()).select_from(ProofRow).where(ProofRow.job_id == job.id)
    )
    if proven == len(_legs(session, job.id)):
        weakest = min(promised(row.system).rank for row in _legs(session, job.id))
        if job.market == OFF_CHAIN and weakest == Assurance.CHALLENGEABLE.rank:
            said = "what was claimed of the run may still be refuted"
            move(session, job, JobState.CHALLENGEABLE, said, now)
        else:
            move(session, job, JobState.PROVEN, "every leg has its proof", now)
    elif not at_work(session, job.id, Task.PROVE):
        # Where work that waits is asked for again, should its message be lost.
        move(session, job, JobState.ANSWERED, f"leg {leg.leg} has its proof, others wait", now)
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
    row = _leg(session, job_id, leg)
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
    # Paid before it is proven, a job could still be refunded, and both would have happened.
    if JobState.SETTLED not in JOB_TRANSITIONS[JobState(job.state)]:
        raise IllegalTransition(f"job {job_id} is {job.state}: its legs cannot be paid")
    if not move_leg(session, job_id, leg, LegState.SETTLED):
        raise IllegalTransition(f"leg {leg} of job {job_id} is settled without a payment mark")
    session.add(PaymentRow(job_id=job_id, leg=leg, reference=reference[:200], at=now))
    session.flush()
    if all(row.state == "settled" for row in _legs(session, job_id)):
        end(session, job, JobState.SETTLED, f"paid: {reference}", now)
    return True


def _legs(session: Session, job_id: str) -> list[EvidenceRow]:
    query = select(EvidenceRow).where(EvidenceRow.job_id == job_id).order_by(EvidenceRow.leg)
    return list(session.scalars(query))


def _leg(session: Session, job_id: str, leg: int) -> EvidenceRow:
    row = session.get(EvidenceRow, (job_id, leg))
    if row is None:
        raise UnknownJob(f"job {job_id} has no leg {leg}")
    return row
