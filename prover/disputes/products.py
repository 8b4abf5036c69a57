"""Checking large products without computing them again: Freivalds' check, modulo 2^64.

Whether Y = X W is asked of random columns r: Y r = X (W r). With r drawn uniformly from the
integers modulo 2^64, and any entry of Y that differs from the right one by 0 < |d| < 2^b, one
column lets it pass with probability at most 2^(b - 1) / 2^64: d has at most b - 1 factors of two.
As many columns are drawn as bring that to 2^-64. The bound needs columns that the provider could
not foresee: they are drawn from the system's randomness, and stay in memory. One draw may serve
many claims; over n of them the probability that any wrong product passes is at most n / 2^64.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from avow.models.program.blobs import AnyIntegers, Integers, integers, stored
from avow.verifier.program.blob import Blob
from avow.verifier.program.intervals import Interval
from avow.verifier.program.operations import Contract, Convolution, Dense, Operation, Shape

ERROR_BITS = 64
"""A wrong product passes with probability at most 2^-ERROR_BITS for each claim."""
# Fewer outputs, or more columns, are not worth it.
_FEWEST_OUTPUTS = 16
_MOST_COLUMNS = 4
_ROWS = 32

Words = NDArray[np.uint64]


def columns_for(interval: Interval) -> int:
    """How many columns a product whose values lie in the interval needs."""
    gained = 65 - max(1, (interval.high - interval.low).bit_length())
    return -(-ERROR_BITS // gained)


def worth_it(
    operation: Operation, operands: Sequence[Shape], blobs: Sequence[Blob], interval: Interval
) -> bool:
    """Whether checking a product this way takes less than computing it."""
    match operation:
        case Dense(weight=weight):
            outputs = blobs[weight].shape[0]
        case Convolution(weight=weight, groups=groups):
            outputs = blobs[weight].shape[0] // groups
        case Contract():
            outputs = operands[1][-1]
        case _:
            return False
    return outputs >= _FEWEST_OUTPUTS and columns_for(interval) <= _MOST_COLUMNS


class ProductCheck:
    """The check of one product, with its columns drawn. Shapes are without a batch axis."""

    def __init__(
        self,
        operation: Dense | Convolution | Contract,
        operands: Sequence[Shape],
        blobs: Sequence[Blob],
        interval: Interval,
    ) -> None:
        self._operation = operation
        count = columns_for(interval)
        match operation:
            case Dense(weight=weight, bias=bias):
                self._columns = _draw(blobs[weight].shape[0], count)
                self._thin = _combined(stored(blobs[weight]), self._columns)
                self._bias = _words(integers(blobs[bias])) @ self._columns
            case Convolution(weight=weight, bias=bias, groups=groups):
                outputs, channels, *kernel = blobs[weight].shape
                each = outputs // groups
                self._columns = _draw(outputs, count).reshape(groups, each, count)
                rows = _words(integers(blobs[weight])).reshape(groups, each, -1)
                thin = self._columns.swapaxes(1, 2) @ rows
                self._thin = thin.reshape(groups, count, channels, *kernel)
                biases = _words(integers(blobs[bias])).reshape(groups, 1, each)
                self._bias = (biases @ self._columns)[:, 0]
            case Contract():
                self._columns = _draw(operands[1][-1], count)

    def holds(self, operands: Sequence[Integers], result: Integers) -> bool:
        """Whether `result` is the product of the operands: never False of the right one."""
        x, y = _words(operands[0]), _words(result)
        match self._operation:
            case Dense():
                right, found = x @ self._thin + self._bias, y @ self._columns
            case Contract():
                right, found = x @ (_words(operands[1]) @ self._columns), y @ self._columns
            case Convolution() as operation:
                right, found = self._convolved(operation, x, y)
        return bool(np.array_equal(right, found))

    def _convolved(self, operation: Convolution, x: Words, y: Words) -> tuple[Words, Words]:
        """Both sides as (sample, group, column, place)."""
        groups, count, channels, *kernel = self._thin.shape
        place = y.shape[2:]
        pads = zip(operation.pads_before, operation.pads_after, strict=True)
        x = np.pad(x, [(0, 0), (0, 0), *pads])
        x = x.reshape(x.shape[0], groups, channels, *x.shape[2:])
        right = np.zeros((x.shape[0], groups, count, int(np.prod(place))), np.uint64)
        for offset in np.ndindex(*kernel):
            parts = zip(offset, operation.dilations, operation.strides, place, strict=True)
            window = tuple(slice(k * d, k * d + (n - 1) * s + 1, s) for k, d, s, n in parts)
            inside = x[(slice(None),) * 3 + window].reshape(*x.shape[:3], -1)
            right += self._thin[(slice(None),) * 3 + offset] @ inside
        right += self._bias[np.newaxis, :, :, np.newaxis]
        found = y.reshape(y.shape[0], groups, -1, int(np.prod(place)))
        return right, self._columns.swapaxes(1, 2) @ found


def _draw(rows: int, count: int) -> Words:
    return np.frombuffer(os.urandom(8 * rows * count), np.uint64).reshape(rows, count)


def _combined(weight: AnyIntegers, columns: Words) -> Words:
    """weight^T columns, a few rows at a time: numpy's own product of integers is much slower."""
    total = np.zeros((weight.shape[1], columns.shape[1]), np.uint64)
    for first in range(0, weight.shape[0], _ROWS):
        rows = _words(weight[first : first + _ROWS])
        for at in range(columns.shape[1]):
            total[:, at] += (rows * columns[first : first + _ROWS, at : at + 1]).sum(axis=0)
    return total


def _words(array: AnyIntegers) -> Words:
    """The same integers modulo 2^64."""
    return array.astype(np.int64).view(np.uint64)
