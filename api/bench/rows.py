"""Samples, and the rows of medians that a reader compares."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one model on one system; times are wall-clock seconds.

    `compile_s` is everything that `avow compile` does, `setup_s` its making of keys. `infer_s`
    is the circuit's own run, its process included. `peak_rss_bytes` is the proving child's.
    `key_bytes` are proving and verifying key. `calldata_bytes` and `gas` are those of the
    transaction that settled an order with this proof.
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
    calldata_bytes: int
    gas: int


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one model on one system."""

    model: str
    system: str
    samples: tuple[Sample, ...]

    def to_json(self) -> dict[str, object]:
        """Model, system, the median of every column, and all samples."""
        columns = asdict(self.samples[0])
        middle = {name: self._median(name) for name in columns}
        return {
            "model": self.model,
            "system": self.system,
            **middle,
            "runs": len(self.samples),
            "samples": [asdict(sample) for sample in self.samples],
        }

    def _median(self, column: str) -> float | int:
        values: list[float | int] = [getattr(sample, column) for sample in self.samples]
        middle = median(values)
        return round(middle) if isinstance(values[0], int) else round(middle, 4)


_TABLE = (
    ("model", "model", 1),
    ("setup s", "setup_s", 1),
    ("infer s", "infer_s", 1),
    ("prove s", "prove_s", 1),
    ("verify s", "verify_s", 1),
    ("peak MB", "peak_rss_bytes", 10**6),
    ("keys MB", "key_bytes", 10**6),
    ("proof B", "proof_bytes", 1),
    ("calldata B", "calldata_bytes", 1),
    ("gas", "gas", 1),
)


def table(rows: Sequence[dict[str, object]]) -> list[str]:
    """The medians as aligned lines of text."""
    lines = [[title for title, _, _ in _TABLE]]
    lines += [[_cell(row[key], unit) for _, key, unit in _TABLE] for row in rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(_TABLE))]
    return [
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]


def _cell(value: object, unit: int) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, int):
        return f"{value / unit:.1f}" if unit > 1 else f"{value:,}"
    return str(value)
