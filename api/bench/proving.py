"""Writes `docs/proving.md` from reports of `avow bench`.

`python -m avow.api.bench.proving docs REPORT...` keeps the reports in `docs/proving.json` and
writes the page; without reports the page is written from that file.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

NAME = "proving"
_EZKL, _SUMCHECK = "ezkl/v1", "sumcheck/v1"
_TITLES = (
    "model", "system", "for", "setup s", "prove s", "warm s", "verify s", "quick s", "peak MB",
    "keys MB", "proof B", "calldata B", "settle gas", "check gas", "agreement", "largest error",
)  # fmt: skip
_LEFT = 3
_ON_CHAIN = ("calldata_bytes", "gas", "verify_gas")


def page(reports: Sequence[dict[str, Any]]) -> str:
    """The page as Markdown; every number in it comes from the reports."""
    rows = [row for report in reports for row in report["rows"]]
    machine = reports[0]["machine"]
    runs = ", ".join(sorted({str(report["runs"]) for report in reports}))
    lines = [
        "# Proving",
        "",
        "What a proof costs, by `avow bench`. Systems stand side by side where they were",
        f"measured in the same run; medians of {runs} run(s). [Figures](reference/figures.md) says",
        "what each column is: `prove` is a proof in a process made for it, `warm` one in a process",
        "that is kept, as a worker keeps it. `quick` is the native check in a kept process, which",
        "stands beside `verify` and decides nothing. Sumcheck's keys are chosen for time or for",
        "gas. Gas is that of real transactions on a development chain: one that settles an order",
        "in the market, and one that has the router check the proof alone.",
        "",
        f"Machine: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_bytes'] / 2**30:.0f} GiB, {machine['kernel']}; Python "
        f"{machine['python']},",
        f"ezkl {machine['packages']['ezkl']}, native core on `{machine['native']}`. "
        f"{measured(reports)}",
        "",
        "| " + " | ".join(_TITLES) + " |",
        "|" + "---|" * _LEFT + "---:|" * (len(_TITLES) - _LEFT),
        *("| " + " | ".join(_cells(row)) + " |" for row in rows),
        "",
        *beside(rows),
        *unsettled(rows),
        "## Where the time goes",
        "",
        "Milliseconds of each stage in a kept process, and shares of what its caller waits for.",
        "",
        *_stages([row for row in rows if "stages" in row and row.get("optimize") != "gas"]),
        "",
        f"This page is written by `python -m avow.api.bench.{NAME} docs` from `{NAME}.json`, which "
        "holds the",
        "reports of `avow bench --json`.",
    ]
    return "\n".join(lines) + "\n"


def measured(reports: Sequence[dict[str, Any]]) -> str:
    """When, and beside how much other work."""
    dates = " and ".join(sorted({report["measured_at"] for report in reports}))
    loads = ", ".join(f"{report['load_average']:.1f}" for report in reports)
    return f"Measured on {dates}; load average when it began: {loads}."


def beside(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Lines for each model that both systems proved in one run."""
    found = {(row["model"], row["system"], row.get("optimize", "time")): row for row in rows}
    lines = []
    for model in dict.fromkeys(row["model"] for row in rows):
        ezkl, sumcheck = found.get((model, _EZKL, "time")), found.get((model, _SUMCHECK, "time"))
        if ezkl is None or sumcheck is None:
            continue
        lines += [
            f"`{model}`: ezkl takes {ezkl['prove_s'] / sumcheck['prove_warm_s']:,.0f} times the "
            f"warm proof of sumcheck, {ezkl['prove_s'] / sumcheck['prove_s']:,.0f} times",
            "the one in a process made for it, "
            f"{ezkl['peak_rss_bytes'] / sumcheck['peak_rss_bytes']:,.0f} times the memory, "
            f"{ezkl['setup_s'] / sumcheck['setup_s']:,.0f} times the setup, "
            f"{ezkl['key_bytes'] / sumcheck['key_bytes']:,.0f} times the keys.",
            *_on_chain(ezkl, found.get((model, _SUMCHECK, "gas"), {})),
            "",
        ]
    return lines


def unsettled(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each row that was to be settled and could not be."""
    lines = [
        f"`{row['model']}` for {row['optimize']} has no gas: {row['unsettled']}."
        for row in rows
        if "unsettled" in row
    ]
    return [*lines, ""] if lines else []


def _on_chain(ezkl: dict[str, Any], sumcheck: dict[str, Any]) -> Iterator[str]:
    if "verify_gas" in ezkl and "verify_gas" in sumcheck:
        mine, other = sumcheck["verify_gas"], ezkl["verify_gas"]
        yield (
            f"On chain: {mine:,} gas for a check, a proof of {sumcheck['proof_bytes']:,} bytes and "
            f"{sumcheck['prove_warm_s']:.2f} s of proving; ezkl takes"
        )
        yield (
            f"{other / mine:.1f} times the gas, {other:,}, with a proof of "
            f"{ezkl['proof_bytes']:,} bytes."
        )


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    warm, quick = row.get("prove_warm_s"), row.get("quick_s")
    return (
        row["model"],
        row["system"].partition("/")[0],
        row.get("optimize", ""),
        _seconds(row["setup_s"]),
        _seconds(row["prove_s"]),
        "" if warm is None else _seconds(warm),
        _seconds(row["verify_s"]),
        "" if quick is None else _seconds(quick),
        f"{row['peak_rss_bytes'] / 10**6:,.0f}",
        f"{row['key_bytes'] / 10**6:,.1f}",
        f"{row['proof_bytes']:,}",
        *(f"{row[name]:,}" if name in row else "" for name in _ON_CHAIN),
        row["agreement"],
        row["max_error"],
    )


def _seconds(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:,.2f}"


def _stages(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    names = list(dict.fromkeys(name for row in rows for name in row["stages"]))
    yield "| model | " + " | ".join(names) + " | other | all |"
    yield "|---|" + "---:|" * (len(names) + 2)
    for row in rows:
        whole, stages = row["prove_warm_s"], row["stages"]
        parts = [stages.get(name, 0.0) for name in names]
        shown = [
            f"{1000 * part:.1f} ({100 * part / whole:.0f} %)"
            for part in (*parts, max(0.0, whole - sum(parts)))
        ]
        yield f"| {row['model']} | " + " | ".join(shown) + f" | {1000 * whole:.1f} |"


def main(arguments: Sequence[str]) -> int:
    """`FOLDER [REPORT ...]`: see the module."""
    folder = Path(arguments[0] if arguments else "docs")
    kept = folder / f"{NAME}.json"
    if arguments[1:]:
        given = [json.loads(Path(path).read_text(encoding="utf-8")) for path in arguments[1:]]
        kept.write_text(json.dumps(given, indent=1) + "\n", encoding="utf-8")
    reports = json.loads(kept.read_text(encoding="utf-8"))
    (folder / f"{NAME}.md").write_text(page(reports), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
