"""How long a proof takes here, from the proofs that were made here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from avow.prover.catalogue import Compiled
from avow.prover.database import Database
from avow.prover.tables import EvidenceRow, JobRow, ProofRow
from avow.verifier.lifecycle import JobState

_LAST = 16
# Transactions, the worker's start, the bundle's check.
_OVERHEAD_SECONDS = 15.0
# A proof beside others, or on a busy machine, is slower than its median.
_MARGIN = 1.5
_WAITING = (JobState.QUEUED, JobState.RUNNING, JobState.ANSWERED, JobState.PROVING)


@dataclass(frozen=True, slots=True)
class Pace:
    """Estimates from the job database. `unmeasured` is what a first proof is taken to last."""

    database: Database
    concurrency: int
    unmeasured: float

    def seconds(self, record: str) -> float:
        """The median time of the last proofs under a system record."""
        query = select(ProofRow.seconds).where(ProofRow.record == record)
        with self.database.read() as session:
            found = sorted(session.scalars(query.order_by(ProofRow.at.desc()).limit(_LAST)))
        return float(found[len(found) // 2]) if found else self.unmeasured

    def needed(self, legs: Sequence[Compiled]) -> float:
        """Seconds from now until all these legs are delivered, behind what waits already."""
        query = (
            select(EvidenceRow.record)
            .join(JobRow, JobRow.id == EvidenceRow.job_id)
            .where(JobRow.state.in_([state.value for state in _WAITING]))
        )
        with self.database.read() as session:
            waiting = list(session.scalars(query))
        own = sum(self.seconds(item.record_digest) for item in legs)
        before = sum(self.seconds(record) for record in waiting) / self.concurrency
        return _MARGIN * (own + before) + _OVERHEAD_SECONDS
