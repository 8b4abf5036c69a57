"""Many jobs at a glance: what a list of them shows, read in a few queries however many they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.orm import Session

from avow.prover.database import Database
from avow.prover.job import Progress, Step, as_progress
from avow.prover.tables import (
    EvidenceRow,
    JobRow,
    LeaseRow,
    PaymentRow,
    ProofRow,
    TransitionRow,
)
from avow.verifier.lifecycle import JobState

_MOST = 200


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of the list ends: the next one begins behind this job."""

    created_at: int
    id: str


@dataclass(frozen=True, slots=True)
class Summary:
    """A job in a list. Times are unix milliseconds; `prove_seconds` None while there is no proof.

    `systems` has one name for each leg; `on_chain` says whether an order asked for it.
    """

    id: str
    state: JobState
    reason: str
    model: str
    systems: tuple[str, ...]
    on_chain: bool
    created_at: int
    updated_at: int
    deadline: int
    progress: Progress | None
    prove_seconds: float | None
    paid: bool

    @property
    def place(self) -> Place:
        """Where a page that ends with this job ends."""
        return Place(self.created_at, self.id)


@dataclass(frozen=True, slots=True)
class Made:
    """A proof that was made here. `batch` samples were in it, `members` of them jobs' answers;
    `seconds` are those of the whole proof and its check, `size` the bytes of one bundle."""

    at: int
    batch: int
    members: int
    seconds: float
    size: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Reading jobs in the order of their creation, newest first, and the proofs that were made.

    With an `owner` only the jobs of that API key; None for everybody's.
    """

    database: Database
    owner: str | None = None

    def made(self, record: str, limit: int = 256) -> list[Made]:
        """The last proofs under a system record, newest first: one row for each bundle."""
        query = select(ProofRow).where(ProofRow.record == record, ProofRow.batch > 0)
        newest = query.order_by(ProofRow.at.desc(), ProofRow.job_id).limit(limit)
        with self.database.read() as session:
            return [
                Made(row.at, row.batch, row.members, row.seconds, row.size)
                for row in session.scalars(newest)
            ]

    def counts_by_model(self) -> dict[str, int]:
        """How many jobs were asked of each model, by its digest."""
        query = select(JobRow.model, func.count()).where(self._shown()).group_by(JobRow.model)
        with self.database.read() as session:
            return {model: count for model, count in session.execute(query)}

    def counts(self) -> dict[JobState, int]:
        """How many jobs stand in each state; states without any are left out."""
        query = select(JobRow.state, func.count()).where(self._shown()).group_by(JobRow.state)
        with self.database.read() as session:
            return {JobState(state): count for state, count in session.execute(query)}

    def page(
        self,
        states: Iterable[JobState] = (),
        limit: int = 50,
        behind: Place | None = None,
        model: str | None = None,
    ) -> list[Summary]:
        """At most `limit` jobs in any of `states` (all when empty), from behind a place on."""
        query = select(JobRow).where(self._shown())
        query = query.order_by(JobRow.created_at.desc(), JobRow.id.desc())
        wanted = [state.value for state in states]
        if wanted:
            query = query.where(JobRow.state.in_(wanted))
        if model is not None:
            query = query.where(JobRow.model == model)
        if behind is not None:
            same = and_(JobRow.created_at == behind.created_at, JobRow.id < behind.id)
            query = query.where(or_(JobRow.created_at < behind.created_at, same))
        with self.database.read() as session:
            rows = session.scalars(query.limit(max(1, min(limit, _MOST)))).all()
            return _summaries(session, rows)

    def histories(self, ids: Iterable[str]) -> dict[str, list[Step]]:
        """What became of each of these jobs, the oldest step first."""
        query = select(TransitionRow).join(JobRow, JobRow.id == TransitionRow.job_id)
        query = query.where(self._shown(), TransitionRow.job_id.in_(list(ids)))
        found: dict[str, list[Step]] = {}
        with self.database.read() as session:
            for row in session.scalars(query.order_by(TransitionRow.id)):
                step = Step(row.from_state, row.to_state, row.reason, row.at)
                found.setdefault(row.job_id, []).append(step)
        return found

    def _shown(self) -> ColumnElement[bool]:
        return true() if self.owner is None else JobRow.owner == self.owner


def _summaries(session: Session, rows: Sequence[JobRow]) -> list[Summary]:
    ids = [row.id for row in rows]
    systems: dict[str, list[str]] = {}
    legs = select(EvidenceRow.job_id, EvidenceRow.system).where(EvidenceRow.job_id.in_(ids))
    for job_id, system in session.execute(legs.order_by(EvidenceRow.leg)):
        systems.setdefault(job_id, []).append(system)
    seconds: dict[str, float] = {}
    proofs = select(ProofRow.job_id, ProofRow.seconds).where(ProofRow.job_id.in_(ids))
    for job_id, took in session.execute(proofs):
        seconds[job_id] = seconds.get(job_id, 0.0) + took
    paid = set(session.scalars(select(PaymentRow.job_id).where(PaymentRow.job_id.in_(ids))))
    work: dict[str, Progress] = {}
    leases = select(LeaseRow).where(LeaseRow.job_id.in_(ids), LeaseRow.token != "")
    for row in session.scalars(leases.order_by(LeaseRow.leg.desc())):
        work[row.job_id] = as_progress(row)
    return [
        Summary(
            id=row.id,
            state=JobState(row.state),
            reason=row.reason,
            model=row.model,
            systems=tuple(systems.get(row.id, ())),
            on_chain=row.chain_id != "0",
            created_at=row.created_at,
            updated_at=row.updated_at,
            deadline=row.deadline,
            progress=work.get(row.id),
            prove_seconds=seconds.get(row.id),
            paid=row.id in paid,
        )
        for row in rows
    ]
