"""Writes `docs/performance.md` and its charts from reports of `avow bench`.

Run `avow bench --executors --json docs/performance.json` and, for the part on a service under
load, `avow bench --load --json docs/load.json`, then `python -m avow.api.bench.performance docs`.
No figure of the page is typed by hand.
"""

import json
import sys
from pathlib import Path
from typing import Any

from avow.api.bench import load_report
from avow.api.bench.executors import PROMISED_RATIO, TITLES, cells, draw

NAME = "performance"
LOAD = "load"


def page(found: dict[str, Any], loaded: dict[str, Any] | None = None) -> str:
    """The page as Markdown, with a part on a service under load where that was measured."""
    machine, rows = found["machine"], found["rows"]
    worst = max(rows, key=lambda row: float(row["ratio"]))
    over = [
        f"`{row['model']}` at {row['bits']} bits" for row in rows if row["ratio"] > PROMISED_RATIO
    ]
    mark = f"above it: {', '.join(over)}" if over else "no row is above it"
    lines = [
        "# Performance",
        "",
        "The exact executor beside onnxruntime's float32 on the "
        "[bench models](reference/bench-models.md),",
        f"measured on {found['measured_at']}: one sample, {found['threads']} thread each, medians",
        f"of {found['rounds']} rounds in which both take turns.",
        "",
        f"Machine: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_bytes'] / 2**30:.0f} GiB, {machine['kernel']}; Python",
        f"{machine['python']}, onnxruntime {machine['packages']['onnxruntime']}, numpy "
        f"{machine['packages']['numpy']}. Load average when it began:",
        f"{found['load_average']:.1f}. Other work makes milliseconds longer; the ratio, taken in "
        "turns, suffers less.",
        "",
        "![exact over float32 for each model and width](performance.svg)",
        "",
        "| " + " | ".join(TITLES) + " |",
        "|" + "---|" * len(TITLES),
        *("| " + " | ".join(cells(row)) + " |" for row in rows),
        "",
        "A star marks the width that `avow model compile` takes by itself. The reference is numpy",
        "with 64-bit integers. Agreement and error are against the float model on all held-out",
        "rows; `dense-4m` has random weights.",
        "",
        f"The largest ratio is {worst['ratio']:.2f} (`{worst['model']}` at {worst['bits']} bits). "
        f"The mark is {PROMISED_RATIO:.0f};",
        f"{mark}.",
        "",
        f"This page is written by `python -m avow.api.bench.{NAME} docs` from `{NAME}.json`, which",
        f"`avow bench --executors --json docs/{NAME}.json` measures.",
        *(load_report.section(loaded) if loaded is not None else ()),
    ]
    return "\n".join(lines) + "\n"


def load_of(folder: Path) -> dict[str, Any] | None:
    """The report of `avow bench --load` in the folder, if there is one."""
    path = folder / f"{LOAD}.json"
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def main(arguments: list[str]) -> int:
    """Write page and chart beside the report in the folder that is given."""
    folder = Path(arguments[0] if arguments else "docs")
    found = json.loads((folder / f"{NAME}.json").read_text(encoding="utf-8"))
    loaded = load_of(folder)
    (folder / f"{NAME}.md").write_text(page(found, loaded), encoding="utf-8")
    if loaded is not None:
        load_report.draw(loaded, folder / f"{LOAD}.svg")
    draw(found, folder / f"{NAME}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
