"""The reference executor: every operation over a batch, in numpy's 64-bit integers.

Slow and obviously right. `check` has proven that no partial sum reaches 2^62, so nothing here can
overflow. Equal to `verifier.program.semantics`, element by element, for every sample of the batch.
"""

from collections.abc import Sequence

import numpy as np

from avow.models.program.blobs import AnyIntegers, Integers, integers
from avow.models.program.inputs import batch_of
from avow.models.program.intervals import check
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
    Slice,
    Sum,
    Table,
    Transpose,
)
from avow.verifier.program.program import Program


class Reference:
    """A checked program, ready to answer. Construction refuses what `check` refuses."""

    def __init__(self, program: Program, blobs: Sequence[Blob]) -> None:
        check(program, blobs)
        self._program = program
        self._blobs = tuple(blobs)

    def trace(self, inputs: Sequence[AnyIntegers]) -> list[Integers]:
        """Return every tensor of the program, each int64 of shape (batch, *shape).

        `inputs` are integer arrays (batch, *shape), all of one batch size. Raises
        `VerificationError` (step `tensors`) for another type, shape or range.
        """
        batch = batch_of(self._program, inputs)
        values = [array.astype(np.int64) for array in inputs]
        for step in self._program.steps:
            operands = [values[at] for at in step.operation.of]
            values.append(evaluate(step.operation, operands, self._blobs, batch))
        return values

    def run(self, inputs: Sequence[AnyIntegers]) -> list[Integers]:
        """Return the outputs in the program's order; otherwise as `trace`."""
        values = self.trace(inputs)
        return [values[output.tensor] for output in self._program.outputs]


def evaluate(
    operation: Operation, operands: Sequence[Integers], blobs: Sequence[Blob], batch: int = 1
) -> Integers:
    """Return the result (batch, *shape) of one operation on operands (batch, *shape).

    Operation, shapes and intervals have been checked; `batch` is read where there is no operand.
    """
    match operation:
        case Constant(blob=blob):
            value = integers(blobs[blob])
            return np.repeat(value[np.newaxis], batch, axis=0)
        case Dense(weight=weight, bias=bias):
            return operands[0] @ integers(blobs[weight]).T + integers(blobs[bias])
        case Convolution():
            return _convolution(operation, operands[0], blobs)
        case Contract():
            return operands[0] @ operands[1]
        case Multiply():
            return operands[0] * operands[1]
        case Affine(coefficients=coefficients, constant=constant):
            total = np.full_like(operands[0], constant)
            for coefficient, operand in zip(coefficients, operands, strict=True):
                total += coefficient * operand
            return total
        case Sum(axes=axes):
            summed = operands[0].sum(axis=tuple(axis + 1 for axis in axes), dtype=np.int64)
            return np.asarray(summed, np.int64)
        case Rescale(bits=bits, low=low, high=high):
            half = 1 << (bits - 1) if bits else 0
            # The shift of a negative integer rounds down, in numpy as in Python.
            value = (operands[0] + half) >> bits
            value = value if low is None else np.maximum(value, low)
            return value if high is None else np.minimum(value, high)
        case Divide():
            return operands[0] // operands[1]
        case Maximum():
            return np.maximum(operands[0], operands[1])
        case Table(blob=blob, first=first):
            return integers(blobs[blob]).take(operands[0] - first)
        case LookupRow(blob=blob):
            return integers(blobs[blob])[operands[0]]
        case _:
            return _view(operation, operands, blobs)


def _convolution(operation: Convolution, x: Integers, blobs: Sequence[Blob]) -> Integers:
    weight, bias = integers(blobs[operation.weight]), integers(blobs[operation.bias])
    spatial = x.ndim - 3
    outputs, channels, *kernel = weight.shape
    batch, samples = x.shape[:2]
    padding = list(zip(operation.pads_before, operation.pads_after, strict=True))
    x = np.pad(x, [(0, 0)] * 3 + padding)
    reach = [d * (n - 1) + 1 for n, d in zip(kernel, operation.dilations, strict=True)]
    space = tuple(range(3, 3 + spatial))
    windows = np.lib.stride_tricks.sliding_window_view(x, reach, axis=space)
    steps = [slice(None, None, step) for step in (*operation.strides, *operation.dilations)]
    windows = windows[(slice(None),) * 3 + tuple(steps)]
    # To (batch, samples, groups, place, C / groups kernel).
    place = windows.shape[3 : 3 + spatial]
    windows = windows.reshape(batch, samples, operation.groups, channels, *windows.shape[3:])
    order = (0, 1, 2, *range(4, 4 + spatial), 3, *range(4 + spatial, 4 + 2 * spatial))
    rows = windows.transpose(order).reshape(batch, samples, operation.groups, np.prod(place), -1)
    columns = weight.reshape(operation.groups, outputs // operation.groups, -1)
    result = rows @ columns.swapaxes(1, 2)
    result = result.swapaxes(3, 4).reshape(batch, samples, outputs, *place)
    return np.asarray(result + bias.reshape(-1, *[1] * spatial), np.int64)


def _view(operation: Operation, operands: Sequence[Integers], blobs: Sequence[Blob]) -> Integers:
    x = operands[0]
    match operation:
        case Reshape(shape=shape):
            return x.reshape(x.shape[0], *shape)
        case Transpose(axes=axes):
            return x.transpose(0, *(axis + 1 for axis in axes))
        case Slice(starts=starts, steps=steps, sizes=sizes):
            for axis, (start, step, size) in enumerate(zip(starts, steps, sizes, strict=True)):
                x = x.take(start + step * np.arange(size), axis=axis + 1)
            return x
        case Pad(before=before, after=after, between=between, value=value):
            padded = [x.shape[0]]
            places = [slice(None)]
            parts = zip(x.shape[1:], before, after, between, strict=True)
            for length, front, back, gap in parts:
                inside = length + (length - 1) * gap
                padded.append(front + inside + back)
                places.append(slice(front, front + inside, gap + 1))
            result = np.full(padded, value, np.int64)
            result[tuple(places)] = x
            return result
        case Concat(axis=axis):
            return np.concatenate(operands, axis=axis + 1)
        case Broadcast(shape=shape):
            return np.broadcast_to(x, (x.shape[0], *shape)).copy()
        case Gather(axis=axis, indices=chosen):
            return x.take(integers(blobs[chosen]), axis=axis + 1)
        case _:
            raise NotImplementedError(type(operation).__name__)
