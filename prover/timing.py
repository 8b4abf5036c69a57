"""How long proofs took here: what a worker expects of the next one."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median_low

from sqlalchemy import select
from sqlalchemy.orm import Session

from avow.prover.database import Database
from avow.prover.tables import ProofRow

# Rows of one batch share one time, so that the last ones may all be of the same proof.
_LAST = 256


def measured(database: Database, record: str) -> dict[int, float]:
    """The median seconds of the last proofs under a system record, by their number of samples."""
    with database.read() as session:
        return measured_in(session, record)


def measured_in(session: Session, record: str) -> dict[int, float]:
    """`measured`, within a transaction that goes on."""
    query = select(ProofRow.batch, ProofRow.seconds).where(
        ProofRow.record == record, ProofRow.batch > 0
    )
    rows = session.execute(query.order_by(ProofRow.at.desc()).limit(_LAST)).all()
    found: dict[int, list[float]] = {}
    for batch, seconds in rows:
        found.setdefault(batch, []).append(seconds)
    return {batch: float(median_low(values[:16])) for batch, values in found.items()}


def expected(times: Mapping[int, float], batch: int) -> float | None:
    """The seconds that a proof of `batch` samples should take; None when none was measured.

    A size that was not measured is taken to cost as many times the next smaller one's as it is
    larger, which is more than it will: much of a proof is the same for every size.
    """
    if batch in times:
        return times[batch]
    smaller = [size for size in times if size < batch]
    if smaller:
        return times[max(smaller)] * batch / max(smaller)
    return times[min(times)] if times else None
