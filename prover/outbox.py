"""The outbox: messages stored in the same transaction as the state that asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sqlalchemy import Select, delete, or_, select, update
from sqlalchemy.orm import Session

from avow.prover.history import changed
from avow.prover.queues import WorkQueue
from avow.prover.tables import EvidenceRow, JobRow, LeaseRow, OutboxRow

_CLAIM_MS = 30_000


class Task(Enum):
    """A kind of work; the value is its wire string."""

    INFER = "infer"
    PROVE = "prove"


@dataclass(frozen=True, slots=True)
class Message:
    """One row of the outbox: which task of which leg of which job is due, and how urgently.

    Of two messages in a `queue` the one with the higher `priority` (0 to 9) is carried out first.
    """

    id: int
    job_id: str
    leg: int
    task: Task
    queue: WorkQueue
    priority: int


def enqueue(
    session: Session, job_id: str, leg: int, task: Task, now: int, delay_ms: int = 0
) -> None:
    """Asks for a task; the message exists exactly when the caller's transaction does.

    Also creates the row on which the task's lease will be taken.
    """
    session.add(
        OutboxRow(
            job_id=job_id,
            leg=leg,
            task=task.value,
            created_at=now,
            not_before=now + delay_ms,
            claimed_until=0,
        )
    )
    if session.get(LeaseRow, (job_id, leg, task.value)) is None:
        session.add(
            LeaseRow(
                job_id=job_id,
                leg=leg,
                task=task.value,
                attempts=0,
                holder="",
                token="",
                acquired_at=0,
                heartbeat_at=0,
                expires_at=0,
                stage="",
                percent=0,
            )
        )


def due(session: Session, now: int) -> bool:
    """Whether `claim_due` would find something; a read only."""
    return session.scalars(_due(now).limit(1)).first() is not None


def claim_due(session: Session, now: int, limit: int = 50) -> list[Message]:
    """Messages that are due and that no other relay is sending, oldest first.

    A claim ends by itself: a relay that dies before `mark_sent` loses nothing, and a message
    sent twice is harmless, since the second one finds the lease taken or the work done.
    """
    claimed = []
    for row in session.scalars(_due(now).order_by(OutboxRow.id).limit(limit)).all():
        result = session.execute(
            update(OutboxRow)
            .where(
                OutboxRow.id == row.id,
                OutboxRow.sent_at.is_(None),
                OutboxRow.claimed_until == row.claimed_until,
            )
            .values(claimed_until=now + _CLAIM_MS)
            .execution_options(synchronize_session=False)
        )
        if changed(result) == 1:
            priority = session.scalar(select(JobRow.priority).where(JobRow.id == row.job_id)) or 0
            task = Task(row.task)
            queue = _queue(session, row.job_id, row.leg, task)
            claimed.append(Message(row.id, row.job_id, row.leg, task, queue, priority))
    return claimed


def _queue(session: Session, job_id: str, leg: int, task: Task) -> WorkQueue:
    if task is Task.INFER:
        return WorkQueue.INFER
    row = session.get(EvidenceRow, (job_id, leg))
    return WorkQueue.PROVE if row is None else WorkQueue(row.queue)


def _due(now: int) -> Select[OutboxRow]:
    return select(OutboxRow).where(
        OutboxRow.sent_at.is_(None), OutboxRow.not_before <= now, OutboxRow.claimed_until <= now
    )


def mark_sent(session: Session, message_id: int, now: int) -> None:
    """Notes that the broker has the message."""
    session.execute(update(OutboxRow).where(OutboxRow.id == message_id).values(sent_at=now))


def release(session: Session, message_ids: list[int]) -> None:
    """Gives claimed messages back because the broker did not take them."""
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.id.in_(message_ids), OutboxRow.sent_at.is_(None))
        .values(claimed_until=0)
    )


def waiting(session: Session, job_id: str, leg: int, sent_since: int) -> bool:
    """Whether a message for a leg of a job is unsent, or was sent at or after `sent_since`."""
    row = session.scalars(
        select(OutboxRow.id)
        .where(
            OutboxRow.job_id == job_id,
            OutboxRow.leg == leg,
            or_(OutboxRow.sent_at.is_(None), OutboxRow.sent_at >= sent_since),
        )
        .limit(1)
    ).first()
    return row is not None


def prune(session: Session, sent_before: int) -> int:
    """Deletes messages sent before a time; returns how many."""
    return changed(session.execute(delete(OutboxRow).where(OutboxRow.sent_at < sent_before)))
