"""Rate limits shared by every process on one database: the generic cell rate algorithm.

Each bucket holds one number, the theoretical arrival time of its next request. A request moves it
on by one interval and is refused when that would be further ahead than the burst allows. There is
no window whose end lets a second burst through.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import case, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from avow.prover.access.tables import RateRow
from avow.prover.database import Database

_MINUTE_US = 60_000_000
# One request in so many tidies up the buckets that have drained.
_TIDY = 512


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `per_minute` requests a minute in the long run, `burst` at once."""

    per_minute: int
    burst: int

    @property
    def interval_us(self) -> int:
        """Microseconds between two requests at the full rate."""
        return max(1, _MINUTE_US // self.per_minute)


@dataclass(frozen=True, slots=True)
class Allowance:
    """Whether a request may pass, and how many more may at once.

    `wait` is the seconds until one more may, 0 for what may pass; `drained` those until the whole
    burst may again.
    """

    allowed: bool
    remaining: int
    wait: float
    drained: float


def spend(database: Database, bucket: str, rate: Rate, now_us: int) -> Allowance:
    """Counts one request in a bucket; what is refused is not counted. One statement decides."""
    interval, room = rate.interval_us, rate.interval_us * rate.burst
    with database.write() as session:
        dialect = session.get_bind().dialect.name
        insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
        start = case((RateRow.arrival > now_us, RateRow.arrival), else_=now_us)
        counted = session.scalar(
            insert(RateRow)
            .values(bucket=bucket[:200], arrival=now_us + interval)
            .on_conflict_do_update(
                index_elements=[RateRow.bucket],
                set_={"arrival": start + interval},
                where=start + interval <= now_us + room,
            )
            .returning(RateRow.arrival)
        )
        if counted is not None:
            if secrets.randbelow(_TIDY) == 0:
                session.execute(delete(RateRow).where(RateRow.arrival < now_us))
            ahead = counted - now_us
            return Allowance(True, max(0, (room - ahead) // interval), 0.0, ahead / 1_000_000)
        arrival = session.scalar(select(RateRow.arrival).where(RateRow.bucket == bucket[:200]))
    ahead = max(0, (arrival or now_us) - now_us)
    return Allowance(False, 0, max(1, ahead + interval - room) / 1_000_000, ahead / 1_000_000)
