"""Every tensor of a run: as the reference has it, its large sums of products in floats.

A float64 holds every integer below 2^53, so sums whose parts cannot reach that are exact in
whatever order they are added; all others are left to the reference's 64-bit integers.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from avow.models.program.blobs import AnyIntegers, Integers, integers, stored
from avow.models.program.inputs import batch_of
from avow.models.program.intervals import check
from avow.models.program.reference import evaluate
from avow.prover.systems.sumcheck.threads import Threads
from avow.verifier.program.blob import Blob
from avow.verifier.program.operations import Convolution, Dense
from avow.verifier.program.program import Program

_EXACT = 2**53
# Weights beyond so many bytes are turned into floats anew in every run, a part at a time.
_KEPT, _PART = 2**23, 2**20
# Fewer multiplications than this are not worth a thread.
_LEAST = 2**20
Floats = NDArray[np.float64]


class Runner:
    """A checked program. Construction refuses what `check` refuses."""

    def __init__(self, program: Program, blobs: Sequence[Blob]) -> None:
        intervals = check(program, blobs)
        self._program = program
        self._blobs = tuple(blobs)
        self._kept: dict[int, Floats] = {}
        self._exact: set[int] = set()
        left = _KEPT
        for number, step in enumerate(program.steps):
            operation = step.operation
            if not isinstance(operation, Dense | Convolution):
                continue
            weight = stored(blobs[operation.weight])
            rows = weight.reshape(len(weight), -1)
            count = max(1, _PART // rows.shape[1])
            parts = (rows[at : at + count] for at in range(0, len(rows), count))
            reach = max(int(np.abs(part, dtype=np.int64).sum(axis=1).max()) for part in parts)
            bias = int(np.abs(integers(blobs[operation.bias])).max())
            if intervals[operation.of[0]].magnitude * reach + bias < _EXACT:
                self._exact.add(number)
                if rows.size * 8 <= left and operation.weight not in self._kept:
                    self._kept[operation.weight] = rows.astype(np.float64)
                    left -= rows.size * 8

    def trace(self, inputs: Sequence[AnyIntegers]) -> list[Integers]:
        """Every tensor, int64 of shape (batch, *shape); raises as `Reference.trace`."""
        batch = batch_of(self._program, inputs)
        values = [array.astype(np.int64) for array in inputs]
        with Threads() as own:
            for number, step in enumerate(self._program.steps):
                operation = step.operation
                operands = [values[at] for at in operation.of]
                if number in self._exact and isinstance(operation, Dense):
                    values.append(self._dense(operation, operands[0]))
                elif number in self._exact and isinstance(operation, Convolution):
                    values.append(self._convolution(operation, operands[0], own))
                else:
                    values.append(evaluate(operation, operands, self._blobs, batch))
        return values

    def _dense(self, operation: Dense, x: Integers) -> Integers:
        total = self._times(operation.weight, x.reshape(-1, x.shape[-1]).astype(np.float64))
        total += stored(self._blobs[operation.bias])
        return total.astype(np.int64).reshape(*x.shape[:-1], total.shape[1])

    def _times(self, weight: int, x: Floats) -> Floats:
        """Each row of x times each row of the weights."""
        if weight in self._kept:
            return x @ self._kept[weight].T
        rows = stored(self._blobs[weight])
        count = max(1, _PART // rows.shape[1])
        total = np.empty((len(x), len(rows)))
        for at in range(0, len(rows), count):
            total[:, at : at + count] = x @ rows[at : at + count].astype(np.float64).T
        return total

    def _convolution(self, operation: Convolution, x: Integers, own: Threads) -> Integers:
        outputs, channels, *kernel = self._blobs[operation.weight].shape
        spatial, groups = len(kernel), operation.groups
        padding = list(zip(operation.pads_before, operation.pads_after, strict=True))
        padded = np.pad(x.astype(np.float64), [(0, 0)] * 3 + padding)
        reach = [d * (n - 1) + 1 for n, d in zip(kernel, operation.dilations, strict=True)]
        space = tuple(range(3, 3 + spatial))
        windows = sliding_window_view(padded, reach, axis=space)
        steps = [slice(None, None, step) for step in (*operation.strides, *operation.dilations)]
        windows = windows[(slice(None),) * 3 + tuple(steps)]
        place = windows.shape[3 : 3 + spatial]
        # Channels and taps first, so that a group's places are the columns of one matrix.
        split = windows.reshape(*x.shape[:2], groups, channels, *windows.shape[3:])
        order = (0, 1, 2, 3, *range(4 + spatial, 4 + 2 * spatial), *range(4, 4 + spatial))
        weight = self._kept.get(operation.weight)
        if weight is None:
            weight = stored(self._blobs[operation.weight]).astype(np.float64)
        weight = weight.reshape(groups, outputs // groups, -1)
        bias = stored(self._blobs[operation.bias]).reshape(-1, *[1] * spatial)
        total = np.empty((*x.shape[:2], outputs, *place), np.int64)

        def some(first: int, last: int) -> None:
            """The places from `first` to `last` of the first axis."""
            part = split[:, :, :, :, first:last].transpose(order)
            columns = part.reshape(*x.shape[:2], groups, weight.shape[2], -1)
            result = (weight @ columns).reshape(*x.shape[:2], outputs, last - first, *place[1:])
            np.add(result, bias, out=result)
            total[:, :, :, first:last] = result

        parts = min(own.count, place[0], max(1, total.size * weight.shape[2] // _LEAST))
        ends = [place[0] * part // parts for part in range(parts + 1)]
        own.each([partial(some, first, last) for first, last in pairwise(ends)])
        return total
