"""Pages of jobs, newest first, with a cursor that stays valid while jobs come and go."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from avow.prover.errors import RequestRefused
from avow.prover.job import Job, read_jobs
from avow.prover.tables import JobRow
from avow.verifier.lifecycle import JobState

MOST = 200
_PLACE = re.compile(r"([0-9]{1,15}):([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs: in any of `states`, of any of the `models` (digests), of one `owner`.

    None means no condition; an empty collection admits nothing.
    """

    states: Collection[JobState] | None = None
    models: Collection[str] | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs, and the cursor of those that follow; None when there were no more."""

    jobs: tuple[Job, ...]
    next: str | None


def read_page(session: Session, wanted: Wanted, limit: int, cursor: str | None) -> Page:
    """At most `limit` jobs (1 to `MOST`) after the cursor; raises RequestRefused for a bad one."""
    if not 1 <= limit <= MOST:
        raise RequestRefused(f"limit: expected 1 to {MOST}, got {limit}")
    query = select(JobRow.id, JobRow.created_at)
    if wanted.states is not None:
        query = query.where(JobRow.state.in_([state.value for state in wanted.states]))
    if wanted.models is not None:
        query = query.where(JobRow.model.in_(list(wanted.models)))
    if wanted.owner is not None:
        query = query.where(JobRow.owner == wanted.owner)
    if cursor is not None:
        created, job_id = _place(cursor)
        query = query.where(
            or_(JobRow.created_at < created, and_(JobRow.created_at == created, JobRow.id < job_id))
        )
    newest = query.order_by(JobRow.created_at.desc(), JobRow.id.desc())
    found = session.execute(newest.limit(limit + 1)).all()
    jobs = tuple(read_jobs(session, [job_id for job_id, _ in found[:limit]]))
    last = jobs[-1] if len(found) > limit else None
    return Page(jobs, None if last is None else _cursor(last.created_at, last.id))


def _cursor(created: int, job_id: str) -> str:
    return base64.urlsafe_b64encode(f"{created}:{job_id}".encode()).decode().rstrip("=")


def _place(cursor: str) -> tuple[int, str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded.encode("ascii"), b"-_", validate=True).decode("ascii")
    except (UnicodeError, binascii.Error):
        text = ""
    match = _PLACE.fullmatch(text)
    if match is None:
        raise RequestRefused("cursor: expected the `next` of an earlier page")
    return int(match[1]), match[2]
