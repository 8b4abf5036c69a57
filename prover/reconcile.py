"""The reconciler: finds what a crash, a lost message or a passed deadline left behind."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from avow.prover.database import Database
from avow.prover.errors import IllegalTransition
from avow.prover.history import locked, remark
from avow.prover.holder import is_gone, parse_holder
from avow.prover.leases import STATES, Terms, take_back
from avow.prover.legs import end_leg, leg_of
from avow.prover.outbox import Task, enqueue, prune, waiting
from avow.prover.tables import EvidenceRow, JobRow, LeaseRow
from avow.verifier.lifecycle import JobState

_KEEP_SENT_MS = 24 * 3600 * 1000
_WORKING = tuple(state.value for pair in STATES.values() for state in pair)
# In `proving` one leg may wait while another is worked on.
_WAITING = {pair[0]: task for task, pair in STATES.items()} | {JobState.PROVING: Task.PROVE}


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one pass did, as counts of leases, of legs and of jobs."""

    taken_back: int = 0
    expired: int = 0
    resent: int = 0

    def __bool__(self) -> bool:
        return bool(self.taken_back or self.expired or self.resent)


def reconcile(database: Database, now: int, terms: Terms, resend_ms: int) -> Reconciled:
    """One pass; safe to run anywhere, at any time, by any number of processes.

    Takes back leases whose holder stopped beating or certainly died, expires legs past their
    deadline (and with the last of them the job), and asks again for work whose message nobody has
    seen for `resend_ms`.
    """
    with database.read() as session:
        held = session.scalars(select(LeaseRow).where(LeaseRow.token != "")).all()
        left = [(row.job_id, row.leg, row.task) for row in held if _left_behind(row, now)]
        late = session.execute(
            select(EvidenceRow.job_id, EvidenceRow.leg)
            .join(JobRow, JobRow.id == EvidenceRow.job_id)
            .where(
                EvidenceRow.outcome == "",
                EvidenceRow.deadline <= now,
                JobRow.state.in_(_WORKING),
            )
        ).all()
        idle = session.scalars(
            select(JobRow.id).where(
                JobRow.state.in_([state.value for state in _WAITING]),
                JobRow.updated_at <= now - resend_ms,
            )
        ).all()
    expired = sum(_expire(database, job_id, leg, now) for job_id, leg in late)
    taken_back = sum(_take_back(database, key, now, terms) for key in left)
    resent = sum(_resend(database, job_id, now, resend_ms) for job_id in idle)
    with database.write() as session:
        prune(session, now - _KEEP_SENT_MS)
    return Reconciled(taken_back, expired, resent)


def give_back(database: Database, worker: str, now: int, terms: Terms) -> int:
    """Takes back every lease of one `avow worker` that stops, without counting the attempt.

    The processes that held them notice at their next heartbeat and end their children.
    """
    with database.read() as session:
        held = session.scalars(select(LeaseRow).where(LeaseRow.token != "")).all()
        keys = [
            (row.job_id, row.leg, row.task)
            for row in held
            if (holder := parse_holder(row.holder)) is not None and holder.worker == worker
        ]
    count = 0
    for key in keys:
        with database.write() as session:
            locked(session, key[0])
            row = session.get(LeaseRow, key, populate_existing=True)
            if row is None or not row.token:
                continue
            row.attempts = max(0, row.attempts - 1)
            session.flush()
            take_back(session, row, "the worker stopped", now, terms)
            count += 1
    return count


def _left_behind(row: LeaseRow, now: int) -> bool:
    return row.expires_at <= now or is_gone(row.holder)


def _take_back(database: Database, key: tuple[str, int, str], now: int, terms: Terms) -> int:
    with database.write() as session:
        locked(session, key[0])
        row = session.get(LeaseRow, key, populate_existing=True)
        if row is None or not row.token or not _left_behind(row, now):
            return 0
        take_back(session, row, "the worker was lost", now, terms)
        return 1


def _expire(database: Database, job_id: str, leg: int, now: int) -> int:
    try:
        with database.write() as session:
            job = locked(session, job_id)
            row = leg_of(session, job_id, leg)
            if job.state not in _WORKING or row.outcome or row.deadline > now:
                return 0
            said = f"deadline passed while {job.state}"
            end_leg(session, job, row, JobState.EXPIRED, said, now)
            return 1
    except IllegalTransition:
        return 0


def _resend(database: Database, job_id: str, now: int, resend_ms: int) -> int:
    with database.write() as session:
        job = locked(session, job_id)
        task = _WAITING.get(JobState(job.state))
        if task is None:
            return 0
        legs = [
            leg
            for leg in _unfinished(session, job_id, task)
            if not waiting(session, job_id, leg, now - resend_ms)
        ]
        if not legs:
            return 0
        for leg in legs:
            enqueue(session, job_id, leg, task, now)
        remark(session, job, f"{task.value} asked for again: no worker took it", now)
        return 1


def _unfinished(session: Session, job_id: str, task: Task) -> list[int]:
    if task is Task.INFER:
        return [0]
    held = select(LeaseRow.leg).where(
        LeaseRow.job_id == job_id, LeaseRow.task == task.value, LeaseRow.token != ""
    )
    query = select(EvidenceRow.leg).where(
        EvidenceRow.job_id == job_id, EvidenceRow.outcome == "", EvidenceRow.leg.not_in(held)
    )
    return list(session.scalars(query))
