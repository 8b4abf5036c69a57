"""Sums, means, maxima and the index of the largest along axes."""

from collections.abc import Callable
from math import prod

import numpy as np

from avow.models.compiler.builder import Builder
from avow.models.compiler.context import Context, Lowering, axes_of, axis_of
from avow.models.compiler.lowering.arithmetic import maximum, multiply, negate, scale_by
from avow.models.compiler.scaling import ALIGNED_BITS, align, bounded, narrow, times, total
from avow.models.compiler.value import Operand, Value
from avow.models.compiler.views import concat, reshape, slice_axis
from avow.verifier.program.operations import Affine, Constant, Rescale, Sum

Reduce = Callable[[Builder, Value, tuple[int, ...], bool], Value]
_WIDEST_SUM = 58


def sum_along(b: Builder, x: Value, axes: tuple[int, ...], keep: bool) -> Value:
    """The sum over axes, which stay with length 1 where `keep`."""
    if not axes:
        return x
    count = prod(x.shape[axis] for axis in axes)
    if x.interval.magnitude.bit_length() + count.bit_length() > _WIDEST_SUM:
        x = bounded(b, narrow(b, x), _WIDEST_SUM - count.bit_length())
    error = total(times(float(count), x.error))
    found = b.emit(Sum((x.tensor,), axes), [x], x.scale, error, x.integral)
    return reshape(b, found, _kept(x.shape, axes)) if keep else found


def mean_along(b: Builder, x: Value, axes: tuple[int, ...], keep: bool) -> Value:
    """The mean over axes."""
    count = prod(x.shape[axis] for axis in axes)
    return scale_by(b, sum_along(b, x, axes, keep), 1.0 / count)


def largest_along(b: Builder, x: Value, axes: tuple[int, ...], keep: bool) -> Value:
    """The largest element over axes: halves against halves."""
    # Once for all, so that the halves and what is left over keep one scale.
    (found,) = align(b, [x])
    for axis in axes:
        while found.shape[axis] > 1:
            half = found.shape[axis] // 2
            larger = maximum(b, [slice_axis(b, found, axis, start, 1, half) for start in (0, half)])
            if found.shape[axis] % 2:
                rest = slice_axis(b, found, axis, 2 * half, 1, 1)
                larger = concat(b, [larger, rest], axis)
            found = larger
    shape = _kept(x.shape, axes) if keep else _dropped(x.shape, axes)
    return reshape(b, found, shape)


def _kept(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(1 if at in axes else n for at, n in enumerate(shape))


def _dropped(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for at, n in enumerate(shape) if at not in axes)


def _reduced(c: Context, x: Value) -> tuple[int, ...]:
    """The axes to reduce: all where none are given, unless the node says that none means none."""
    axes = c.axes(1)
    if not axes:
        idle = c.node.integer("noop_with_empty_axes", 0)
        return () if idle else tuple(range(len(x.shape)))
    return axes_of(axes, len(x.shape))


def reduction(reduce: Reduce) -> Lowering:
    """An operator that reduces axes."""

    def lower(c: Context) -> list[Operand]:
        x = c.value(0)
        axes, keep = _reduced(c, x), bool(c.node.integer("keepdims", 1))
        return [reduce(c.builder, x, axes, keep)]

    return lower


def smallest_along(b: Builder, x: Value, axes: tuple[int, ...], keep: bool) -> Value:
    """The smallest element over axes."""
    return negate(b, largest_along(b, negate(b, x), axes, keep))


def squares_along(b: Builder, x: Value, axes: tuple[int, ...], keep: bool) -> Value:
    """The sum of squares over axes."""
    return sum_along(b, multiply(b, x, x), axes, keep)


def arg_max(c: Context) -> list[Operand]:
    """ArgMax: the index stands in the low bits, so that ties go to the lowest (or last) one."""
    b, x = c.builder, c.value(0)
    return [index_of_largest(c, b, x)]


def arg_min(c: Context) -> list[Operand]:
    """ArgMin: the same of -x."""
    return [index_of_largest(c, c.builder, negate(c.builder, c.value(0)))]


def index_of_largest(c: Context, b: Builder, x: Value) -> Value:
    """The index along the node's axis."""
    axis = axis_of(c.node.integer("axis", 0), len(x.shape))
    last, keep = c.node.integer("select_last_index", 0), c.node.integer("keepdims", 1)
    count = x.shape[axis]
    bits = max((count - 1).bit_length(), 1)
    x = bounded(b, x, ALIGNED_BITS - bits)
    places = np.arange(count, dtype=np.int64)
    order = places if last else count - 1 - places
    shape = [1] * len(x.shape)
    shape[axis] = count
    labels = np.broadcast_to(order.reshape(shape), x.shape)
    marks = b.emit(Constant((), b.blob(labels)), [], 0, 0.0, True)
    marked = b.emit(Affine((x.tensor, marks.tensor), (1 << bits, 1), 0), [x, marks], 0, 0.0, True)
    top = largest_along(b, marked, (axis,), bool(keep))
    # floor(top / 2^bits): rescale rounds, so half is taken off first.
    lower = b.emit(Affine((top.tensor,), (1,), -(1 << (bits - 1))), [top], 0, 0.0, True)
    high = b.emit(Rescale((lower.tensor,), bits, None, None), [lower], 0, 0.0, True)
    error = 0.0 if x.error == 0.0 else float(count - 1)
    factors, offset = ((1, -(1 << bits)), 0) if last else ((-1, 1 << bits), count - 1)
    found = b.emit(Affine((top.tensor, high.tensor), factors, offset), [top, high], 0, error, True)
    # Interval arithmetic does not see that the high bits cancel.
    return b.rescale(found, 0, 0, count - 1, error)
