"""From real-valued calibration rows to what a model's inputs may hold as integers."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avow.models.data import Rows
from avow.models.errors import ModelError
from avow.models.load import Model, Port
from avow.verifier.errors import VerificationError
from avow.verifier.records import ModelRecord, OutputShape, parse_model_record
from avow.verifier.tensor import ElementType, Tensor, TensorSpec

EXACT_SCALE_LIMIT = 12
STEPS_ACROSS_RANGE = 4096
MARGIN = 0.25
GREATEST_SCALE = 60
# A word that a command line can mean: no slash (a path), no @ (before the version), no space.
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
_RANGE = re.compile(rf"(?:(?P<name>[^=]+)=)?(?P<low>{_NUMBER}):(?P<high>{_NUMBER})")


@dataclass(frozen=True, slots=True)
class Range:
    """Real values that a client may send, both ends included; `name` None means every input."""

    name: str | None
    low: float
    high: float


def parse_range(text: str) -> Range:
    """Read `lo:hi` or `input=lo:hi`; raises `ModelError`."""
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ModelError(f"a range is written lo:hi or input=lo:hi, got {text[:80]!r}")
    found = Range(match["name"], float(match["low"]), float(match["high"]))
    if not found.low <= found.high or not np.isfinite([found.low, found.high]).all():
        raise ModelError(f"a range needs lo <= hi, both finite, got {text[:80]!r}")
    return found


@dataclass(frozen=True, slots=True)
class Identity:
    """What an owner says about a model. `owner` has 20 bytes."""

    name: str
    version: str
    licence: str
    owner: bytes


def derive_record(
    model: Model, rows: Rows, identity: Identity, ranges: tuple[Range, ...], scale: int | None
) -> ModelRecord:
    """The model's core record: checked as if it came from outside, so it can be read again.

    Raises `ModelError` for a range of an unknown input, calibration outside its range, or a
    name that no record may hold.
    """
    for what, word in (("name", identity.name), ("version", identity.version)):
        if not _WORD.fullmatch(word) or word.endswith(".onnx"):
            raise ModelError(
                f"a model's {what} has 1 to 100 letters, digits and . _ + -, got {word[:120]!r}; "
                f"choose one with --{what}"
            )
    known = [port.name for port in model.inputs]
    for one in ranges:
        if one.name is not None and one.name not in known:
            raise ModelError(f"the range names {one.name[:80]!r}, but the inputs are {known}")
    chosen = [one.name for one in ranges]
    if len(set(chosen)) != len(chosen):
        raise ModelError(f"more than one range for the same input: {chosen}")
    specs = tuple(
        _derive_spec(port, values, _range_of(port, ranges), scale)
        for port, values in zip(model.inputs, rows.inputs, strict=True)
    )
    record = ModelRecord(
        name=identity.name,
        version=identity.version,
        onnx_sha256=model.sha256,
        inputs=specs,
        outputs=tuple(OutputShape(port.name, port.shape) for port in model.outputs),
        licence=identity.licence,
        owner=identity.owner,
    )
    try:
        record.digest()
        return parse_model_record(record.to_json())
    except VerificationError as error:
        raise ModelError(f"no valid model record: {error.message}") from error


def quantise_row(record: ModelRecord, rows: Rows, at: int) -> tuple[Tensor, ...]:
    """Row `at` as the integers that a statement speaks of; raises `ModelError` out of range."""
    try:
        return tuple(
            spec.quantise([float(value) for value in array[at].reshape(-1)])
            for spec, array in zip(record.inputs, rows.inputs, strict=True)
        )
    except VerificationError as error:
        raise ModelError(f"row {at}: {error.message}") from error


def dequantise(
    specs: tuple[TensorSpec, ...], tensors: tuple[Tensor, ...]
) -> tuple[NDArray[np.float64], ...]:
    """The reals that checked tensors stand for, each in its own shape; raises `ModelError`."""
    if len(specs) != len(tensors):
        raise ModelError(f"expected {len(specs)} tensors, got {len(tensors)}")
    try:
        return tuple(
            np.array(spec.dequantise(tensor), dtype=np.float64).reshape(spec.shape)
            for spec, tensor in zip(specs, tensors, strict=True)
        )
    except VerificationError as error:
        raise ModelError(error.message) from error


def check_rows(record: ModelRecord, rows: Rows, what: str) -> None:
    """Refuse rows with a value outside the declared range; the first such row is named."""
    for spec, array in zip(record.inputs, rows.inputs, strict=True):
        scaled = np.rint(array.reshape(len(rows), -1) * 2.0**spec.scale)
        outside = (scaled < spec.minimum) | (scaled > spec.maximum)
        if outside.any():
            at = int(np.argmax(outside.any(axis=1)))
            value = array.reshape(len(rows), -1)[at][int(np.argmax(outside[at]))]
            low, high = spec.minimum / 2.0**spec.scale, spec.maximum / 2.0**spec.scale
            raise ModelError(
                f"{what}: {spec.name!r} must lie in the declared range [{low:g}, {high:g}], "
                f"row {at} holds {value:g}; declare another with --range lo:hi"
            )


def _range_of(port: Port, ranges: tuple[Range, ...]) -> Range | None:
    named = [one for one in ranges if one.name == port.name]
    general = [one for one in ranges if one.name is None]
    return next(iter(named + general), None)


def _derive_spec(
    port: Port, values: NDArray[np.float64], declared: Range | None, scale: int | None
) -> TensorSpec:
    low, high = (declared.low, declared.high) if declared else _widened(values)
    power = _scale_for(values, high - low) if scale is None else scale
    if not 0 <= power <= GREATEST_SCALE:
        raise ModelError(f"a scale lies in 0..{GREATEST_SCALE}, got {power}")
    minimum = int(np.floor(low * 2.0**power))
    maximum = int(np.ceil(high * 2.0**power))
    try:
        return TensorSpec(
            port.name, _smallest_type(minimum, maximum), port.shape, power, minimum, maximum
        )
    except VerificationError as error:
        raise ModelError(
            f"input {port.name!r} with range {low:g}:{high:g} at scale 2^{power}: {error.message}"
        ) from error


def _widened(values: NDArray[np.float64]) -> tuple[float, float]:
    """The observed range and a quarter more on each side, without crossing zero.

    Quantities that were never negative (counts, grey values) stay so. Another range is the
    owner's to declare.
    """
    low, high = float(values.min()), float(values.max())
    margin = MARGIN * (high - low) or max(abs(high), 1.0) * MARGIN
    wide_low = max(0.0, low - margin) if low >= 0 else low - margin
    wide_high = min(0.0, high + margin) if high < 0 else high + margin
    return wide_low, wide_high


def _scale_for(values: NDArray[np.float64], span: float) -> int:
    """The smallest scale that holds every calibration value exactly, or 4096 steps in the range.

    Small integers keep circuits small; exact ones lose nothing.
    """
    for power in range(EXACT_SCALE_LIMIT + 1):
        scaled = values * 2.0**power
        if np.array_equal(scaled, np.rint(scaled)):
            return power
    steps = np.log2(STEPS_ACROSS_RANGE / span) if span > 0 else EXACT_SCALE_LIMIT
    return int(np.clip(np.ceil(steps), 0, 24))


def _smallest_type(minimum: int, maximum: int) -> ElementType:
    for kind in ElementType:
        if kind.minimum <= minimum and maximum <= kind.maximum:
            return kind
    # TensorSpec refuses what does not fit, with the bounds in its message.
    return ElementType.INT64
