"""Histograms in the job database: exact over all workers, and over their ends and restarts."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from avow.prover.metrics.names import OBSERVED, Metric
from avow.prover.tables import ObservationRow


def observe(session: Session, metric: Metric, label: str, value: float) -> None:
    """Counts a value in the caller's transaction: it is there exactly when what was measured is.

    One transaction that observes several metrics does so in the order of `OBSERVED`, so that two
    of them cannot wait for each other.
    """
    row = {
        "metric": metric.name,
        "label": label,
        # The bounds are inclusive, as Prometheus has them.
        "bucket": bisect_left(metric.bounds, value),
        "count": 1,
        "total": float(value),
    }
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    new = insert(ObservationRow).values(row)
    session.execute(
        new.on_conflict_do_update(
            index_elements=["metric", "label", "bucket"],
            set_={
                "count": ObservationRow.count + new.excluded.count,
                "total": ObservationRow.total + new.excluded.total,
            },
        )
    )


def histograms(session: Session) -> list[HistogramMetricFamily]:
    """Every histogram as Prometheus reads it, also those without a value."""
    found: dict[tuple[str, str], list[tuple[int, int, float]]] = {}
    for row in session.scalars(select(ObservationRow)):
        found.setdefault((row.metric, row.label), []).append((row.bucket, row.count, row.total))
    families = []
    for metric in OBSERVED:
        family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for (name, label), buckets in sorted(found.items()):
            if name == metric.name:
                counts, total = _cumulated(metric, buckets)
                family.add_metric([label], counts, total)
        families.append(family)
    return families


def _cumulated(
    metric: Metric, buckets: Sequence[tuple[int, int, float]]
) -> tuple[list[tuple[str, float]], float]:
    counts = [0] * (len(metric.bounds) + 1)
    for bucket, count, _ in buckets:
        # A later version may have fewer bounds than the one that counted.
        counts[min(bucket, len(metric.bounds))] += count
    bounds = [*(f"{bound:.17g}" for bound in metric.bounds), "+Inf"]
    pairs = list(zip(bounds, map(float, accumulate(counts)), strict=True))
    return pairs, sum(total for _, _, total in buckets)
