"""Moving a job along its life cycle: one compare-and-set, one line of history."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from avow.prover.errors import IllegalTransition, UnknownJob
from avow.prover.tables import EvidenceRow, JobRow, LeaseRow, TransitionRow
from avow.prover.webhooks.outbox import tell
from avow.verifier.lifecycle import JOB_TRANSITIONS, OPERATOR_TRANSITIONS, JobState

_REASON_CHARACTERS = 1000


def locked(session: Session, job_id: str) -> JobRow:
    """The job's row, held against other writers until the transaction ends.

    Raises UnknownJob.
    """
    row = session.get(JobRow, job_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise UnknownJob(f"no job {job_id[:64]!r}")
    return row


def move(session: Session, row: JobRow, to: JobState, reason: str, now: int) -> None:
    """Takes a job from the state in `row` to `to`, with its reason and time.

    Raises IllegalTransition when the life cycle has no such step, or when another
    transaction moved the job since `row` was read; the caller's transaction must then end.
    """
    came_from = JobState(row.state)
    if to not in JOB_TRANSITIONS[came_from]:
        raise IllegalTransition(f"job {row.id} is {came_from.value}: it cannot become {to.value}")
    _set(session, row, to, reason, now)


def revive(session: Session, row: JobRow, to: JobState, reason: str, now: int) -> None:
    """Takes an ended job back to work, as only an operator may ask: raises like `move`."""
    came_from = JobState(row.state)
    if to not in OPERATOR_TRANSITIONS.get(came_from, frozenset()):
        raise IllegalTransition(f"job {row.id} is {came_from.value}: it cannot become {to.value}")
    _set(session, row, to, reason, now)


def _set(session: Session, row: JobRow, to: JobState, reason: str, now: int) -> None:
    came_from = JobState(row.state)
    reason = one_line(reason)
    result = session.execute(
        update(JobRow)
        .where(JobRow.id == row.id, JobRow.state == came_from.value)
        .values(state=to.value, reason=reason, updated_at=now)
    )
    if changed(result) != 1:
        raise IllegalTransition(f"job {row.id} is no longer {came_from.value}")
    session.add(
        TransitionRow(
            job_id=row.id, from_state=came_from.value, to_state=to.value, reason=reason, at=now
        )
    )
    session.flush()
    session.refresh(row)
    tell(session, row, came_from.value, now)


def remark(session: Session, row: JobRow, reason: str, now: int) -> None:
    """Adds a line to a job's history without moving it."""
    session.add(
        TransitionRow(
            job_id=row.id, from_state=row.state, to_state=row.state, reason=one_line(reason), at=now
        )
    )


def end(session: Session, row: JobRow, to: JobState, reason: str, now: int) -> None:
    """Moves a job to a state in which no work goes on, and takes every lease away.

    Legs whose work still went on end the same way.
    """
    move(session, row, to, reason, now)
    if to is not JobState.SETTLED:
        session.execute(
            update(EvidenceRow)
            .where(EvidenceRow.job_id == row.id, EvidenceRow.outcome == "")
            .values(outcome=to.value, reason=one_line(reason), ended_at=now)
        )
    session.execute(
        update(LeaseRow).where(LeaseRow.job_id == row.id).values(holder="", token="", expires_at=0)
    )


def one_line(text: str) -> str:
    """The text without line breaks, of bounded length."""
    return " ".join(text.split())[:_REASON_CHARACTERS]


def changed(result: object) -> int:
    """How many rows an UPDATE or DELETE touched."""
    if not isinstance(result, CursorResult):
        raise TypeError(f"expected the result of an UPDATE or DELETE, got {type(result).__name__}")
    return result.rowcount
