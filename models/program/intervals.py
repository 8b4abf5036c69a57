"""The interval analysis of `verifier.program.intervals`, fast enough for millions of weights.

Only what reads blobs is written anew; equal on every program, refusals included.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avow.models.program.blobs import AnyIntegers, integers, stored
from avow.verifier.errors import VerificationError
from avow.verifier.program import intervals as plain
from avow.verifier.program.blob import Blob
from avow.verifier.program.intervals import BOUND, Interval
from avow.verifier.program.operations import (
    Constant,
    Convolution,
    Dense,
    Gather,
    LookupRow,
    Operation,
    Shape,
    Table,
    name_of,
)
from avow.verifier.program.program import Program
from avow.verifier.tensor import ElementType


@dataclass(frozen=True, slots=True)
class LinearBounds:
    """For each output of a linear operation its sums of positive and negative weights, its bias."""

    positive: tuple[int, ...]
    negative: tuple[int, ...]
    bias: tuple[int, ...]

    def interval(self, x: Interval) -> Interval:
        """Every value that an output can take."""
        parts = list(zip(self.positive, self.negative, self.bias, strict=True))
        return Interval(
            min(b + p * x.low + n * x.high for p, n, b in parts),
            max(b + p * x.high + n * x.low for p, n, b in parts),
        )

    def reach(self, magnitude: int) -> int:
        """The largest partial sum, in whatever order, for inputs up to `magnitude`."""
        parts = zip(self.positive, self.negative, self.bias, strict=True)
        return max(abs(b) + (p - n) * magnitude for p, n, b in parts)


def linear_bounds(weight: Blob, bias: Blob) -> LinearBounds:
    """Sum up the weights (outputs, ...) of each output, exactly."""
    rows = stored(weight).reshape(weight.shape[0], -1)
    return LinearBounds(
        _row_sums(np.maximum(rows, 0)),
        _row_sums(np.minimum(rows, 0)),
        tuple(int(value) for value in stored(bias)),
    )


def _row_sums(rows: AnyIntegers) -> tuple[int, ...]:
    if rows.dtype.itemsize < 8:
        # At most 2^28 addends below 2^31.
        return tuple(rows.sum(axis=1, dtype=np.int64).tolist())
    low = (rows & 0xFFFFFFFF).sum(axis=1, dtype=np.int64).tolist()
    high = (rows >> 32).sum(axis=1, dtype=np.int64).tolist()
    return tuple((h << 32) + w for h, w in zip(high, low, strict=True))


def result_interval(
    operation: Operation,
    operands: Sequence[Interval],
    shapes: Sequence[Shape],
    blobs: Sequence[Blob],
) -> Interval:
    """Return the interval of the result; `shapes` are those of the operands.

    Raises `VerificationError` (step `program`) where a value could overflow or have no meaning.
    """
    match operation:
        case Dense(weight=weight, bias=bias):
            return _linear(operation, blobs[weight], blobs[bias], operands[0])
        case Convolution(weight=weight, bias=bias):
            x = operands[0]
            if any((*operation.pads_before, *operation.pads_after)):
                x = x.union(Interval(0, 0))
            return _linear(operation, blobs[weight], blobs[bias], x)
        case Constant(blob=blob):
            return _bounded(operation, _span(stored(blobs[blob])))
        case Table(blob=blob, first=first):
            start, stop = _rows(operation, operands[0], first, blobs[blob].shape[0])
            return _bounded(operation, _span(stored(blobs[blob])[start:stop]))
        case LookupRow(blob=blob):
            start, stop = _rows(operation, operands[0], 0, blobs[blob].shape[0])
            return _bounded(operation, _span(stored(blobs[blob])[start:stop]))
        case Gather(axis=axis, indices=indices):
            length = shapes[0][axis]
            chosen = integers(blobs[indices])
            if int(chosen.min()) < 0 or int(chosen.max()) >= length:
                raise VerificationError(
                    "program", f"{name_of(operation)}: an index lies outside an axis of {length}"
                )
            return _bounded(operation, operands[0])
        case _:
            return plain.result_interval(operation, operands, shapes, blobs)


def check(program: Program, blobs: Sequence[Blob]) -> list[Interval]:
    """Establish what `verifier.program.program.check` establishes; return each interval."""
    if [blob.ref() for blob in blobs] != list(program.blobs):
        raise VerificationError("program", "the blobs are not those that the program names")
    if not all(_is_narrow(blob) for blob in blobs):
        raise VerificationError("program", "a blob is not in the narrowest type that holds it")
    shapes = program.shapes()
    known = [Interval(spec.minimum, spec.maximum) for spec in program.inputs]
    for step in program.steps:
        of = step.operation.of
        operands, known_shapes = [known[at] for at in of], [shapes[at] for at in of]
        known.append(result_interval(step.operation, operands, known_shapes, blobs))
    return known


def _is_narrow(blob: Blob) -> bool:
    span = _span(stored(blob))
    fits = (k for k in ElementType if k.minimum <= span.low and span.high <= k.maximum)
    return next(fits) is blob.element_type


def _linear(operation: Operation, weight: Blob, bias: Blob, x: Interval) -> Interval:
    bounds = linear_bounds(weight, bias)
    return _bounded(operation, bounds.interval(x), bounds.reach(x.magnitude))


def _bounded(operation: Operation, result: Interval, reach: int = 0) -> Interval:
    reach = max(reach, result.magnitude)
    if reach >= BOUND:
        raise VerificationError(
            "program", f"{name_of(operation)}: a sum can reach {reach}, beyond 2^62"
        )
    return result


def _span(values: AnyIntegers) -> Interval:
    return Interval(int(values.min()), int(values.max()))


def _rows(operation: Operation, operand: Interval, first: int, size: int) -> tuple[int, int]:
    if operand.low < first or operand.high >= first + size:
        raise VerificationError(
            "program",
            f"{name_of(operation)}: looks up [{operand.low}, {operand.high}] in a table of "
            f"[{first}, {first + size - 1}]",
        )
    return operand.low - first, operand.high - first + 1
