"""Figures of the job database, read anew at every scrape."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from avow.prover.database import Database
from avow.prover.errors import DatabaseUnavailable
from avow.prover.metrics import names
from avow.prover.metrics.names import Metric
from avow.prover.metrics.observations import histograms
from avow.prover.outbox import Task
from avow.prover.queue import Clock, now_ms
from avow.prover.queues import WorkQueue
from avow.prover.tables import DeadLetterRow, EvidenceRow, JobRow, LeaseRow, OutboxRow
from avow.verifier.lifecycle import EVIDENCE_STATES, JobState, LegState

_OUTCOMES = ("", *(one.value for one in EVIDENCE_STATES), "failed", "expired", "cancelled")

_LOG = logging.getLogger("avow.prover")


class JobFigures(Collector):
    """The same on every process that asks, since they all read the same database."""

    def __init__(self, database: Database, clock: Clock = now_ms) -> None:
        self._database = database
        self._clock = clock

    def describe(self) -> Iterable[Family]:
        """Nothing: registering must not read the database."""
        return []

    def collect(self) -> Iterator[Family]:
        """One family for each metric; only `avow_database_up` when the database is away."""
        try:
            with self._database.read() as session:
                families = list(_families(session, self._clock()))
        except DatabaseUnavailable as error:
            _LOG.warning("metrics: %s", error)
            yield gauge(names.DATABASE_UP, {(): 0})
            return
        yield from families
        yield gauge(names.DATABASE_UP, {(): 1})


def gauge(metric: Metric, values: Mapping[tuple[str, ...], float]) -> GaugeMetricFamily:
    """A gauge with a value for each tuple of labels."""
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _families(session: Session, now: int) -> Iterator[Family]:
    jobs = _counted(session.execute(select(JobRow.state, func.count()).group_by(JobRow.state)))
    yield gauge(names.JOBS, {(state.value,): jobs.get(state.value, 0) for state in JobState})
    waiting = _waiting(session)
    yield gauge(names.QUEUE_JOBS, {(key,): count for key, (count, _) in waiting.items()})
    yield gauge(
        names.QUEUE_AGE,
        {
            (key,): max(0, now - oldest) / 1000 if oldest is not None else 0
            for key, (_, oldest) in waiting.items()
        },
    )
    held = select(LeaseRow.task, func.count()).where(
        LeaseRow.token != "", LeaseRow.expires_at > now
    )
    leases = _counted(session.execute(held.group_by(LeaseRow.task)))
    yield gauge(names.LEASES, {(task.value,): leases.get(task.value, 0) for task in Task})
    unsent = select(func.count()).select_from(OutboxRow).where(OutboxRow.sent_at.is_(None))
    yield gauge(names.OUTBOX, {(): session.scalar(unsent) or 0})
    dead = session.scalar(select(func.count()).select_from(DeadLetterRow))
    yield gauge(names.DEAD_LETTERS, {(): dead or 0})
    by_state = select(EvidenceRow.state, func.count()).group_by(EvidenceRow.state)
    legs = _counted(session.execute(by_state))
    states = [state.name.lower() for state in LegState]
    yield gauge(names.LEGS, {(state,): legs.get(state, 0) for state in states})
    ended = _counted(
        session.execute(select(EvidenceRow.outcome, func.count()).group_by(EvidenceRow.outcome))
    )
    outcomes: dict[tuple[str, ...], float] = {
        (one or "open",): ended.get(one, 0) for one in _OUTCOMES
    }
    yield gauge(names.LEG_OUTCOMES, outcomes)
    yield from histograms(session)


def _waiting(session: Session) -> dict[str, tuple[int, int | None]]:
    """How many jobs wait in each queue, and since when the first of them does, in ms."""
    found: dict[str, tuple[int, int | None]] = {queue.value: (0, None) for queue in WorkQueue}
    count, oldest = session.execute(
        select(func.count(), func.min(JobRow.updated_at)).where(
            JobRow.state == JobState.QUEUED.value
        )
    ).one()
    found[WorkQueue.INFER.value] = (count, oldest)
    proofs = (
        select(EvidenceRow.queue, func.count(), func.min(JobRow.updated_at))
        .join(JobRow, JobRow.id == EvidenceRow.job_id)
        .where(JobRow.state == JobState.ANSWERED.value)
        .group_by(EvidenceRow.queue)
    )
    for queue, count, oldest in session.execute(proofs):
        found[queue] = (count, oldest)
    return found


def _counted(rows: Iterable[Sequence[Any]]) -> dict[str, int]:
    return {str(key): int(count) for key, count in rows}
