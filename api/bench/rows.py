"""Samples, and the rows of medians that a reader compares."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

Number = float | int


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one model on one system; times are wall-clock seconds.

    `compile_s` is everything that `avow compile` does, `setup_s` its making of keys. `infer_s`
    is the proven program's own run, its process included. `prove_s` is a proof in a process made
    for it, `prove_warm_s` one in a process that has proven with this artifact before. `quick_s` is
    the native check, which decides nothing.
    `peak_rss_bytes` is the proving child's. `key_bytes` are all files that proving and verifying
    need. `calldata_bytes` and `gas` are those of the transaction that settled an order with this
    proof, `verify_gas` is that of one which has the router check the proof alone. `stages` are the
    parts of `prove_warm_s`. None where a system has no such thing.
    """

    compile_s: float
    setup_s: float
    infer_s: float
    prove_s: float
    verify_s: float
    peak_rss_bytes: int
    key_bytes: int
    proof_bytes: int
    bundle_bytes: int
    calldata_bytes: int | None = None
    gas: int | None = None
    verify_gas: int | None = None
    prove_warm_s: float | None = None
    quick_s: float | None = None
    stages: Mapping[str, float] | None = None

    def to_json(self) -> dict[str, object]:
        """What was measured, without what was not."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one model on one system; `facts` stand in the row as they are."""

    model: str
    system: str
    samples: tuple[Sample, ...]
    facts: Mapping[str, object]

    def to_json(self) -> dict[str, object]:
        """Model, system, the median of every column, and all samples."""
        samples = [sample.to_json() for sample in self.samples]
        middle = {name: _median([sample[name] for sample in samples]) for name in samples[0]}
        return {
            "model": self.model,
            "system": self.system,
            **middle,
            **self.facts,
            "runs": len(samples),
            "samples": samples,
        }


def _median(values: Sequence[object]) -> object:
    if isinstance(values[0], dict):
        parts = [value for value in values if isinstance(value, dict)]
        return {name: _median([part[name] for part in parts]) for name in parts[0]}
    numbers = [value for value in values if isinstance(value, int | float)]
    middle = median(numbers)
    # A proof of milliseconds needs more digits than one of minutes.
    return round(middle) if isinstance(numbers[0], int) else round(middle, 6)


_TABLE = (
    ("model", "model", 1),
    ("system", "system", 1),
    ("for", "optimize", 1),
    ("setup s", "setup_s", 1),
    ("infer s", "infer_s", 1),
    ("prove s", "prove_s", 1),
    ("warm s", "prove_warm_s", 1),
    ("verify s", "verify_s", 1),
    ("quick s", "quick_s", 1),
    ("peak MB", "peak_rss_bytes", 10**6),
    ("keys MB", "key_bytes", 10**6),
    ("proof B", "proof_bytes", 1),
    ("calldata B", "calldata_bytes", 1),
    ("gas", "gas", 1),
    ("check gas", "verify_gas", 1),
)


def table(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """The medians as aligned lines of text; a dash where a system has no such thing."""
    return aligned(
        [
            [title for title, _, _ in _TABLE],
            *([_cell(row.get(key), unit) for _, key, unit in _TABLE] for row in rows),
        ],
        3,
    )


def aligned(lines: Sequence[Sequence[str]], left: int) -> list[str]:
    """Cells in columns, the first `left` of them aligned to the left."""
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    return [
        "  ".join(
            cell.ljust(width) if at < left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]


def _cell(value: object, unit: int) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}" if value < 1 else f"{value:.2f}"
    if isinstance(value, int):
        return f"{value / unit:.1f}" if unit > 1 else f"{value:,}"
    return str(value)
