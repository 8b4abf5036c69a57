"""Which integers each tensor of a program can hold, for every valid input.

Plain interval arithmetic from the declared input ranges. It proves that no value and no partial
sum, in whatever order, reaches 2^62, that no lookup misses its table, and that no divisor is
below 1: so every valid input has an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob
from avow.verifier.program.operations import (
    Affine,
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
    Shape,
    Sum,
    Table,
    name_of,
)

BOUND = 2**62


@dataclass(frozen=True, slots=True)
class Interval:
    """All integers from low to high, both included."""

    low: int
    high: int

    @property
    def magnitude(self) -> int:
        """The largest absolute value."""
        return max(abs(self.low), abs(self.high))

    def union(self, other: "Interval") -> "Interval":
        """The smallest interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))

    def times(self, other: "Interval") -> "Interval":
        """Every product of a member of each."""
        ends = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(ends), max(ends))

    def scaled(self, factor: int) -> "Interval":
        """Every member times `factor`."""
        return self.times(Interval(factor, factor))


def result_interval(
    operation: Operation,
    operands: Sequence[Interval],
    shapes: Sequence[Shape],
    blobs: Sequence[Blob],
) -> Interval:
    """Return the interval of the result; `shapes` are those of the operands.

    Raises `VerificationError` (step `program`) where a value could overflow or have no meaning.
    """
    result, reach = _interval(operation, operands, shapes, blobs)
    if max(reach, result.magnitude) >= BOUND:
        _refuse(operation, f"a sum can reach {max(reach, result.magnitude)}, beyond 2^62")
    return result


def _refuse(operation: Operation, message: str) -> NoReturn:
    raise VerificationError("program", f"{name_of(operation)}: {message}")


def _interval(
    operation: Operation,
    operands: Sequence[Interval],
    shapes: Sequence[Shape],
    blobs: Sequence[Blob],
) -> tuple[Interval, int]:
    """The result's interval, and the largest partial sum on the way to it."""
    match operation:
        case Constant(blob=blob):
            return Interval(*blobs[blob].span), 0
        case Dense(weight=weight, bias=bias):
            return _linear(blobs[weight], blobs[bias], operands[0])
        case Convolution(weight=weight, bias=bias):
            x = operands[0]
            if any((*operation.pads_before, *operation.pads_after)):
                x = x.union(Interval(0, 0))
            return _linear(blobs[weight], blobs[bias], x)
        case Contract():
            return _repeated(operands[0].times(operands[1]), shapes[0][-1])
        case Multiply():
            return operands[0].times(operands[1]), 0
        case Affine(coefficients=coefficients, constant=constant):
            low = high = constant
            reach = abs(constant)
            for coefficient, operand in zip(coefficients, operands, strict=True):
                term = operand.scaled(coefficient)
                low, high, reach = low + term.low, high + term.high, reach + term.magnitude
            return Interval(low, high), reach
        case Sum(axes=axes):
            count = 1
            for axis in axes:
                count *= shapes[0][axis]
            return _repeated(operands[0], count)
        case Rescale(bits=bits, low=low, high=high):
            half = 1 << (bits - 1) if bits else 0
            ends = [(end + half) >> bits for end in (operands[0].low, operands[0].high)]
            clamped = [_clamp(end, low, high) for end in ends]
            return Interval(*clamped), operands[0].magnitude + half
        case Divide():
            if operands[1].low < 1:
                _refuse(operation, f"a divisor can be {operands[1].low}")
            ends = [a // b for a in _ends(operands[0]) for b in _ends(operands[1])]
            return Interval(min(ends), max(ends)), 0
        case Maximum():
            a, b = operands
            return Interval(max(a.low, b.low), max(a.high, b.high)), 0
        case Table(blob=blob, first=first):
            size = blobs[blob].shape[0]
            at = _rows(operation, operands[0], first, size)
            return _span(blobs[blob], at.start, at.stop), 0
        case LookupRow(blob=blob):
            rows, width = blobs[blob].shape
            at = _rows(operation, operands[0], 0, rows)
            return _span(blobs[blob], at.start * width, at.stop * width), 0
        case Pad(value=value, before=before, after=after, between=between):
            padded = any((*before, *after, *between))
            return operands[0].union(Interval(value, value)) if padded else operands[0], 0
        case Concat():
            result = operands[0]
            for operand in operands[1:]:
                result = result.union(operand)
            return result, 0
        case Gather(axis=axis, indices=indices):
            length = shapes[0][axis]
            low, high = blobs[indices].span
            if low < 0 or high >= length:
                _refuse(operation, f"an index lies outside an axis of {length}")
            return operands[0], 0
        case _:
            return operands[0], 0


def _clamp(value: int, low: int | None, high: int | None) -> int:
    value = value if low is None else max(value, low)
    return value if high is None else min(value, high)


def _ends(interval: Interval) -> tuple[int, int]:
    return interval.low, interval.high


def _span(blob: Blob, start: int, stop: int) -> Interval:
    if stop - start == len(blob.integers):
        return Interval(*blob.span)
    values = blob.integers[start:stop]
    return Interval(min(values), max(values))


def _repeated(term: Interval, count: int) -> tuple[Interval, int]:
    return term.scaled(count), term.magnitude * count


def _rows(operation: Operation, operand: Interval, first: int, size: int) -> range:
    if operand.low < first or operand.high >= first + size:
        _refuse(
            operation,
            f"looks up [{operand.low}, {operand.high}] in a table of [{first}, {first + size - 1}]",
        )
    return range(operand.low - first, operand.high - first + 1)


def _linear(weight: Blob, bias: Blob, x: Interval) -> tuple[Interval, int]:
    lows, highs, reach = [], [], 0
    for (positive, negative), offset in zip(weight.row_sums, bias.integers, strict=True):
        lows.append(offset + positive * x.low + negative * x.high)
        highs.append(offset + positive * x.high + negative * x.low)
        reach = max(reach, abs(offset) + (positive - negative) * x.magnitude)
    return Interval(min(lows), max(highs)), reach
