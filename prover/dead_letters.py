"""Dead letters: work that was given up, kept where an operator sees it and can ask for it again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.orm import Session

from avow.prover.errors import IllegalTransition
from avow.prover.history import locked, remark, revive
from avow.prover.legs import (
    OFF_CHAIN,
    alternatives_text,
    choose,
    leg_of,
    legs_of,
    read_alternatives,
)
from avow.prover.outbox import Task, enqueue
from avow.prover.tables import (
    AnswerRow,
    DeadLetterRow,
    EvidenceRow,
    JobRow,
    LeaseRow,
)
from avow.verifier.lifecycle import JobState

_WORKING = (JobState.ANSWERED.value, JobState.PROVING.value)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A failed leg: which task of which leg was given up, after how many attempts, why and when.

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


def retry(session: Session, job_id: str, now: int, fresh_ms: int, only: int | None = None) -> None:
    """Puts failed legs back to where their stored results end, with no attempt counted.

    All that failed, or `only` one, whatever became of the others; a job that has failed goes on.
    A published answer and stored evidence are kept, and every alternative may be tried again. A leg
    off chain gets a new deadline `fresh_ms` from now if its own has passed; an order's is the
    market's. Raises UnknownJob, also for a leg that it has not, and IllegalTransition where nothing
    has failed or the order's deadline has passed.
    """
    job = locked(session, job_id)
    ended = JobState(job.state) is JobState.FAILED
    answered = session.get(AnswerRow, job_id) is not None
    which, state = f"job {job_id}", job.state
    if only is not None:
        which = f"leg {only} of job {job_id}"
        state = leg_of(session, job_id, only).outcome or "open"
    failed = [
        row
        for row in legs_of(session, job_id)
        # Without an answer all of them failed with it.
        if row.outcome == JobState.FAILED.value and (only in (None, row.leg) or not answered)
    ]
    if not failed or not (ended or job.state in _WORKING):
        what = "job" if only is None else "leg"
        raise IllegalTransition(f"{which} is {state}: only a failed {what} is tried again")
    late = job.deadline <= now or any(row.deadline <= now for row in failed)
    if late and job.market != OFF_CHAIN:
        raise IllegalTransition(f"job {job_id} has failed, and its order's deadline has passed")
    for row in failed:
        _anew(session, row, now, fresh_ms)
    job.deadline = max(row.deadline for row in legs_of(session, job_id))
    session.flush()
    if not answered:
        infer = session.get(LeaseRow, (job_id, 0, Task.INFER.value))
        if infer is not None:
            infer.attempts = 0
        revive(session, job, JobState.QUEUED, "asked for again by the operator", now)
        enqueue(session, job_id, 0, Task.INFER, now)
        return
    if ended:
        revive(session, job, JobState.ANSWERED, "asked for again by the operator", now)
    for row in failed:
        if not ended:
            remark(session, job, f"leg {row.leg} asked for again by the operator", now)
        if choose(session, row, now):
            enqueue(session, job_id, row.leg, Task.PROVE, now)


def _anew(session: Session, row: EvidenceRow, now: int, fresh_ms: int) -> None:
    """A leg as if nobody had tried it."""
    row.outcome, row.reason, row.ended_at = "", "", None
    row.alternatives = alternatives_text(
        [replace(one, failed="") for one in read_alternatives(row)]
    )
    if row.deadline <= now:
        row.deadline = now + fresh_ms
    this = (DeadLetterRow.job_id == row.job_id, DeadLetterRow.leg == row.leg)
    session.execute(delete(DeadLetterRow).where(*this))
    lease = session.get(LeaseRow, (row.job_id, row.leg, Task.PROVE.value))
    if lease is not None:
        lease.attempts = 0
