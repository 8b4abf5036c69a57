"""The parts of a proof: measured seconds, their share, and what the cost model had predicted."""

from collections.abc import Mapping, Sequence

from avow.api.bench.rows import aligned

_TITLES = ("stage", "ms", "share", "predicted ms")


def profile(row: Mapping[str, object]) -> list[str]:
    """One model's stages as aligned lines, the rest of the proof's wall clock as `other`.

    `other` is what the caller waits for beside the stages: sending the input and reading the
    answer of the process that proves. A row without stages gives no lines.
    """
    stages, whole = row.get("stages"), row.get("prove_warm_s")
    if not isinstance(stages, Mapping) or not isinstance(whole, float):
        return []
    predicted = row.get("predicted_stages")
    known: Mapping[str, float] = predicted if isinstance(predicted, Mapping) else {}
    measured = {**stages, "other": max(0.0, whole - sum(stages.values()))}
    lines: list[Sequence[str]] = [_TITLES]
    lines += [_line(name, seconds, whole, known.get(name)) for name, seconds in measured.items()]
    lines.append(_line("all", whole, whole, sum(known.values()) if known else None))
    system = str(row["system"]) + (f" for {row['optimize']}" if row.get("optimize") else "")
    return [f"{row['model']}, {system}, in a kept process:", *aligned(lines, 1)]


def _line(name: str, seconds: float, whole: float, predicted: float | None) -> tuple[str, ...]:
    share = f"{100 * seconds / whole:.1f} %" if whole else "-"
    guess = "-" if predicted is None else f"{1000 * predicted:.2f}"
    return name, f"{1000 * seconds:.2f}", share, guess
