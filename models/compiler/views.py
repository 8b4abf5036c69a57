"""Re-indexing of values: nothing is computed, so scale, error and kind stay."""

from collections.abc import Sequence
from math import prod

import numpy as np

from avow.models.compiler.builder import Builder
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.value import Value
from avow.verifier.program.operations import (
    Concat,
    Gather,
    Operation,
    Pad,
    Reshape,
    Slice,
    Transpose,
)


def view(b: Builder, x: Value, operation: Operation) -> Value:
    """Emit a view of one operand."""
    return b.emit(operation, [x], x.scale, x.error, x.integral)


def reshape(b: Builder, x: Value, shape: Sequence[int]) -> Value:
    """The same elements in another shape; one entry may be -1."""
    count = prod(x.shape)
    known = prod(entry for entry in shape if entry != -1)
    if list(shape).count(-1) > 1 or (-1 in shape and (known == 0 or count % known)):
        raise Refusal(f"{list(x.shape)} cannot become {list(shape)}")
    wanted = tuple(count // known if entry == -1 else int(entry) for entry in shape)
    return x if wanted == x.shape else view(b, x, Reshape((x.tensor,), wanted))


def transpose(b: Builder, x: Value, axes: Sequence[int]) -> Value:
    """Axis i of the result is axis axes[i] of x."""
    if tuple(axes) == tuple(range(len(x.shape))):
        return x
    return view(b, x, Transpose((x.tensor,), tuple(axes)))


def slice_axis(b: Builder, x: Value, axis: int, start: int, step: int, size: int) -> Value:
    """`size` elements of one axis."""
    rank = len(x.shape)
    starts, steps, sizes = [0] * rank, [1] * rank, list(x.shape)
    starts[axis], steps[axis], sizes[axis] = start, step, size
    return slices(b, x, starts, steps, sizes)


def slices(
    b: Builder, x: Value, starts: Sequence[int], steps: Sequence[int], sizes: Sequence[int]
) -> Value:
    """Elements starts + i steps of every axis."""
    if tuple(sizes) == x.shape and not any(starts) and all(step == 1 for step in steps):
        return x
    return view(b, x, Slice((x.tensor,), tuple(starts), tuple(steps), tuple(sizes)))


def pad(
    b: Builder,
    x: Value,
    before: Sequence[int],
    after: Sequence[int],
    value: int,
    between: Sequence[int] | None = None,
) -> Value:
    """The integer `value` around (and between) the elements."""
    gaps = tuple(between) if between is not None else (0,) * len(x.shape)
    if not any((*before, *after, *gaps)):
        return x
    return view(b, x, Pad((x.tensor,), tuple(before), tuple(after), gaps, value))


def gather(b: Builder, x: Value, axis: int, indices: Sequence[int]) -> Value:
    """The chosen elements of one axis, in that order."""
    if list(indices) == list(range(x.shape[axis])):
        return x
    if not indices:
        raise Refusal("a tensor without elements")
    return view(b, x, Gather((x.tensor,), axis, b.blob(np.array(indices, np.int64))))


def concat(b: Builder, parts: Sequence[Value], axis: int) -> Value:
    """Values of one scale, one behind the other; 256 at a time at most."""
    while len(parts) > 1:
        parts = [
            _concat(b, parts[first : first + 256], axis) for first in range(0, len(parts), 256)
        ]
    return parts[0]


def _concat(b: Builder, parts: Sequence[Value], axis: int) -> Value:
    if len({part.scale for part in parts}) != 1:
        raise Refusal("parts of different scales")
    error = max(part.error for part in parts)
    operation = Concat(tuple(part.tensor for part in parts), axis)
    integral = all(part.integral for part in parts)
    return b.emit(operation, parts, parts[0].scale, error, integral)
