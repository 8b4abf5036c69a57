"""What every operation means: one element of its result, in plain integers.

This is the definition. Every executor, prover and referee must agree with it bit for bit.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob
from avow.verifier.program.operations import (
    Affine,
    Broadcast,
    Concat,
    Constant,
    Contract,
    Convolution,
    Dense,
    Divide,
    Gather,
    LookupRow,
    Maximum,
    Multiply,
    Operation,
    Pad,
    Rescale,
    Reshape,
    Shape,
    Slice,
    Sum,
    Table,
    Transpose,
)

Index = tuple[int, ...]
Read = Callable[[int, Index], int]


class Constants(Protocol):
    """What an element needs of a blob: its shape, and its elements by row-major position."""

    @property
    def shape(self) -> Shape: ...

    def at(self, position: int) -> int: ...


def position(index: Index, shape: Shape) -> int:
    """The row-major position of an index."""
    at = 0
    for coordinate, length in zip(index, shape, strict=True):
        at = at * length + coordinate
    return at


def index_at(at: int, shape: Shape) -> Index:
    """The index of a row-major position."""
    index = []
    for length in reversed(shape):
        at, coordinate = divmod(at, length)
        index.append(coordinate)
    return tuple(reversed(index))


def indices(shape: Shape) -> Iterator[Index]:
    """Every index of a shape, in row-major order."""
    return itertools.product(*(range(length) for length in shape))


def element(
    operation: Operation,
    index: Index,
    shapes: Sequence[Shape],
    read: Read,
    blobs: Sequence[Constants],
) -> int:
    """Return the element of the result at `index`.

    `shapes` are the operands' shapes; `read(n, i)` gives operand n's element at index i. The
    operation, its shapes and its operands' intervals have been checked (`program.check`).
    """
    match operation:
        case Constant(blob=blob):
            return blobs[blob].at(position(index, blobs[blob].shape))
        case Dense(weight=weight, bias=bias):
            *row, n = index
            inner = shapes[0][-1]
            products = (blobs[weight].at(n * inner + k) * read(0, (*row, k)) for k in range(inner))
            return blobs[bias].at(n) + sum(products)
        case Convolution():
            return _convolution(operation, index, shapes[0], read, blobs)
        case Contract():
            *group, m, n = index
            terms = (
                read(0, (*group, m, k)) * read(1, (*group, k, n)) for k in range(shapes[0][-1])
            )
            return sum(terms)
        case Multiply():
            return read(0, index) * read(1, index)
        case Affine(coefficients=coefficients, constant=constant):
            scaled = (factor * read(n, index) for n, factor in enumerate(coefficients))
            return constant + sum(scaled)
        case Sum(axes=axes):
            return sum(read(0, whole) for whole in _expand(index, axes, shapes[0]))
        case Rescale(bits=bits, low=low, high=high):
            half = 1 << (bits - 1) if bits else 0
            value = (read(0, index) + half) >> bits
            value = value if low is None else max(value, low)
            return value if high is None else min(value, high)
        case Divide():
            divisor = read(1, index)
            if divisor < 1:
                raise VerificationError("program", f"a division by {divisor} has no meaning")
            return read(0, index) // divisor
        case Maximum():
            return max(read(0, index), read(1, index))
        case Table(blob=blob, first=first):
            return blobs[blob].at(read(0, index) - first)
        case LookupRow(blob=blob):
            return blobs[blob].at(read(0, index[:-1]) * blobs[blob].shape[1] + index[-1])
        case _:
            source = _source(operation, index, shapes, blobs)
            return source if isinstance(source, int) else read(*source)


def _convolution(
    operation: Convolution, index: Index, x: Shape, read: Read, blobs: Sequence[Constants]
) -> int:
    sample, output, *place = index
    weight = blobs[operation.weight]
    outputs, channels, *kernel = weight.shape
    first_channel = output // (outputs // operation.groups) * channels
    total = blobs[operation.bias].at(output)
    for channel, *tap in indices((channels, *kernel)):
        spot = tuple(
            p * stride + t * dilation - pad
            for p, stride, t, dilation, pad in zip(
                place,
                operation.strides,
                tap,
                operation.dilations,
                operation.pads_before,
                strict=True,
            )
        )
        if all(0 <= at < length for at, length in zip(spot, x[2:], strict=True)):
            factor = weight.at(position((output, channel, *tap), weight.shape))
            total += factor * read(0, (sample, first_channel + channel, *spot))
    return total


def _expand(index: Index, axes: tuple[int, ...], shape: Shape) -> Iterator[Index]:
    for summed in indices(tuple(shape[axis] for axis in axes)):
        rest, chosen = iter(index), dict(zip(axes, summed, strict=True))
        yield tuple(chosen[axis] if axis in chosen else next(rest) for axis in range(len(shape)))


def _source(
    operation: Operation, index: Index, shapes: Sequence[Shape], blobs: Sequence[Constants]
) -> tuple[int, Index] | int:
    """Where a view's element comes from: (operand, index), or the padding value."""
    match operation:
        case Reshape(shape=shape):
            return 0, index_at(position(index, shape), shapes[0])
        case Transpose(axes=axes):
            return 0, tuple(index[axes.index(axis)] for axis in range(len(axes)))
        case Slice(starts=starts, steps=steps):
            return 0, tuple(
                start + at * step for at, start, step in zip(index, starts, steps, strict=True)
            )
        case Pad(before=before, between=between, value=value):
            spot = []
            for at, front, gap, length in zip(index, before, between, shapes[0], strict=True):
                whole, inside = divmod(at - front, gap + 1)
                if inside or not 0 <= whole < length:
                    return value
                spot.append(whole)
            return 0, tuple(spot)
        case Concat(axis=axis):
            at = index[axis]
            for operand, shape in enumerate(shapes):
                if at < shape[axis]:
                    return operand, (*index[:axis], at, *index[axis + 1 :])
                at -= shape[axis]
        case Broadcast():
            return 0, tuple(
                0 if length == 1 else at for at, length in zip(index, shapes[0], strict=True)
            )
        case Gather(axis=axis, indices=chosen):
            return 0, (*index[:axis], blobs[chosen].at(index[axis]), *index[axis + 1 :])
        case _:
            pass
    raise VerificationError("program", f"{type(operation).__name__} has no meaning at {index}")


def evaluate(
    operation: Operation,
    shape: Shape,
    operands: Sequence[Sequence[int]],
    shapes: Sequence[Shape],
    blobs: Sequence[Blob],
) -> list[int]:
    """Return every element of the result, row-major: slow, and obviously right."""

    def read(operand: int, index: Index) -> int:
        return operands[operand][position(index, shapes[operand])]

    if math.prod(shape) == 0:
        raise VerificationError("program", "an empty tensor has no elements")
    return [element(operation, index, shapes, read, blobs) for index in indices(shape)]
