"""How a tensor lies in a trace: elements of one width, stored in an order that suits its reader.

The operands of a dot product are contiguous runs of that order, so that recomputing one element
opens few chunks.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from avow.verifier.limits import LIMITS
from avow.verifier.program.blob import BlobRef
from avow.verifier.program.intervals import Interval
from avow.verifier.program.operations import Contract, Convolution, Operation, Shape, Sum
from avow.verifier.program.program import Program
from avow.verifier.program.semantics import Index, indices
from avow.verifier.tensor import ElementType, Tensor, TensorSpec
from avow.verifier.trace.octets import Octets, malformed

CHUNK = 256
# Nodes pass on transactions of 128 KiB: all but what is around the calldata.
MOST_OCTETS = 2**17 - 2**9
# Bytes of the largest input that a refutation shows whole, with what stands around it.
LARGEST_SHOWN = 2**17 - 2**12
_WIDTHS = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class Layout:
    """Width in bytes, shape, and for each axis how many elements apart its neighbours lie."""

    width: int
    shape: Shape
    strides: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes, without the last chunk's padding."""
        return self.count * self.width

    @property
    def chunks(self) -> int:
        """Number of chunks, the last one perhaps padded."""
        return -(-self.size // CHUNK)

    @property
    def depth(self) -> int:
        """Levels between the tensor's root and its chunks' leaves."""
        return (self.chunks - 1).bit_length()

    @property
    def row_major(self) -> bool:
        """Whether elements are stored in row-major order; axes of length 1 may stand anywhere."""
        rest = [math.prod(self.shape[at + 1 :]) for at in range(len(self.shape))]
        axes = zip(self.shape, self.strides, rest, strict=True)
        return all(n == 1 or stride == step for n, stride, step in axes)

    def place(self, index: Index) -> int:
        """Where the element at an index is stored, counted in elements."""
        return sum(at * stride for at, stride in zip(index, self.strides, strict=True))

    def store(self, values: Sequence[int]) -> bytes:
        """Row-major elements in storage order: `size` bytes; refuses what the width cannot hold."""
        if len(values) != self.count:
            raise malformed(f"a tensor of {self.count} elements got {len(values)}")
        data = bytearray(self.size)
        for index, value in zip(indices(self.shape), values, strict=True):
            at = self.place(index) * self.width
            try:
                data[at : at + self.width] = value.to_bytes(self.width, "big", signed=True)
            except OverflowError:
                raise malformed(f"{value} does not fit {self.width} bytes") from None
        return bytes(data)

    def encode(self) -> bytes:
        """u8 width || u8 rank || (u32 dimension || u32 stride) of every axis."""
        axes = zip(self.shape, self.strides, strict=True)
        head = bytes([self.width, len(self.shape)])
        return head + b"".join(n.to_bytes(4, "big") + at.to_bytes(4, "big") for n, at in axes)


def read_layout(octets: Octets) -> Layout:
    """Read what `Layout.encode` writes; the strides must be those of some order of the axes."""
    width, rank = octets.unsigned(1), octets.unsigned(1)
    if width not in _WIDTHS or rank > LIMITS.tensor_rank:
        raise malformed(f"a tensor of rank {rank} and width {width}")
    axes = [(octets.unsigned(4), octets.unsigned(4)) for _ in range(rank)]
    layout = Layout(width, tuple(n for n, _ in axes), tuple(at for _, at in axes))
    if any(n == 0 for n in layout.shape) or layout.count > LIMITS.blob_elements:
        raise malformed(f"a tensor of shape {list(layout.shape)}")
    step = 1
    for stride, n in sorted(zip(layout.strides, layout.shape, strict=True)):
        if stride != step:
            raise malformed(f"strides {list(layout.strides)} of shape {list(layout.shape)}")
        step *= n
    return layout


def ordered(width: int, shape: Shape, order: Sequence[int]) -> Layout:
    """The layout that stores the axes in this order, row-major."""
    strides = [0] * len(shape)
    step = 1
    for axis in reversed(order):
        strides[axis] = step
        step *= shape[axis]
    return Layout(width, shape, tuple(strides))


def blob_layout(operation: Operation, field: str, blob: BlobRef) -> Layout:
    """How a blob lies where an operation uses it as its `field`."""
    rank = len(blob.shape)
    order = tuple(range(rank))
    if isinstance(operation, Convolution) and field == "weight":
        order = (0, *range(2, rank), 1)
    return ordered(blob.element_type.width, blob.shape, order)


def committed_by_roots(inputs: Iterable[Tensor | TensorSpec]) -> bool:
    """Whether inputs of these types and shapes are committed to by their roots: one is too large
    to be shown."""
    return any(size > LARGEST_SHOWN for size in _sizes(inputs))


def can_be_shown(inputs: Iterable[Tensor | TensorSpec]) -> bool:
    """Whether one transaction can hold all of these, as a proof to a contract needs."""
    return sum(_sizes(inputs)) <= LARGEST_SHOWN


def _sizes(tensors: Iterable[Tensor | TensorSpec]) -> list[int]:
    return [math.prod(one.shape) * one.element_type.width for one in tensors]


def tensor_layouts(program: Program, intervals: Sequence[Interval]) -> list[Layout]:
    """The layout of every tensor; `intervals` are what `program.check` returns."""
    shapes = program.shapes()
    orders: dict[int, tuple[int, ...]] = {}
    for step in program.steps:
        for place, tensor in enumerate(step.operation.of):
            wish = _wish(step.operation, place, len(shapes[tensor]))
            if wish is not None:
                orders.setdefault(tensor, wish)
    if committed_by_roots(program.inputs):
        # Whoever commits to them knows no program.
        for tensor in range(len(program.inputs)):
            orders.pop(tensor, None)
    widths = [spec.element_type.width for spec in program.inputs]
    widths += [
        narrowest(interval.low, interval.high).width for interval in intervals[len(widths) :]
    ]
    return [
        ordered(width, shape, orders.get(tensor, range(len(shape))))
        for tensor, (width, shape) in enumerate(zip(widths, shapes, strict=True))
    ]


def _wish(operation: Operation, place: int, rank: int) -> tuple[int, ...] | None:
    """The order of axes in which an operation reads contiguous runs of an operand, if it cares."""
    axes = range(rank)
    match operation:
        case Convolution():
            return (0, *axes[2:], 1)
        case Contract() if place == 1:
            return (*axes[:-2], rank - 1, rank - 2)
        case Sum(axes=summed):
            return (*(axis for axis in axes if axis not in summed), *summed)
        case _:
            return None


def narrowest(low: int, high: int) -> ElementType:
    """The narrowest type that holds every integer from low to high."""
    for kind in ElementType:
        if kind.minimum <= low and high <= kind.maximum:
            return kind
    raise malformed(f"[{low}, {high}] does not fit 8 bytes")
