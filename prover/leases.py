"""Leases: at most one process works on a task of a job, and a stale one can store nothing."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, update
from sqlalchemy.orm import Session

from avow.prover.errors import LeaseLost
from avow.prover.history import changed, end, locked, move, one_line, remark
from avow.prover.holder import is_gone
from avow.prover.legs import at_work, end_leg, fall_back, leg_of
from avow.prover.outbox import Task, enqueue
from avow.prover.tables import DeadLetterRow, JobRow, LeaseRow
from avow.verifier.fields import to_hex
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.lifecycle import JobState

_NO_ORDER = to_hex(ZERO_WORD)
# The states from which a task may be taken, the first one waiting, the second one at work.
STATES = {
    Task.INFER: (JobState.QUEUED, JobState.RUNNING),
    Task.PROVE: (JobState.ANSWERED, JobState.PROVING),
}


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one task, proven by a token that changes with every holder.

    `order` is the job's, empty where it serves none; `traceparent` its trace context, or empty.
    """

    job_id: str
    leg: int
    task: Task
    token: str
    attempt: int
    order: str = ""
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a lease lasts without a heartbeat, and how often one task may be attempted."""

    lease_ms: int
    max_attempts: int


def take(
    session: Session, job_id: str, leg: int, task: Task, holder: str, now: int, terms: Terms
) -> Lease | None:
    """Takes the lease and moves the job to its working state.

    None when there is nothing to do: the work is done, cancelled, or in other hands. Past its
    deadline the leg (or the job that has no answer) expires here; past the cap of attempts its
    next alternative is tried, or it fails here.
    """
    job = locked(session, job_id)
    row = session.get(LeaseRow, (job_id, leg, task.value), populate_existing=True)
    waiting, working = STATES[task]
    if row is None or JobState(job.state) not in (waiting, working):
        return None
    if row.token and row.expires_at > now and not is_gone(row.holder):
        return None
    if _is_over(session, job, leg, task, f"deadline passed before {task.value} ended", now):
        return None
    if row.attempts >= terms.max_attempts:
        given = Lease(job_id, leg, task, row.token, row.attempts)
        _exhausted(session, job, given, "the worker was lost", now)
        return None
    token = secrets.token_hex(16)
    result = session.execute(
        update(LeaseRow)
        .where(*_is(row.job_id, row.leg, row.task, row.token))
        .values(
            token=token,
            holder=holder,
            attempts=row.attempts + 1,
            acquired_at=now,
            heartbeat_at=now,
            expires_at=now + terms.lease_ms,
            stage="started",
            percent=0,
            eta_seconds=None,
            reserved=0,
        )
        .execution_options(synchronize_session=False)
    )
    if changed(result) != 1:
        return None
    if JobState(job.state) is waiting:
        move(session, job, working, f"attempt {row.attempts + 1}", now)
    else:
        remark(session, job, f"attempt {row.attempts + 1}", now)
    order = "" if job.order == _NO_ORDER else job.order
    return Lease(job_id, leg, task, token, row.attempts + 1, order, job.traceparent)


def beat(
    session: Session,
    lease: Lease,
    now: int,
    terms: Terms,
    stage: str,
    percent: int,
    eta_seconds: int | None,
) -> None:
    """Extends the lease and notes the progress; raises LeaseLost when it is no longer held."""
    result = session.execute(
        update(LeaseRow)
        .where(*_is(lease.job_id, lease.leg, lease.task.value, lease.token))
        .values(
            heartbeat_at=now,
            expires_at=now + terms.lease_ms,
            stage=stage[:32],
            percent=max(0, min(100, percent)),
            eta_seconds=eta_seconds,
        )
    )
    if changed(result) != 1:
        raise LeaseLost(f"{lease.task.value} of job {lease.job_id} is in other hands")


def require(session: Session, lease: Lease) -> JobRow:
    """The job's row, locked, when the lease is still held; else raises LeaseLost.

    An expired lease that nobody took counts as held: nothing else can have been stored.
    """
    job = locked(session, lease.job_id)
    row = session.get(LeaseRow, (lease.job_id, lease.leg, lease.task.value), populate_existing=True)
    if row is None or row.token != lease.token:
        raise LeaseLost(f"{lease.task.value} of job {lease.job_id} is in other hands")
    if JobState(job.state) is not STATES[lease.task][1]:
        raise LeaseLost(f"job {lease.job_id} is {job.state}")
    return job


def finish(session: Session, lease: Lease) -> None:
    """Ends a lease whose work is stored."""
    session.execute(
        update(LeaseRow)
        .where(*_is(lease.job_id, lease.leg, lease.task.value, lease.token))
        .values(token="", holder="", expires_at=0, stage="done", percent=100, eta_seconds=0)
    )


def put_back(
    session: Session,
    lease: Lease,
    reason: str,
    now: int,
    terms: Terms,
    delay_ms: int,
    counted: bool = True,
) -> bool:
    """Gives the work up and asks for it again later; returns whether it will be tried again.

    With `counted` False this attempt does not count against the cap.
    """
    job = require(session, lease)
    return _again(session, job, lease, reason, now, terms, delay_ms, counted)


def take_back(session: Session, row: LeaseRow, reason: str, now: int, terms: Terms) -> bool:
    """Ends a lease that its holder left behind; returns whether the work will be tried again."""
    lease = Lease(row.job_id, row.leg, Task(row.task), row.token, row.attempts)
    try:
        job = require(session, lease)
    except LeaseLost:
        finished = _is(lease.job_id, lease.leg, lease.task.value, lease.token)
        session.execute(update(LeaseRow).where(*finished).values(token="", holder=""))
        return False
    return _again(session, job, lease, reason, now, terms, 0, True)


def fail(session: Session, lease: Lease, reason: str, now: int) -> None:
    """Gives a task up because no attempt can succeed.

    A leg goes on with its next alternative, or else is failed and a dead letter; so is a job that
    cannot be answered.
    """
    _give_up(session, require(session, lease), lease, reason, reason, now)


def _again(
    session: Session,
    job: JobRow,
    lease: Lease,
    reason: str,
    now: int,
    terms: Terms,
    delay_ms: int,
    counted: bool,
) -> bool:
    row = session.get(LeaseRow, (lease.job_id, lease.leg, lease.task.value))
    if row is None:
        raise LeaseLost(f"{lease.task.value} of job {lease.job_id} has no lease row")
    if _is_over(session, job, lease.leg, lease.task, f"deadline passed: {reason}", now):
        return False
    if counted and row.attempts >= terms.max_attempts:
        _exhausted(session, job, replace(lease, attempt=row.attempts), reason, now)
        return False
    row.token, row.holder, row.expires_at = "", "", 0
    row.stage, row.percent, row.eta_seconds = "waiting", 0, None
    if not counted:
        row.attempts -= 1
    said = f"{lease.task.value} again: {reason}"
    if at_work(session, lease.job_id, lease.task):
        # Another leg's holder would find the job where its work cannot be stored.
        remark(session, job, f"leg {lease.leg}: {said}", now)
    else:
        move(session, job, STATES[lease.task][0], said, now)
    enqueue(session, lease.job_id, lease.leg, lease.task, now, delay_ms)
    return True


def _is_over(session: Session, job: JobRow, leg: int, task: Task, reason: str, now: int) -> bool:
    """Whether there is no more time for a task, or its leg has ended; expires what is late."""
    if task is Task.INFER:
        if now >= job.deadline:
            end(session, job, JobState.EXPIRED, reason, now)
        return now >= job.deadline
    row = leg_of(session, job.id, leg)
    if row.outcome:
        return True
    if now >= row.deadline:
        end_leg(session, job, row, JobState.EXPIRED, reason, now)
    return now >= row.deadline


def _exhausted(session: Session, job: JobRow, lease: Lease, reason: str, now: int) -> None:
    text = f"{lease.task.value} failed {lease.attempt} times, last: {reason}"
    _give_up(session, job, lease, reason, text, now)


def _give_up(session: Session, job: JobRow, lease: Lease, reason: str, text: str, now: int) -> None:
    if lease.task is Task.INFER:
        end(session, job, JobState.FAILED, text, now)
    else:
        leg = leg_of(session, job.id, lease.leg)
        if fall_back(session, job, leg, text, now):
            return
        end_leg(session, job, leg, JobState.FAILED, text, now)
    session.add(
        DeadLetterRow(
            job_id=lease.job_id,
            leg=lease.leg,
            task=lease.task.value,
            attempts=lease.attempt,
            reason=one_line(reason),
            at=now,
        )
    )


def _is(job_id: str, leg: int, task: str, token: str) -> tuple[ColumnElement[bool], ...]:
    return (
        LeaseRow.job_id == job_id,
        LeaseRow.leg == leg,
        LeaseRow.task == task,
        LeaseRow.token == token,
    )
