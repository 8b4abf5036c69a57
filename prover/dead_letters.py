"""Dead letters: work that was given up, kept where an operator sees it and can ask for it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.orm import Session

from avow.prover.errors import IllegalTransition
from avow.prover.history import locked, revive
from avow.prover.outbox import Task, enqueue
from avow.prover.publication import OFF_CHAIN
from avow.prover.tables import (
    AnswerRow,
    DeadLetterRow,
    EvidenceRow,
    JobRow,
    LeaseRow,
    ProofRow,
)
from avow.verifier.lifecycle import JobState


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A failed job: which task of which leg was given up, after how many attempts, why and when.

    `at` is in unix milliseconds, `model` the model's digest as 0x hexadecimal.
    """

    job_id: str
    model: str
    leg: int
    task: str
    attempts: int
    reason: str
    at: int

    def to_json(self) -> dict[str, Any]:
        """The letter as plain JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


def letters(session: Session, limit: int, before: int | None, behind: str = "") -> list[DeadLetter]:
    """What was given up and not asked for again, the newest first, before a time in ms.

    With `behind`, the id of a job that was given up at just that time, the list goes on behind it.
    """
    query = select(DeadLetterRow, JobRow.model).join(JobRow, JobRow.id == DeadLetterRow.job_id)
    if before is not None:
        same = and_(DeadLetterRow.at == before, DeadLetterRow.job_id > behind)
        earlier = DeadLetterRow.at < before
        query = query.where(or_(earlier, same) if behind else earlier)
    ordered = query.order_by(DeadLetterRow.at.desc(), DeadLetterRow.job_id)
    found = session.execute(ordered.limit(max(1, min(limit, 1000))))
    return [
        DeadLetter(row.job_id, model, row.leg, row.task, row.attempts, row.reason, row.at)
        for row, model in found
    ]


def retry(session: Session, job_id: str, now: int, fresh_ms: int) -> None:
    """Puts a failed job back to where its stored results end, with no attempt counted.

    A published answer and stored proofs are kept. A job of its own gets a new deadline `fresh_ms`
    from now if its own has passed; an order's is the market's. Raises UnknownJob, and
    IllegalTransition for a job that has not failed or whose order's deadline has passed.
    """
    job = locked(session, job_id)
    if JobState(job.state) is not JobState.FAILED:
        raise IllegalTransition(f"job {job_id} is {job.state}: only a failed job is tried again")
    if job.deadline <= now:
        if job.market != OFF_CHAIN:
            raise IllegalTransition(f"job {job_id} has failed, and its order's deadline has passed")
        job.deadline = now + fresh_ms
        for evidence in session.scalars(select(EvidenceRow).where(EvidenceRow.job_id == job_id)):
            evidence.deadline = job.deadline
    session.execute(delete(DeadLetterRow).where(DeadLetterRow.job_id == job_id))
    for lease in session.scalars(select(LeaseRow).where(LeaseRow.job_id == job_id)):
        lease.attempts = 0
    session.flush()
    if session.get(AnswerRow, job_id) is None:
        revive(session, job, JobState.QUEUED, "asked for again by the operator", now)
        enqueue(session, job_id, 0, Task.INFER, now)
        return
    revive(session, job, JobState.ANSWERED, "asked for again by the operator", now)
    done = select(ProofRow.leg).where(ProofRow.job_id == job_id)
    legs = select(EvidenceRow.leg).where(EvidenceRow.job_id == job_id, EvidenceRow.leg.not_in(done))
    for leg in session.scalars(legs).all():
        enqueue(session, job_id, leg, Task.PROVE, now)
