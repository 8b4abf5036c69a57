"""What a referee must know of one tensor: the operation that makes it, its operands, its blobs.

A program's descriptors are the leaves of a tree, so that one tensor can be argued about without
the rest of the program.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, cast, get_args, get_origin, get_type_hints

from avow.verifier.program.intervals import Interval
from avow.verifier.program.operations import (
    NAMES,
    OPERANDS,
    Broadcast,
    Operation,
    Reshape,
    name_of,
)
from avow.verifier.program.program import Program
from avow.verifier.tensor import ElementType
from avow.verifier.trace.layout import Layout, blob_layout, read_layout, tensor_layouts
from avow.verifier.trace.octets import Octets, malformed

_KINDS = tuple(NAMES.values())
# Fields that name blobs, in the order of every operation's own fields.
_BLOBS = frozenset({"weight", "bias", "blob", "indices"})
_MOST = 255
_SHAPED = (Reshape, Broadcast)

RootOf = Callable[[int, Layout], bytes]


@dataclass(frozen=True, slots=True)
class Given:
    """A tensor that the program is given: its place among the inputs, its type and range."""

    element_type: ElementType
    low: int
    high: int
    number: int


@dataclass(frozen=True, slots=True)
class Committed:
    """A blob as an operation uses it: the root over its chunks, and how it lies."""

    root: bytes
    layout: Layout


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One tensor: what makes it, and how it and whatever it is made from are laid out.

    `maker` names its operands by the program's numbers, its blobs by their place in `blobs`.
    """

    maker: Operation | Given
    result: Layout
    operands: tuple[Layout, ...]
    blobs: tuple[Committed, ...]

    @property
    def of(self) -> tuple[int, ...]:
        """The numbers of the operands."""
        return () if isinstance(self.maker, Given) else self.maker.of

    def encode(self) -> bytes:
        """The leaf's data; docs/reference/optimistic.md has every field."""
        operands = zip(self.of, self.operands, strict=True)
        return b"".join(
            [
                bytes([0 if isinstance(self.maker, Given) else _opcode(self.maker)]),
                self.result.encode(),
                bytes([len(self.operands)]),
                *(number.to_bytes(4, "big") + layout.encode() for number, layout in operands),
                bytes([len(self.blobs)]),
                *(blob.root + blob.layout.encode() for blob in self.blobs),
                *_attributes(self.maker),
            ]
        )


def _opcode(operation: Operation) -> int:
    return 1 + _KINDS.index(type(operation))


def _attributes(maker: Operation | Given) -> Iterator[bytes]:
    if isinstance(maker, Given):
        yield bytes([maker.element_type.code]) + _wide(maker.low) + _wide(maker.high)
        yield bytes([maker.number])
        return
    for name, optional in _attribute_fields(type(maker)):
        content = getattr(maker, name)
        if isinstance(content, tuple):
            yield bytes([len(content)]) + b"".join(map(_wide, content))
        elif optional:
            yield b"\0" if content is None else b"\1" + _wide(content)
        else:
            yield _wide(content)


def _wide(number: int) -> bytes:
    return number.to_bytes(8, "big", signed=True)


def _attribute_fields(kind: type[Operation]) -> Iterator[tuple[str, bool]]:
    """Name and optionality of every field that is neither operand, blob nor the result's shape."""
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if field.name in _BLOBS or field.name == "of":
            continue
        if field.name == "shape" and kind in _SHAPED:
            continue
        yield field.name, NoneType in get_args(hints[field.name])


def blob_fields(kind: type[Operation]) -> tuple[str, ...]:
    """The fields that name blobs, in order."""
    return tuple(field.name for field in dataclasses.fields(kind) if field.name in _BLOBS)


def describe(
    program: Program, intervals: Sequence[Interval], root_of: RootOf
) -> tuple[Descriptor, ...]:
    """The descriptors of all tensors, inputs first.

    `intervals` are what `program.check` returns; `root_of(number, layout)` is the root of a blob
    stored in that layout.
    """
    layouts = tensor_layouts(program, intervals)
    found = []
    for number, spec in enumerate(program.inputs):
        given = Given(spec.element_type, spec.minimum, spec.maximum, number)
        found.append(Descriptor(given, layouts[number], (), ()))
    for at, step in enumerate(program.steps):
        operation = step.operation
        _refuse_long(operation, at)
        fields = blob_fields(type(operation))
        blobs = []
        for name in fields:
            blob = getattr(operation, name)
            layout = blob_layout(operation, name, program.blobs[blob])
            blobs.append(Committed(root_of(blob, layout), layout))
        # Every operation names its blobs by integer fields.
        renamed: dict[str, Any] = {name: place for place, name in enumerate(fields)}
        found.append(
            Descriptor(
                dataclasses.replace(operation, **renamed),
                layouts[len(program.inputs) + at],
                tuple(layouts[tensor] for tensor in operation.of),
                tuple(blobs),
            )
        )
    return tuple(found)


def _refuse_long(operation: Operation, at: int) -> None:
    for field in dataclasses.fields(operation):
        content = getattr(operation, field.name)
        if isinstance(content, tuple) and len(content) > _MOST:
            raise malformed(
                f"operation {at} ({name_of(operation)}) has {len(content)} entries in "
                f"{field.name}, at most {_MOST} are allowed"
            )


def read_descriptor(octets: Octets) -> Descriptor:
    """Read what `Descriptor.encode` writes; exactly one byte string stands for a descriptor."""
    opcode = octets.unsigned(1)
    if opcode > len(_KINDS):
        raise malformed(f"no operation has number {opcode}")
    result = read_layout(octets)
    operands = [(octets.unsigned(4), read_layout(octets)) for _ in range(octets.unsigned(1))]
    blobs = tuple(Committed(octets.word(), read_layout(octets)) for _ in range(octets.unsigned(1)))
    maker: Operation | Given
    wanted: int | None = 0
    named = 0
    if opcode == 0:
        maker = _read_given(octets)
    else:
        kind = _KINDS[opcode - 1]
        fields = blob_fields(kind)
        wanted, named = OPERANDS[kind], len(fields)
        values: dict[str, object] = {name: place for place, name in enumerate(fields)}
        values["of"] = tuple(number for number, _ in operands)
        if kind in _SHAPED:
            values["shape"] = result.shape
        hints = get_type_hints(kind)
        for name, optional in _attribute_fields(kind):
            values[name] = _read_attribute(octets, get_origin(hints[name]) is tuple, optional)
        maker = cast(Callable[..., Operation], kind)(**values)
    if len(blobs) != named or (len(operands) != wanted if wanted is not None else not operands):
        raise malformed(f"{len(operands)} operands and {len(blobs)} blobs for operation {opcode}")
    return Descriptor(maker, result, tuple(layout for _, layout in operands), blobs)


def _read_given(octets: Octets) -> Given:
    code = octets.unsigned(1)
    kinds = [kind for kind in ElementType if kind.code == code]
    if not kinds:
        raise malformed(f"no element type has code {code}")
    return Given(kinds[0], octets.signed(), octets.signed(), octets.unsigned(1))


def _read_attribute(octets: Octets, many: bool, optional: bool) -> int | tuple[int, ...] | None:
    if many:
        return tuple(octets.signed() for _ in range(octets.unsigned(1)))
    if optional:
        given = octets.unsigned(1)
        if given > 1:
            raise malformed(f"an optional attribute begins with {given}")
        if not given:
            return None
    return octets.signed()
