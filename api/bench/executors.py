"""Measuring executors: the report of `avow bench --executors`, its table and its chart."""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from avow.api.bench.machine import describe_machine
from avow.api.bench.rows import aligned
from avow.api.errors import BenchError
from avow.api.figures import figure_of_matplotlib, save
from avow.models.bench.executors import measure_model
from avow.models.bench.registry import bench_names
from avow.models.catalogue import add_zoo_model, built_in_names
from avow.models.store import ModelStore

# One thread each: a worker answers with one, and other work on the machine disturbs less.
THREADS = 1
# What the exact executor may cost; above it, it would not be worth having.
PROMISED_RATIO = 4.0


def check_names(models: Sequence[str]) -> tuple[str, ...]:
    """The models to measure, those of the bench if none are named; refuses unknown ones."""
    for name in models:
        if name not in built_in_names():
            known = ", ".join(built_in_names())
            raise BenchError(f"--models: expected some of {known}, got {name[:60]!r}")
    return tuple(models) or bench_names()


def run_executors(
    models: Sequence[str], home: Path, rounds: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Measure each model at every width, in a store under `home`."""
    store = ModelStore.at(home)
    load = os.getloadavg()[0]
    rows = []
    for name in check_names(models):
        stored = add_zoo_model(store, name).stored
        rows += [row.to_json() for row in measure_model(stored, rounds, THREADS, say)]
    return {
        "measured_at": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": describe_machine(),
        "load_average": round(load, 1),
        "threads": THREADS,
        "batch": 1,
        "rounds": rounds,
        "rows": rows,
    }


TITLES = (
    "model", "bits", "float32 ms", "exact ms", "exact/float32", "reference ms",
    "top-1 agreement", "largest error", "compile s",
)  # fmt: skip


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """One row as texts under `TITLES`; the width that is chosen has a star."""
    fidelity = row["fidelity"]
    agreement = fidelity["agreement"]
    return (
        row["model"],
        f"{row['bits']}{'*' if row['chosen'] else ''}",
        f"{row['float_ms']:.3f}",
        f"{row['exact_ms']:.3f}",
        f"{row['ratio']:.2f}",
        f"{row['reference_ms']:.2f}",
        "" if agreement is None else f"{100 * agreement:.2f} %",
        f"{fidelity['max_error']:.2g}",
        f"{row['compile_seconds']:.1f}",
    )


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The medians as aligned lines of text."""
    return aligned([TITLES, *(cells(row) for row in rows)], 1)


def draw(found: dict[str, Any], path: Path) -> None:
    """A chart of exact / float32 for every model and width, with the promise as a line.

    Raises `ApiError` where matplotlib is missing or the file's ending is not one it can draw.
    """
    figure_class = figure_of_matplotlib(path)
    rows = found["rows"]
    names = list(dict.fromkeys(row["model"] for row in rows))
    widths = sorted({row["bits"] for row in rows})
    figure = figure_class(figsize=(10.5, 4.6), layout="constrained", dpi=130)
    axes = figure.subplots()
    size = 0.8 / len(widths)
    for number, bits in enumerate(widths):
        ratios = {row["model"]: row["ratio"] for row in rows if row["bits"] == bits}
        at = [names.index(name) + (number - (len(widths) - 1) / 2) * size for name in ratios]
        bars = axes.bar(
            at, ratios.values(), size * 0.92, color=_COLOURS[number % 3], label=f"{bits} bits"
        )
        axes.bar_label(bars, fmt="%.1f", fontsize=8, padding=2)
    axes.axhline(PROMISED_RATIO, color="#c44e52", linewidth=1.2, linestyle="--")
    axes.text(-0.49, PROMISED_RATIO, " 4 times", color="#c44e52", va="bottom")
    axes.set_xticks(range(len(names)), names)
    axes.set(
        ylabel="exact executor / float32, median",
        title=f"Exact execution against onnxruntime float32, one sample, one thread\n"
        f"{found['machine']['cpu']}, {found['measured_at']}",
    )
    axes.margins(y=0.12)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.grid(axis="y", alpha=0.25)
    axes.set_axisbelow(True)
    axes.legend(loc="best")
    save(figure, path)


_COLOURS = ("#4c72b0", "#55a868", "#8172b3")
