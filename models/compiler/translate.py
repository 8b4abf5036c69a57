"""From the ONNX graph and integer rows to a program: no float runtime has a part in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avow.models.compiler.builder import NOTHING, Builder
from avow.models.compiler.graph import Graph, Port
from avow.models.compiler.lower import lower
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.scaling import coarser
from avow.models.compiler.value import Value
from avow.models.errors import ModelError
from avow.models.program.blobs import Integers
from avow.verifier.program.blob import Blob
from avow.verifier.program.operations import Affine
from avow.verifier.program.program import Output, Program
from avow.verifier.tensor import TensorSpec

Rows = Mapping[str, NDArray[Any]]

# A longer accumulator is rounded to this width as an output, never clamped.
OUTPUT_BITS = 32
# But the values seen keep this many bits more than the precision.
_SPARE_BITS = 6


@dataclass(frozen=True, slots=True)
class Built:
    """A program with what the builder knows of it; `names` maps ONNX tensors to its tensors."""

    program: Program
    blobs: tuple[Blob, ...]
    builder: Builder
    names: dict[str, int]


def build(graph: Graph, specs: tuple[TensorSpec, ...], batch: list[Integers], bits: int) -> Built:
    """The program of a simplified graph at one precision, calibrated on integer rows."""
    return _build(graph, specs, batch, Builder(bits=bits, rows=len(batch[0])))


def build_again(
    graph: Graph, specs: tuple[TensorSpec, ...], told: tuple[int, ...], bits: int
) -> Built:
    """The same program without its calibration rows, from what they showed (`Builder.told`)."""
    try:
        built = _build(graph, specs, [NOTHING for _ in specs], Builder(bits, 0, told))
    except Refusal as error:
        raise ModelError(str(error)) from error
    if len(built.builder.answers) != len(told):
        raise ModelError("what calibration showed belongs to another model or precision")
    return built


def _build(graph: Graph, specs: tuple[TensorSpec, ...], batch: list[Integers], b: Builder) -> Built:
    inputs = {
        port.name: b.input(spec, observed, port.integral)
        for port, spec, observed in zip(graph.inputs, specs, batch, strict=True)
    }
    lowered = lower(graph, b, inputs)
    outputs = []
    for name, value in zip(graph.outputs, lowered.outputs, strict=True):
        b.node = name
        outputs.append(Output(name, _finish(b, value).tensor))
    names = {name: value.tensor for name, value in lowered.values.items()}
    return Built(b.program(outputs), tuple(b.blobs), b, names)


def _finish(b: Builder, value: Value) -> Value:
    """An output, of `OUTPUT_BITS` bits where that loses nothing, whose step has its own scale."""
    excess = value.interval.magnitude.bit_length() + 1 - OUTPUT_BITS
    # A loose interval must not cost the bits that the values seen do have.
    seen = max(abs(end) for end in b.ends(value))
    spare = seen.bit_length() - b.bits - _SPARE_BITS
    value = coarser(b, value, max(min(excess, spare, value.scale), 0))
    labels = [spec.scale for spec in b.inputs] + [step.scale for step in b.steps]
    if value.tensor < len(b.inputs) or labels[value.tensor] != value.scale:
        copy = Affine((value.tensor,), (1,), 0)
        value = b.emit(copy, [value], value.scale, value.error, value.integral)
    return value


def match_specs(graph: Graph, specs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    """Refuse a schema that does not fit the graph's inputs, in order."""
    wanted = [(port.name, list(port.shape)) for port in graph.inputs]
    given = [(spec.name, list(spec.shape)) for spec in specs]
    if wanted != given:
        raise ModelError(f"the model's inputs are {wanted}, the schema describes {given}")
    for port, spec in zip(graph.inputs, specs, strict=True):
        if port.integral and spec.scale:
            raise ModelError(f"input {port.name!r} holds integers, its scale must be 0")
    return specs


def quantise_rows(
    graph: Graph,
    specs: tuple[TensorSpec, ...],
    rows: Rows,
    what: str,
    most: int | None = None,
) -> list[Integers]:
    """The first `most` rows as integers (rows, *shape), checked against the declared ranges."""
    found = [
        quantise_input(port, spec, rows, what, most)
        for port, spec in zip(graph.inputs, specs, strict=True)
    ]
    if len({len(array) for array in found}) != 1 or not len(found[0]):
        raise ModelError(f"{what}: every input needs the same number of rows, one at least")
    return found


def quantise_input(
    port: Port, spec: TensorSpec, rows: Rows, what: str, most: int | None
) -> Integers:
    """round-half-even(real 2^scale) of one input's rows."""
    if port.name not in rows:
        raise ModelError(f"{what}: no rows for the input {port.name!r}")
    array = np.asarray(rows[port.name])[:most]
    if array.dtype.kind not in "fiub" or array[:1].size * len(array) != array.size:
        raise ModelError(f"{what}: {port.name!r} must hold real numbers, got {array.dtype}")
    try:
        scaled = np.rint(
            array.astype(np.float64).reshape(len(array), *port.shape) * 2.0**spec.scale
        )
    except ValueError as error:
        raise ModelError(
            f"{what}: {port.name!r} must have shape {['n', *port.shape]}, got {list(array.shape)}"
        ) from error
    if not ((scaled >= spec.minimum) & (scaled <= spec.maximum)).all():
        low, high = spec.minimum / 2.0**spec.scale, spec.maximum / 2.0**spec.scale
        raise ModelError(f"{what}: {port.name!r} must lie in [{low:g}, {high:g}]")
    return scaled.astype(np.int64)
