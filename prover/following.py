"""What happened to a job after a point of its history: what a subscriber has not seen yet."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from avow.prover.errors import UnknownJob
from avow.prover.job import Progress, read_progress
from avow.prover.tables import JobRow, TransitionRow
from avow.verifier.lifecycle import EVIDENCE_STATES, JobState, job_ends


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a job's history; `id` grows along the history of each job."""

    id: int
    from_state: str
    to_state: str
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class News:
    """The events after the point asked for, the work at hand, and whether more can follow."""

    events: tuple[Event, ...]
    progress: Progress | None
    final: bool


def read_news(session: Session, job_id: str, after: int) -> News:
    """What there is to tell after the event with the id `after` (0: everything).

    Raises UnknownJob. Rows of one job are written one transaction after the other, so that a
    reader who has seen an id has seen every smaller one.
    """
    job = session.get(JobRow, job_id)
    if job is None:
        raise UnknownJob(f"no job {job_id[:64]!r}")
    query = select(TransitionRow).where(TransitionRow.job_id == job_id, TransitionRow.id > after)
    events = tuple(
        Event(row.id, row.from_state, row.to_state, row.reason, row.at)
        for row in session.scalars(query.order_by(TransitionRow.id))
    )
    return News(events, read_progress(session, job_id), is_final(job.state, int(job.chain_id)))


def is_final(state: str, chain_id: int) -> bool:
    """Whether nothing can follow; off chain (0) nothing follows a stored bundle."""
    stands = JobState(state)
    return job_ends(stands) or (stands in EVIDENCE_STATES and chain_id == 0)
