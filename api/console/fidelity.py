"""How faithful a proven program is to the float model, in words and plots."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import isfinite
from pathlib import Path
from typing import Any

from markupsafe import Markup

from avow.api.console.charts import Span, spans
from avow.models.errors import ModelError
from avow.models.programs import kept_program
from avow.verifier.fields import to_hex
from avow.verifier.records import Fidelity

_LAYERS = 60


@dataclass(frozen=True, slots=True)
class FidelityView:
    """Figures of a record. `agreement` is a percentage or None where there are no classes."""

    rows: int
    agreement: str | None
    max_error: str | None
    mean_error: str | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Tried:
    """A precision that compilation tried, and whether it kept its promise."""

    bits: int
    rows: int
    agreement: float | None
    max_error: float
    mean_error: float
    verdict: str


@dataclass(frozen=True, slots=True)
class LayerError:
    """The error of one layer against the float model's, in its own real units."""

    number: int
    kind: str
    node: str
    scale: int
    mean: float
    worst: float


@dataclass(frozen=True, slots=True)
class ProgramView:
    """What compiling the model's integer program on this machine reported."""

    digest: str
    bits: int
    reason: str
    operations: int
    multiplications: int
    program_bytes: int
    constant_bytes: int
    tried: tuple[Tried, ...]
    layers: tuple[LayerError, ...]
    measured_on: str
    chart: Markup | None


def view(fidelity: Fidelity) -> FidelityView:
    """A record's figures; what it does not say is None."""
    agreement = _percent(fidelity.agreement)
    worst, mean = _number(fidelity.max_error), _number(fidelity.mean_error)
    if not fidelity.rows or worst is None:
        return FidelityView(0, None, None, None, "Nobody measured it: there were no held-out rows.")
    few = "" if fidelity.sufficient else ", which are too few to rely on"
    on = f"{fidelity.rows} held-out rows{few}"
    if agreement is None:
        sentence = f"Off by at most {worst} on {on}."
    else:
        sentence = f"The same class as the float model on {agreement} of {on}."
    return FidelityView(fidelity.rows, agreement, worst, mean, sentence)


def program_view(home: Path, model: bytes) -> ProgramView | None:
    """The program that a model has on this machine; None where there is none that can be read."""
    try:
        kept = kept_program(home, model)
    except ModelError:
        return None
    if kept is None:
        return None
    report = kept.report
    try:
        layers = tuple(_layers(report))
        return ProgramView(
            digest=to_hex(kept.digest),
            bits=int(report["bits"]),
            reason=str(report["reason"]),
            operations=len(report["operations"]),
            multiplications=int(report["multiplications"]),
            program_bytes=int(report["program_bytes"]),
            constant_bytes=int(report["blob_bytes"]),
            tried=tuple(_tried(one) for one in report["tried"]),
            layers=layers,
            measured_on=str(report["layers_measured_on"]),
            chart=_chart(layers) if len(layers) > 1 else None,
        )
    except (KeyError, TypeError, ValueError):
        # An older compilation reported other things.
        return None


def _tried(one: Mapping[str, Any]) -> Tried:
    agreement = one["agreement"]
    return Tried(
        bits=int(one["bits"]),
        rows=int(one["rows"]),
        agreement=None if agreement is None else float(agreement),
        max_error=float(one["max_error"]),
        mean_error=float(one["mean_error"]),
        verdict=str(one["verdict"]),
    )


def _layers(report: Mapping[str, Any]) -> list[LayerError]:
    found = []
    for entry in report["operations"]:
        worst, mean = entry["measured_max_error"], entry["measured_mean_error"]
        if worst is not None and mean is not None and isfinite(worst) and isfinite(mean):
            found.append(
                LayerError(
                    int(entry["tensor"]),
                    str(entry["kind"]),
                    str(entry["node"]),
                    int(entry["scale"]),
                    float(mean),
                    float(worst),
                )
            )
    return found[:_LAYERS]


def _chart(layers: tuple[LayerError, ...]) -> Markup:
    rows = [Span(f"{one.number} {one.kind}", one.mean, one.worst) for one in layers]
    return spans(rows, "Error against the float model, layer by layer: mean and largest")


def _percent(text: str) -> str | None:
    try:
        return f"{(Decimal(text) * 100).normalize():f} %"
    except InvalidOperation:
        return None


def _number(text: str) -> str | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return f"{value.normalize():f}" if value.is_finite() else None
