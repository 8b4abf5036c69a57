"""The page and the chart about disputes, made from the report of `avow.api.bench.disputes`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from avow.api.bench.machine import on_machine
from avow.api.figures import figure_of_matplotlib, save

FAMILIES = {"mlp": "dense layers", "conv": "convolutions"}
# What is promised: gas to show one wrong sum of so many products to the referee.
PROMISED_GAS = {256: 120_000, 1024: 190_000, 4096: 520_000}
# Of committing beside answering: a share of the answer's time, or so much a byte of all tensors.
PROMISED_SHARE, PROMISED_NS = 0.2, 1.0
_COLOURS = {"mlp": "#4c72b0", "conv": "#dd8452"}


def gas_of(row: dict[str, Any], way: str) -> int:
    """Gas of a dispute in one way, both parties."""
    return sum(row[way]["gas"].values())


def refute_gas(row: dict[str, Any]) -> int:
    """Gas of the refuting transaction to the contract of claims."""
    (found,) = (gas for _, name, gas in row["one_shot"]["moves"] if name == "Refute")
    return int(found)


def draw(found: dict[str, Any], path: Path) -> None:
    """Gas on the left, time and memory of tracing on the right, against weights."""
    figure = figure_of_matplotlib(path)(figsize=(11, 4.8), layout="constrained", dpi=130)
    gas, cost = figure.subplots(1, 2)
    memory = cost.twinx()
    for family, meaning in FAMILIES.items():
        rows = [row for row in found["rows"] if row["family"] == family]
        if not rows:
            continue
        at = [row["weights"] for row in rows]
        colour = _COLOURS[family]
        for way, style, what in (("game", "o-", "game"), ("one_shot", "s--", "one shot")):
            values = [gas_of(row, way) for row in rows]
            gas.plot(at, values, style, color=colour, ms=4, label=f"{meaning}: {what}")
        times = [row["traced_s"] for row in rows]
        cost.plot(at, times, "^-", color=colour, ms=4, label=f"{meaning}: answer and trace, s")
        peaks = [row["run_peak_bytes"] / 10**6 for row in rows]
        memory.plot(at, peaks, "o:", color=colour, ms=4, label=f"{meaning}: memory, MB")
    gas.set(xscale="log", xlabel="weights", ylabel="gas of a whole dispute", ylim=(0, None))
    cost.set(xscale="log", yscale="log", xlabel="weights", ylabel="seconds")
    memory.set(yscale="log", ylabel="peak resident memory while tracing, MB")
    for axes in (gas, cost):
        axes.grid(which="both", alpha=0.2)
    gas.legend(fontsize=8, loc="lower right")
    lines = [*cost.get_lines(), *memory.get_lines()]
    cost.legend(lines, [line.get_label() for line in lines], fontsize=8, loc="upper left")
    machine = found["machine"]
    figure.suptitle(f"{machine['cores']} x {machine['cpu']}, {found['measured_at']}", fontsize=10)
    save(figure, path)


def page(found: dict[str, Any]) -> str:
    """The page as Markdown; every number in it comes from the report."""
    machine, rows = found["machine"], found["rows"]
    sized = [row for row in rows if row["family"] in FAMILIES]
    lines = [
        "# Disputes",
        "",
        "What it costs to overturn a wrong answer of `optimistic/v1`, and to commit to a right",
        f"one, as measured on {found['measured_at']}. Gas is that of receipts on a development",
        "chain (anvil, its default rules) with the contracts as released, calldata included. The",
        "networks have random weights of 8 bits; the lie is one bit of an element of the middle "
        "layer.",
        "",
        on_machine(machine),
        f"Load average when it began: {found['load_average']:.1f}. Everything ran on one thread.",
        "",
        *_one_shot([row for row in rows if row["family"] == "dot"]),
        *_sizes(sized),
        *_traces(found["traces"]),
        "",
        "This page is written by `python -m avow.api.bench.disputes docs` from `disputes.json`,",
        "which `python -m avow.api.bench.disputes docs measure` measures in some minutes.",
    ]
    return "\n".join(lines) + "\n"


def _one_shot(rows: Sequence[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    table = [
        (
            row["inner"],
            row["refutation_bytes"],
            row["referee_gas"],
            PROMISED_GAS[row["inner"]],
            refute_gas(row),
            gas_of(row, "one_shot"),
        )
        for row in rows
    ]
    return [
        "## One shot",
        "",
        "One of 256 outputs of a dense layer of bytes, no weight and no input of which is zero, in",
        "a program of 64 tensors.",
        "",
        *_table(_ONE_SHOT, table),
        "",
        "`referee alone` is a transaction to the referee, which decides and moves nothing; "
        "`refute` goes to",
        "the contract of claims, which asks the referee, ends the claim and credits everybody. "
        "`commit` is",
        "what keeps a refutation from being copied.",
        f"Transactions to the referee {_kept(rows, lambda row: row['referee_gas'])}. Refutations",
        f"through the claims {_kept(rows, refute_gas)}; with the commitment before",
        "it, in a transaction of its own, they "
        f"{_kept(rows, lambda row: gas_of(row, 'one_shot'))}.",
        "",
    ]


def _kept(rows: Sequence[dict[str, Any]], gas: Callable[[dict[str, Any]], int]) -> str:
    missed = [row["inner"] for row in rows if gas(row) > PROMISED_GAS[row["inner"]]]
    if not missed:
        return "keep the marks"
    return f"miss the mark at {' and '.join(f'{inner:,}' for inner in missed)} products"


def _sizes(rows: Sequence[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    last = max(rows, key=lambda row: int(row["weights"]))
    return [
        "## Against model size",
        "",
        "![gas of a dispute, time and memory of a trace, against weights](disputes.svg)",
        "",
        *_table(_DISPUTES, [_dispute(row) for row in rows]),
        "",
        "`one shot` is commitment and refutation; `game` is everything from opening a challenge to",
        "the refutation, with its commitment. A round is an answer of the provider. The first",
        "row's dispute was the chain's first: it stored credits of the challenger and of what is",
        "burned for the first time.",
        "",
        *_table(_TRACED, [_traced(row) for row in rows]),
        "",
        "`ready` is what a process does once: key of the program and its executor. Memory is the",
        "peak of the whole process meanwhile, and while it answers and commits. `slowest move` is",
        "the longest that either side took to make a move or a refutation from its own run.",
        f"The largest program has {last['weights']:,} weights: answering and committing takes "
        f"{last['traced_s']:.3f} s and {last['run_peak_bytes'] / 10**6:,.0f} MB,",
        f"making ready {last['ready_peak_bytes'] / 10**6:,.0f} MB; its process was allowed "
        f"{last['memory_limit_bytes'] / 2**30:.0f} GiB of data.",
        "",
    ]


def _dispute(row: dict[str, Any]) -> list[object]:
    """One row under `_DISPUTES`."""
    game = row["game"]
    return [
        FAMILIES[row["family"]],
        row["weights"],
        row["tensors"],
        gas_of(row, "one_shot"),
        gas_of(row, "game"),
        game["gas"]["provider"],
        game["gas"]["challenger"],
        game["rounds"],
        game["calldata_bytes"]["provider"],
        game["calldata_bytes"]["challenger"],
    ]


def _traced(row: dict[str, Any]) -> list[object]:
    """One row under `_TRACED`."""
    slowest = max(row["refutation_s"], row["game"]["slowest_move_s"])
    memory = ("program_bytes", "ready_peak_bytes", "run_peak_bytes")
    return [
        FAMILIES[row["family"]],
        row["weights"],
        row["multiplications"],
        row["stored_bytes"],
        f"{row['ready_s']:.2f}",
        f"{1000 * row['answer_s']:.2f}",
        f"{1000 * row['traced_s']:.2f}",
        f"{1000 * slowest:.0f}",
        *(f"{row[key] / 10**6:,.1f}" for key in memory),
    ]


_ONE_SHOT = (
    "products", "refutation B", "referee alone", "mark", "`refute`", "`commit` and `refute`",
)  # fmt: skip
_DISPUTES = (
    "network", "weights", "tensors", "one shot", "game", "of the provider", "of the challenger",
    "rounds", "calldata of the provider B", "of the challenger B",
)  # fmt: skip
_TRACED = (
    "network", "weights", "multiplications", "tensors B", "ready s", "answer ms",
    "answer and trace ms", "slowest move ms", "program MB", "ready MB", "tracing MB",
)  # fmt: skip
_BESIDE = (
    "network", "tensors", "tensors B", "answer ms", "answer and trace ms", "hashing alone ms",
    "more", "more, ns a byte",
)  # fmt: skip


def _traces(rows: Sequence[dict[str, Any]]) -> list[str]:
    table: list[list[object]] = []
    said = []
    for row in rows:
        share, each = row["overhead"], row["overhead_ns_per_byte"]
        table.append(
            [
                FAMILIES[row["family"]],
                row["tensors"],
                row["stored_bytes"],
                *(f"{1000 * row[key]:.3f}" for key in ("answer_s", "traced_s", "hashed_s")),
                f"{100 * share:.1f} %",
                f"{each:.2f}",
            ]
        )
        ways = [f"below {100 * PROMISED_SHARE:.0f} %"] if share < PROMISED_SHARE else []
        ways += [f"at most {PROMISED_NS:.0f} ns a byte"] if each <= PROMISED_NS else []
        kept = f"keep the mark ({' and '.join(ways)})" if ways else "miss the mark"
        said.append(f"{FAMILIES[row['family']].capitalize()} {kept}.")
    return [
        "## Traces beside answers",
        "",
        "The networks of [Scaling](scaling.md) with about 10^8 multiplications; medians.",
        "",
        *_table(_BESIDE, table),
        "",
        f"The mark is less than {100 * PROMISED_SHARE:.0f} % more, or at most {PROMISED_NS:.0f} ns "
        "for each byte of the tensors.",
        " ".join(said),
    ]


def _table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    shown = [
        [f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells] for cells in rows
    ]
    return [
        "| " + " | ".join(titles) + " |",
        "|---|" + "---:|" * (len(titles) - 1),
        *("| " + " | ".join(cells) + " |" for cells in shown),
    ]
