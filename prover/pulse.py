"""The pulse of work under way: heartbeat, progress, and the end of it when the lease is gone."""

from __future__ import annotations

import time

from sqlalchemy import select

from avow.prover.bench import Bench
from avow.prover.errors import DatabaseUnavailable, LeaseLost
from avow.prover.leases import Lease, beat, still_held
from avow.prover.tables import ProofRow

_LOOK_SECONDS = 0.3
_BEAT_SECONDS = 1.5


class Pulse:
    """A `Tick`: looks whether the lease is still held, and beats; raises LeaseLost when not.

    `expected` is how many seconds the work took before, where that is known: then the
    percentage and the time left are estimates from it.
    """

    def __init__(self, bench: Bench, lease: Lease, expected: float | None = None) -> None:
        self._bench = bench
        self._lease = lease
        self._expected = expected
        self._started = self._looked = time.monotonic()
        self._beaten = self._reached = self._started
        self._stage = "started"
        # A lease of a few seconds needs beats that come several times within it.
        self._beat_seconds = min(_BEAT_SECONDS, bench.config.lease_seconds / 4)

    @property
    def seconds(self) -> float:
        """How long the work has taken so far."""
        return time.monotonic() - self._started

    def __call__(self, stage: str, percent: int | None) -> None:
        """Notes a stage and its percentage; raises LeaseLost when the work is no longer ours."""
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
                raise LeaseLost(f"no database for longer than the lease: {error}") from error

    def _beat(self, stage: str, percent: int | None) -> None:
        shown, left = percent or 0, None
        if self._expected:
            shown = min(99, int(100 * self.seconds / self._expected))
            left = max(0, round(self._expected - self.seconds))
        bench = self._bench
        with bench.database.write() as session:
            beat(session, self._lease, bench.clock(), bench.terms, stage, shown, left)

    def _look(self) -> None:
        with self._bench.database.read() as session:
            if not still_held(session, self._lease):
                raise LeaseLost(f"{self._lease.task.value} of job {self._lease.job_id} was ended")


def expected_seconds(bench: Bench, record: str) -> float | None:
    """The median time of the last proofs with the same artifact, None without any."""
    query = select(ProofRow.seconds).where(ProofRow.record == record)
    with bench.database.read() as session:
        known = sorted(session.scalars(query.order_by(ProofRow.at.desc()).limit(5)).all())
    return known[len(known) // 2] if known else None
