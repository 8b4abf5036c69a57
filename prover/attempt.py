"""One attempt at a task: take the lease, work, and store either the result or the reason."""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum

from avow.prover.bench import Bench
from avow.prover.errors import (
    DatabaseUnavailable,
    IllegalTransition,
    LeaseLost,
    NotNow,
    Refused,
    RequestRefused,
    UnknownJob,
    WorkFailed,
)
from avow.prover.leases import Lease, fail, put_back, take
from avow.prover.logs import about
from avow.prover.outbox import Task
from avow.prover.tracing import span

_LOG = logging.getLogger("avow.prover")
_LONGEST_DELAY_MS = 60_000
_NOT_NOW_DELAY_MS = 5_000

Work = Callable[[Bench, Lease], None]


class Outcome(Enum):
    """What became of one delivery of a task; the value goes to the log."""

    DONE = "done"
    NOTHING_TO_DO = "nothing to do"
    LOST = "lost"
    AGAIN = "again"
    FAILED = "failed"


def attempt(bench: Bench, job_id: str, leg: int, task: Task, work: Work) -> Outcome:
    """Carries out one delivered task; a second delivery finds nothing to do.

    Never raises for what the work runs into: the job's own history tells it. Raises
    DatabaseUnavailable when not even that can be stored; the lease then ends by itself.
    """
    lease = take_up(bench, job_id, leg, task)
    if lease is None:
        return _say(Outcome.NOTHING_TO_DO, job_id, task)
    ids = {"job": job_id, "order": lease.order}
    counts = {"leg": leg, "attempt": lease.attempt}
    with about(**ids), span(task.value, lease.traceparent, **ids, **counts) as traced:
        try:
            work(bench, lease)
        except Exception as error:
            outcome = conclude(bench, lease, error)
        else:
            outcome = conclude(bench, lease, None)
        if traced is not None:
            traced.set_attribute("avow.outcome", outcome.value)
        return outcome


def conclude(bench: Bench, lease: Lease, error: Exception | None) -> Outcome:
    """Stores what became of the work under a lease: nothing more when it succeeded (None).

    Raises DatabaseUnavailable, when that is the error as well; the lease then ends by itself.
    """
    with about(job=lease.job_id, order=lease.order):
        return _say(_concluded(bench, lease, error), lease.job_id, lease.task)


def _concluded(bench: Bench, lease: Lease, error: Exception | None) -> Outcome:
    if error is None:
        outcome = Outcome.DONE
    elif isinstance(error, LeaseLost):
        outcome = Outcome.LOST
    elif isinstance(error, Refused | RequestRefused):
        outcome = _fail(bench, lease, str(error))
    elif isinstance(error, NotNow):
        outcome = _put_back(bench, lease, str(error), _NOT_NOW_DELAY_MS, counted=False)
    elif isinstance(error, WorkFailed):
        outcome = _put_back(bench, lease, str(error), _delay(lease))
    elif isinstance(error, DatabaseUnavailable):
        raise error
    else:
        # A fault of this program must cost one attempt of one job, not the worker.
        _LOG.error("task=%s internal error", lease.task.value, exc_info=error)
        reason = f"internal error ({type(error).__name__}); the worker's log has it"
        outcome = _put_back(bench, lease, reason, _delay(lease))
    return outcome


def take_up(bench: Bench, job_id: str, leg: int, task: Task) -> Lease | None:
    """Takes a lease for this process; None when there is nothing to do."""
    try:
        with bench.database.write() as session:
            holder = bench.holder.text()
            return take(session, job_id, leg, task, holder, bench.clock(), bench.terms)
    except (UnknownJob, IllegalTransition):
        # A message of another database, or a job that moved on in this very moment.
        return None


def _fail(bench: Bench, lease: Lease, reason: str) -> Outcome:
    try:
        with bench.database.write() as session:
            fail(session, lease, reason, bench.clock())
    except LeaseLost:
        return Outcome.LOST
    return Outcome.FAILED


def _put_back(
    bench: Bench, lease: Lease, reason: str, delay_ms: int, counted: bool = True
) -> Outcome:
    try:
        with bench.database.write() as session:
            again = put_back(session, lease, reason, bench.clock(), bench.terms, delay_ms, counted)
    except LeaseLost:
        return Outcome.LOST
    return Outcome.AGAIN if again else Outcome.FAILED


def _delay(lease: Lease) -> int:
    return min(_LONGEST_DELAY_MS, 1000 << min(lease.attempt, 10))


def _say(outcome: Outcome, job_id: str, task: Task) -> Outcome:
    # Reasons may quote a caller's input, so they stay in the job and out of the log.
    level = logging.WARNING if outcome in (Outcome.AGAIN, Outcome.FAILED) else logging.INFO
    with about(job=job_id):
        _LOG.log(level, "task=%s outcome=%s", task.value, outcome.value)
    return outcome
