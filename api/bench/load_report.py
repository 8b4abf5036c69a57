"""What a load came to: rates, percentiles, memory, as a table, a chart and a part of a page."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from avow.api.bench.machine import on_machine
from avow.api.figures import figure_of_matplotlib, save

PERCENTILES = (50, 90, 99)
_COLOURS = ("#4c72b0", "#dd8452")


How = Literal["proven", "failed", "refused", "unfinished"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request: how it ended, and seconds from asking to the answer and to the proof.

    `answered_at` and `proven_at` are seconds after the measurement began. `refused` was not taken;
    `unfinished` was, and was given up when the time was over.
    """

    how: How
    answer_s: float = math.inf
    proof_s: float = math.inf
    answered_at: float = math.inf
    proven_at: float = math.inf


@dataclass(frozen=True, slots=True)
class Row:
    """One number of workers under one load. Every request is one of `outcomes`.

    `warmed` jobs came before anything was measured. `peak_bytes` has each program's own peak.
    """

    workers: int
    clients: int
    seconds: float
    warmed: int
    outcomes: tuple[Outcome, ...]
    checked: int
    bundle_bytes: int
    peak_bytes: Mapping[str, int]

    def count(self, how: str) -> int:
        """How many requests ended so."""
        return sum(outcome.how == how for outcome in self.outcomes)

    @property
    def submitted(self) -> int:
        """Requests that became jobs."""
        return len(self.outcomes) - self.count("refused")

    @property
    def proven(self) -> int:
        """Jobs that were proven while somebody waited for them."""
        return self.count("proven")

    @property
    def unfinished(self) -> int:
        """Jobs that were given up when the time was over."""
        return self.count("unfinished")

    def to_json(self) -> dict[str, Any]:
        """The row of the report; rates count what happened within `seconds`."""
        served = [one for one in self.outcomes if one.how == "proven"]
        answered = [one for one in self.outcomes if one.answer_s < math.inf]
        proven = sum(one.proven_at <= self.seconds for one in served)
        return {
            "workers": self.workers,
            "clients": self.clients,
            "seconds": self.seconds,
            "warmed": self.warmed,
            "submitted": self.submitted,
            "proven": self.proven,
            "failed": self.count("failed"),
            "refused": self.count("refused"),
            "unfinished": self.unfinished,
            "answers_per_s": sum(one.answered_at <= self.seconds for one in answered)
            / self.seconds,
            "proofs_per_s": proven / self.seconds,
            "answer_s": percentiles([one.answer_s for one in answered]),
            "proof_s": percentiles([one.proof_s for one in served]),
            "checked": self.checked,
            "bundle_bytes": self.bundle_bytes,
            "peak_bytes": dict(self.peak_bytes),
        }


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """The smallest value that so many per cent of the values do not exceed; None of nothing."""
    ordered = sorted(values)
    return {
        f"p{per_cent}": ordered[math.ceil(len(ordered) * per_cent / 100) - 1] if ordered else None
        for per_cent in PERCENTILES
    }


TITLES = (
    "workers", "clients", "jobs", "proven", "failed", "refused", "unfinished", "answers/s",
    "proofs/s", "answer p50 s", "p90", "p99", "proof p50 s", "p90", "p99", "peak MB",
)  # fmt: skip


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """One row of a report as texts under `TITLES`; the peak is the sum of every program's."""

    def times(name: str) -> list[str]:
        found = (row[name][f"p{per_cent}"] for per_cent in PERCENTILES)
        return ["-" if value is None else f"{value:.2f}" for value in found]

    return (
        *(str(row[name]) for name in ("workers", "clients", "submitted", "proven")),
        *(str(row[name]) for name in ("failed", "refused", "unfinished")),
        f"{row['answers_per_s']:.1f}",
        f"{row['proofs_per_s']:.1f}",
        *times("answer_s"),
        *times("proof_s"),
        f"{sum(row['peak_bytes'].values()) / 10**6:.0f}",
    )


def section(found: dict[str, Any]) -> list[str]:
    """The part of the page on performance, as Markdown."""
    machine, rows = found["machine"], found["rows"]
    most = max(rows, key=lambda row: float(row["proofs_per_s"]))
    jobs = sum(row["submitted"] for row in rows)
    lost = jobs - sum(row["proven"] + row["failed"] + row["unfinished"] for row in rows)
    return [
        "",
        "## A service under load",
        "",
        f"`avow api` and workers on one machine, `{found['model']}` with `sumcheck/v1`. Clients on "
        "the loopback",
        "address, as many as the table says, submit held-out rows, follow the events, fetch the "
        f"bundle and ask again, for {rows[0]['seconds']:g}",
        f"seconds; measured on {found['measured_at']}.",
        "",
        f"{on_machine(machine)} Load average",
        f"when it began: {found['load_average']:.1f}. The clients run on the same cores.",
        "",
        "![answers and proofs per second, and how long they take](load.svg)",
        "",
        "| " + " | ".join(TITLES) + " |",
        "|" + "---:|" * len(TITLES),
        *("| " + " | ".join(cells(row)) + " |" for row in rows),
        "",
        f"Of {jobs} jobs {lost} are unaccounted for: the service lists exactly those that were "
        "submitted. At most",
        f"{most['proofs_per_s']:.1f} proofs per second, with {most['workers']} worker(s). "
        "Times run from the request to the event",
        "that tells of the answer or the proof; percentiles are over all jobs that got there. "
        "Every proof was checked",
        "by the worker before it was stored, and "
        f"{sum(row['checked'] for row in rows)} bundles by the client afterwards. The peak is the "
        "sum of each",
        "program's own, with shared pages counted once. Proofs hold all that waits, see "
        "[batches](batches.md).",
        "",
        "This part is written from `load.json`, which `avow bench --load --json docs/load.json` "
        "measures.",
    ]


def draw(found: dict[str, Any], path: Path) -> None:
    """Rates on the left, percentiles to the proof and to the answer on the right."""
    rows = found["rows"]
    names = [f"{row['workers']} worker{'s' if row['workers'] > 1 else ''}" for row in rows]
    figure = figure_of_matplotlib(path)(figsize=(10, 4.2), layout="constrained", dpi=130)
    rates, times = figure.subplots(1, 2)
    for number, (key, label) in enumerate(
        (("answers_per_s", "answers"), ("proofs_per_s", "proofs"))
    ):
        at = [place + (number - 0.5) * 0.38 for place in range(len(rows))]
        bars = rates.bar(at, [row[key] for row in rows], 0.36, color=_COLOURS[number], label=label)
        rates.bar_label(bars, fmt="%.1f", fontsize=8)
    rates.set_xticks(range(len(rows)), names)
    rates.set(ylabel="per second")
    rates.legend(loc="best")
    marks = [f"p{per_cent}" for per_cent in PERCENTILES]
    for number, row in enumerate(rows):
        for key, style in (("answer_s", "o--"), ("proof_s", "s-")):
            values = [row[key][mark] or 0.0 for mark in marks]
            label = f"{names[number]}, to the {'answer' if key == 'answer_s' else 'proof'}"
            times.plot(marks, values, style, color=_COLOURS[number % 2], label=label)
    times.set(ylabel="seconds", ylim=(0, None))
    times.legend(loc="best", fontsize=8)
    for panel in (rates, times):
        panel.grid(axis="y", alpha=0.25)
        panel.set_axisbelow(True)
    machine = found["machine"]
    title = f"{found['model']}, {machine['cores']} x {machine['cpu']}, {found['measured_at']}"
    figure.suptitle(title, fontsize=10)
    save(figure, path)
