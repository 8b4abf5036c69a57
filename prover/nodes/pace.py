"""How long a proof takes here, from the proofs that were made here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from avow.prover.catalogue import Compiled
from avow.prover.database import Database
from avow.prover.tables import EvidenceRow, JobRow, ProofRow
from avow.prover.timing import measured
from avow.verifier.lifecycle import JobState

_LAST = 16
# Transactions, the worker's start, the bundle's check.
_OVERHEAD_SECONDS = 15.0
# Until a node comes to look at an order again, at the worst.
_LOOK_SECONDS = 30.0
# A proof beside others, or on a busy machine, is slower than its median.
_MARGIN = 1.5
_WAITING = (JobState.QUEUED, JobState.RUNNING, JobState.ANSWERED, JobState.PROVING)


@dataclass(frozen=True, slots=True)
class Pace:
    """Estimates from the job database. `unmeasured` is what a first proof is taken to last,
    `window` how long a worker waits for others to share a proof; both in seconds."""

    database: Database
    concurrency: int
    unmeasured: float
    window: float = 0.0

    def seconds(self, record: str) -> float:
        """The time of a proof under a system record: the longest of the batches' medians."""
        return max(measured(self.database, record).values(), default=self.unmeasured)

    def share(self, record: str) -> float:
        """The time that one answer's part in its proof took: the median of the last ones."""
        query = select(ProofRow.seconds / ProofRow.members)
        query = query.where(ProofRow.record == record, ProofRow.batch > 0)
        with self.database.read() as session:
            found = sorted(session.scalars(query.order_by(ProofRow.at.desc()).limit(_LAST)))
        return float(found[len(found) // 2]) if found else self.unmeasured

    def is_last_call(self, chosen: str, waited: float, other: Compiled, left: float) -> bool:
        """Whether a leg's other system has to begin now, with so many seconds `left`, because the
        record that was `chosen` is later by now than it was expected to be.

        An answer that is within its time is left alone, and one that is lost anyway as well.
        """
        if waited < _MARGIN * self.seconds(chosen) + self.window + _OVERHEAD_SECONDS:
            return False
        return self.seconds(other.record_digest) <= left <= self.needed([other]) + _LOOK_SECONDS

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
        before = sum(self.share(record) for record in waiting) / self.concurrency
        return _MARGIN * (own + before) + self.window + _OVERHEAD_SECONDS
