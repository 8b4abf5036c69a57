"""A whole program: its parts, its digest, and the check that every valid input has an answer."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import get_args, get_origin, get_type_hints

from avow.verifier import canonical
from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields
from avow.verifier.keccak import keccak256, tag
from avow.verifier.limits import LIMITS
from avow.verifier.program.blob import Blob, BlobRef, parse_blob_ref
from avow.verifier.program.intervals import Interval, result_interval
from avow.verifier.program.operations import NAMES, Operation, Shape, name_of
from avow.verifier.program.semantics import evaluate
from avow.verifier.program.shapes import result_shape
from avow.verifier.tensor import ElementType, Tensor, TensorSpec, parse_tensor_spec

FORMAT = "avow-program/1"
_PROGRAM_TAG = tag("avow.program.v1")


@dataclass(frozen=True, slots=True)
class Step:
    """One operation, and the scale of its result (real = integer / 2^scale)."""

    operation: Operation
    scale: int


@dataclass(frozen=True, slots=True)
class Output:
    """A name for one of the program's tensors."""

    name: str
    tensor: int


@dataclass(frozen=True, slots=True)
class Program:
    """Inputs, constants, operations in order, outputs. Tensors are numbered inputs first."""

    inputs: tuple[TensorSpec, ...]
    blobs: tuple[BlobRef, ...]
    steps: tuple[Step, ...]
    outputs: tuple[Output, ...]

    def to_json(self) -> Json:
        """The object that `parse_program` reads."""
        return {
            "format": FORMAT,
            "inputs": [spec.to_json() for spec in self.inputs],
            "blobs": [blob.to_json() for blob in self.blobs],
            "operations": [_step_json(step) for step in self.steps],
            "outputs": [{"name": item.name, "tensor": item.tensor} for item in self.outputs],
        }

    def encode(self) -> bytes:
        """The canonical bytes; blobs stand apart, by their digests."""
        return canonical.encode(self.to_json())

    def digest(self) -> bytes:
        """keccak256(tag || canonical JSON): the program digest."""
        return keccak256(_PROGRAM_TAG + self.encode())

    def shapes(self) -> list[Shape]:
        """The shape of every tensor; refuses what does not fit together."""
        shapes = [spec.shape for spec in self.inputs]
        for number, step in enumerate(self.steps):
            operands = [_operand(shapes, at, number) for at in step.operation.of]
            shapes.append(result_shape(step.operation, operands, self.blobs))
        return shapes


def parse_program(data: bytes) -> Program:
    """Read canonical program bytes; checks names, numbers and shapes, not yet the blobs."""
    fields = Fields(
        canonical.parse(data, LIMITS.program_bytes, "program"),
        "program",
        {"format", "inputs", "blobs", "operations", "outputs"},
    )
    fields.one_of("format", (FORMAT,))
    program = Program(
        inputs=tuple(parse_tensor_spec(item) for item in fields.items("inputs", 1, LIMITS.tensors)),
        blobs=tuple(parse_blob_ref(item) for item in fields.items("blobs", 0, 2**16)),
        steps=tuple(
            _parse_step(item) for item in fields.items("operations", 1, LIMITS.program_operations)
        ),
        outputs=tuple(_parse_output(item) for item in fields.items("outputs", 1, LIMITS.tensors)),
    )
    for names in ([x.name for x in program.inputs], [x.name for x in program.outputs]):
        if len(set(names)) != len(names):
            raise VerificationError("program", "two inputs or outputs have one name")
    count = len(program.shapes())
    for output in program.outputs:
        if not 0 <= output.tensor < count:
            raise VerificationError("program", f"output names tensor {output.tensor} of {count}")
    return program


def check(program: Program, blobs: Sequence[Blob]) -> list[Interval]:
    """Establish that every valid input has exactly one answer; return each tensor's interval.

    The blobs are those that the program names; nothing overflows, no lookup misses.
    """
    if [blob.ref() for blob in blobs] != list(program.blobs):
        raise VerificationError("program", "the blobs are not those that the program names")
    if not all(blob.is_narrow() for blob in blobs):
        raise VerificationError("program", "a blob is not in the narrowest type that holds it")
    shapes = program.shapes()
    known = [Interval(spec.minimum, spec.maximum) for spec in program.inputs]
    for step in program.steps:
        of = step.operation.of
        known.append(
            result_interval(
                step.operation, [known[at] for at in of], [shapes[at] for at in of], blobs
            )
        )
    return known


def output_specs(program: Program, intervals: Sequence[Interval]) -> tuple[TensorSpec, ...]:
    """The schema of the outputs: narrowest element type, scale and range."""
    shapes = program.shapes()
    scales = [spec.scale for spec in program.inputs] + [step.scale for step in program.steps]
    specs = []
    for output in program.outputs:
        low, high = intervals[output.tensor].low, intervals[output.tensor].high
        kind = next(kind for kind in ElementType if kind.minimum <= low and high <= kind.maximum)
        specs.append(
            TensorSpec(output.name, kind, shapes[output.tensor], scales[output.tensor], low, high)
        )
    return tuple(specs)


def run(program: Program, blobs: Sequence[Blob], inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Answer an input by the definition itself: for small programs and for auditors."""
    intervals = check(program, blobs)
    if len(inputs) != len(program.inputs):
        raise VerificationError(
            "tensors", f"{len(program.inputs)} inputs expected, got {len(inputs)}"
        )
    for spec, tensor in zip(program.inputs, inputs, strict=True):
        spec.check(tensor)
    shapes = program.shapes()
    values: list[Sequence[int]] = [tensor.values for tensor in inputs]
    for step in program.steps:
        of = step.operation.of
        operands = [values[at] for at in of]
        values.append(
            evaluate(
                step.operation, shapes[len(values)], operands, [shapes[at] for at in of], blobs
            )
        )
    return tuple(
        Tensor(spec.element_type, spec.shape, tuple(values[output.tensor]))
        for spec, output in zip(output_specs(program, intervals), program.outputs, strict=True)
    )


def _operand(shapes: list[Shape], at: int, number: int) -> Shape:
    if not 0 <= at < len(shapes):
        raise VerificationError("program", f"operation {number} names tensor {at} before it exists")
    return shapes[at]


def _step_json(step: Step) -> Json:
    value: dict[str, Json] = {"op": name_of(step.operation), "scale": step.scale}
    for field in dataclasses.fields(step.operation):
        content = getattr(step.operation, field.name)
        if content is None:
            continue
        if field.name in _WIDE:
            value[field.name] = _wide(content)
        else:
            value[field.name] = list(content) if isinstance(content, tuple) else content
    return value


# Attributes that may exceed 2^53 are decimal strings.
_WIDE = frozenset({"low", "high", "coefficients", "constant", "value", "first"})


def _wide(content: int | tuple[int, ...]) -> Json:
    return [str(item) for item in content] if isinstance(content, tuple) else str(content)


def _parse_step(value: Json) -> Step:
    if not isinstance(value, dict):
        raise VerificationError("program", "an operation must be an object")
    kind = NAMES.get(str(value.get("op")))
    if kind is None:
        raise VerificationError("program", f"unknown operation {str(value.get('op'))[:40]!r}")
    hints = get_type_hints(kind)
    optional = {name for name, hint in hints.items() if NoneType in get_args(hint)}
    fields = Fields(value, "operation", {"op", "scale"} | (hints.keys() - optional), optional)
    attributes: dict[str, int | tuple[int, ...] | None] = {}
    for name, hint in hints.items():
        if not fields.has(name):
            attributes[name] = None
        elif get_origin(hint) is tuple:
            items = fields.items(name, 0, 256)
            attributes[name] = tuple(_integer(item, name) for item in items)
        elif hint is int or isinstance(hint, UnionType):
            attributes[name] = _integer(fields.raw(name), name)
    # The table of operations names dataclasses of exactly these attributes.
    return Step(kind(**attributes), fields.integer("scale", 0, 60))  # type: ignore[arg-type]


def _integer(value: Json, name: str) -> int:
    if name in _WIDE:
        if isinstance(value, str) and value.removeprefix("-").isdigit() and len(value) <= 20:
            number = int(value)
            if str(number) == value and abs(number) < 2**62:
                return number
    elif isinstance(value, int) and not isinstance(value, bool):
        return value
    raise VerificationError("program", f"{name} must be an integer, got {str(value)[:40]!r}")


def _parse_output(value: Json) -> Output:
    fields = Fields(value, "output", {"name", "tensor"})
    return Output(fields.name("name"), fields.integer("tensor", 0, 2**17))
