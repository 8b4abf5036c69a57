"""The pulse of work under way: heartbeats, progress, and the end of it when it is nobody's."""

from __future__ import annotations

import time

from sqlalchemy import select

from avow.prover.bench import Bench
from avow.prover.errors import DatabaseUnavailable, LeaseLost
from avow.prover.leases import Lease, beat
from avow.prover.tables import LeaseRow

_LOOK_SECONDS = 0.3
_BEAT_SECONDS = 1.5


class Pulse:
    """A `Tick` over one lease or several: looks whether they are still held, and beats.

    A lease that is lost leaves the others alone; when none is held any more, LeaseLost is raised
    and the work ends.
    """

    def __init__(self, bench: Bench, lease: Lease) -> None:
        self._bench = bench
        self._held = {lease}
        self._expected: float | None = None
        self._started = self._looked = time.monotonic()
        self._beaten = self._reached = self._started
        self._stage = "started"
        # A lease of a few seconds needs beats that come several times within it.
        self._beat_seconds = min(_BEAT_SECONDS, bench.config.lease_seconds / 4)

    @property
    def seconds(self) -> float:
        """How long the work has taken since it began."""
        return time.monotonic() - self._started

    def begin(self, expected: float | None) -> None:
        """Counts the time from here. With `expected`, the seconds that such work took before,
        percentage and time left are estimates from it."""
        self._started, self._expected = time.monotonic(), expected

    def join(self, lease: Lease) -> None:
        """Holds one more lease."""
        self._held.add(lease)

    def leave(self, lease: Lease) -> None:
        """Lets go of a lease whose work is stored or has ended otherwise."""
        self._held.discard(lease)

    def holds(self, lease: Lease) -> bool:
        """Whether a lease was still held when it was last looked at."""
        return lease in self._held

    def __call__(self, stage: str, percent: int | None) -> None:
        """Notes a stage and its percentage; raises LeaseLost when no work is ours any more."""
        now = time.monotonic()
        try:
            if stage != self._stage or now - self._beaten >= self._beat_seconds:
                self._beat(stage, percent)
                self._stage, self._beaten, self._reached = stage, now, now
            elif now - self._looked >= _LOOK_SECONDS:
                self._look()
                self._looked = self._reached = now
        except DatabaseUnavailable as error:
            # A short outage must not cost a proof; a long one means that others may have begun.
            if now - self._reached > self._bench.config.lease_seconds:
                self._held.clear()
                raise LeaseLost(f"no database for longer than the lease: {error}") from error

    def _beat(self, stage: str, percent: int | None) -> None:
        shown, left = percent or 0, None
        if self._expected:
            shown = min(99, int(100 * self.seconds / self._expected))
            # Overdue work ends nobody knows when.
            remaining = self._expected - self.seconds
            left = round(remaining) if remaining > 0 else None
        bench = self._bench
        lost: dict[Lease, LeaseLost] = {}
        with bench.database.write() as session:
            # In one order everywhere, so that two holders of the same rows cannot block each other.
            for lease in sorted(self._held, key=lambda lease: (lease.job_id, lease.leg)):
                try:
                    beat(session, lease, bench.clock(), bench.terms, stage, shown, left)
                except LeaseLost as error:
                    lost[lease] = error
        self._drop(lost)

    def _look(self) -> None:
        jobs = [lease.job_id for lease in self._held]
        with self._bench.database.read() as session:
            query = select(LeaseRow.token).where(LeaseRow.job_id.in_(jobs))
            tokens = set(session.scalars(query))
        self._drop(
            {
                lease: LeaseLost(f"{lease.task.value} of job {lease.job_id} was ended")
                for lease in self._held
                if lease.token not in tokens
            }
        )

    def _drop(self, lost: dict[Lease, LeaseLost]) -> None:
        self._held -= lost.keys()
        if lost and not self._held:
            raise next(iter(lost.values()))
