"""Proving time and memory against the number of multiplications: measures, draws, writes a page.

`python -m avow.api.bench.scaling docs measure` measures every network in a process of its own and
writes `docs/scaling.json`; without `measure` chart and page are made from that file.
"""

import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from avow.api.bench.machine import describe_machine, on_machine
from avow.api.bench.points import point
from avow.api.figures import figure_of_matplotlib, save

NAME = "scaling"
# What is promised at the largest size: so many times the slower executor, and so much more.
PROMISED_RATIO, PROMISED_EXTRA_S = 100, 0.05
PROOFS = 5
FAMILIES = {"mlp": "dense layers", "conv": "convolutions"}
_POINT_SECONDS = 1800
_COLOURS = {"mlp": "#4c72b0", "conv": "#dd8452"}


def measure(sizes: Sequence[int], proofs: int = PROOFS) -> dict[str, Any]:
    """The report of the networks of these numbers, both families."""
    load = os.getloadavg()[0]
    rows = [_point(family, at, proofs) for at in sizes for family in FAMILIES]
    return {
        "measured_at": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": describe_machine(),
        "load_average": round(load, 1),
        "proofs": proofs,
        "rows": sorted(rows, key=lambda row: (row["family"], row["multiplications"])),
    }


def _point(family: str, at: int, proofs: int) -> dict[str, Any]:
    arguments = (family, str(at), str(proofs))
    return point("scaling_point", *arguments, what=f"{family} {at}", seconds=_POINT_SECONDS)


def draw(found: dict[str, Any], path: Path) -> None:
    """Time on the left, memory on the right, both axes logarithmic."""
    figure = figure_of_matplotlib(path)(figsize=(11, 4.8), layout="constrained", dpi=130)
    times, memory = figure.subplots(1, 2)
    for family, meaning in FAMILIES.items():
        rows = [row for row in found["rows"] if row["family"] == family]
        at = [row["multiplications"] for row in rows]
        colour = _COLOURS[family]
        for key, style, what in (
            ("prove_s", "o-", "proof"),
            ("exact_s", "s--", "exact executor"),
            ("float_s", "^:", "onnxruntime float32"),
        ):
            values = [row[key] for row in rows]
            times.plot(at, values, style, color=colour, ms=4, label=f"{meaning}: {what}")
        peaks = [row["peak_rss_bytes"] / 10**6 for row in rows]
        memory.plot(at, peaks, "o-", color=colour, ms=4, label=meaning)
    for axes, label in ((times, "seconds"), (memory, "peak resident memory of a proof, MB")):
        axes.set(xscale="log", yscale="log", xlabel="multiplications", ylabel=label)
        axes.grid(which="both", alpha=0.2)
        axes.legend(fontsize=8, loc="upper left")
    # Room for the legend above the curves.
    times.set_ylim(top=times.get_ylim()[1] * 30)
    machine = found["machine"]
    figure.suptitle(f"{machine['cores']} x {machine['cpu']}, {found['measured_at']}", fontsize=10)
    save(figure, path)


def page(found: dict[str, Any]) -> str:
    """The page as Markdown; every number in it comes from the report."""
    machine = found["machine"]
    lines = [
        "# Scaling",
        "",
        "Proofs of `sumcheck/v1` for networks of growing size with random 8-bit weights: dense",
        "layers of equal width, and convolutions of 3 x 3 with equal channels, each followed by a",
        f"relu. Measured on {found['measured_at']}; medians of {found['proofs']} proofs in a "
        "process that has its key ready.",
        "",
        on_machine(machine),
        f"Load average when it began: {found['load_average']:.1f}. Proofs use all cores, each "
        "executor one thread.",
        "",
        "![time and memory against multiplications](scaling.svg)",
        "",
        "| " + " | ".join(TITLES) + " |",
        "|---|" + "---:|" * (len(TITLES) - 1),
        *("| " + " | ".join(cells(row)) + " |" for row in found["rows"]),
        "",
        "Memory is the peak of the whole process while it proves, program and key included.",
        "`ratio` is the proof beside the slower of the two executors, less "
        f"{1000 * PROMISED_EXTRA_S:.0f} ms, which the opening of a small",
        f"model takes anyway. The mark at 10^8 multiplications is {PROMISED_RATIO}.",
        *_largest(found["rows"]),
        "",
        f"This page is written by `python -m avow.api.bench.{NAME} docs` from `{NAME}.json`, which",
        f"`python -m avow.api.bench.{NAME} docs measure` measures in some minutes.",
    ]
    return "\n".join(lines) + "\n"


TITLES = (
    "network", "multiplications", "weights", "w", "c", "setup s", "prove s", "peak MB", "proof B",
    "verify s", "exact ms", "float32 ms", "ratio",
)  # fmt: skip


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """One row as texts under `TITLES`."""
    return (
        FAMILIES[row["family"]],
        f"{row['multiplications']:,}",
        f"{row['weights']:,}",
        str(row["width"]),
        str(row["logrows"]),
        f"{row['setup_s']:.3f}",
        f"{row['prove_s']:.4f}",
        f"{row['peak_rss_bytes'] / 10**6:.0f}",
        f"{row['proof_bytes']:,}",
        f"{row['verify_s']:.2f}",
        f"{1000 * row['exact_s']:.3f}",
        f"{1000 * row['float_s']:.3f}",
        f"{ratio(row):.1f}",
    )


def ratio(row: dict[str, Any]) -> float:
    """The proof's time above the fixed part, in times of the slower executor; at least 0."""
    slower = max(row["exact_s"], row["float_s"])
    return float(max(0.0, row["prove_s"] - PROMISED_EXTRA_S) / slower)


def _largest(rows: Sequence[dict[str, Any]]) -> list[str]:
    said = []
    for family, meaning in FAMILIES.items():
        last = max(
            (row for row in rows if row["family"] == family),
            key=lambda row: int(row["multiplications"]),
        )
        verdict = "keeps" if ratio(last) <= PROMISED_RATIO else "misses"
        said.append(
            f"With {meaning} the largest network, {last['multiplications']:,} multiplications, "
            f"{verdict} it: {ratio(last):.1f}."
        )
    return said


def main(arguments: Sequence[str]) -> int:
    """`FOLDER [measure [NUMBER ...]]`: see the module."""
    folder = Path(arguments[0] if arguments else "docs")
    report = folder / f"{NAME}.json"
    if arguments[1:2] == ["measure"]:
        from avow.api.bench.scaling_point import SIZES

        sizes = [int(text) for text in arguments[2:]] or range(len(SIZES))
        report.write_text(json.dumps(measure(sizes), indent=2) + "\n", encoding="utf-8")
    found = json.loads(report.read_text(encoding="utf-8"))
    (folder / f"{NAME}.md").write_text(page(found), encoding="utf-8")
    draw(found, folder / f"{NAME}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
