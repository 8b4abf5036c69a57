"""Slice, Pad, Gather: constant positions are views, computed ones are rows of a table."""

from math import isinf

import numpy as np

from avow.models.compiler.builder import Builder
from avow.models.compiler.constants import at_scale, is_integral, quantise, reals, spread
from avow.models.compiler.context import Context, axis_of
from avow.models.compiler.lowering.logic import equal
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.scaling import coarser, total
from avow.models.compiler.value import Operand, Value
from avow.models.compiler.views import gather, pad, reshape, slices, transpose
from avow.verifier.program.operations import Affine, Contract, LookupRow

# A computed index into a computed tensor becomes a product with a one-hot matrix up to this size.
_ONE_HOT = 256


def lower_slice(c: Context) -> list[Operand]:
    """Slice with constant bounds."""
    x = c.value(0)
    rank = len(x.shape)
    begin, end = c.integers(1, "the starts"), c.integers(2, "the ends")
    axes = c.integers(3, "the axes") if c.has(3) else tuple(range(len(begin)))
    strides = c.integers(4, "the steps") if c.has(4) else (1,) * len(begin)
    if not len(begin) == len(end) == len(axes) == len(strides):
        raise Refusal("starts, ends, axes and steps of different lengths")
    starts, steps, sizes = [0] * rank, [1] * rank, list(x.shape)
    for first, last, axis, step in zip(begin, end, axes, strides, strict=True):
        if step == 0:
            raise Refusal("a step of zero")
        at = axis_of(axis, rank)
        places = range(x.shape[at])[slice(first, last, step)]
        if not len(places):
            raise Refusal("a tensor without elements")
        starts[at], steps[at], sizes[at] = places.start, places.step, len(places)
    return [slices(c.builder, x, starts, steps, sizes)]


def lower_pad(c: Context) -> list[Operand]:
    """Pad with a constant, or by mirroring, repeating the edge or wrapping round."""
    b, x = c.builder, c.value(0)
    rank = len(x.shape)
    amounts = c.integers(1, "the pads")
    axes = c.integers(3, "the axes") if c.has(3) else tuple(range(rank))
    if len(amounts) != 2 * len(axes):
        raise Refusal(f"{len(amounts)} pads for {len(axes)} axes")
    before, after = [0] * rank, [0] * rank
    for at, axis in enumerate(axes):
        before[axis_of(axis, rank)] = amounts[at]
        after[axis_of(axis, rank)] = amounts[at + len(axes)]
    mode = c.node.text("mode", "constant")
    if mode != "constant":
        return [_indexed(b, x, before, after, mode)]
    starts = [max(-n, 0) for n in before]
    sizes = [
        n - start - max(-back, 0) for n, start, back in zip(x.shape, starts, after, strict=True)
    ]
    if min(sizes, default=1) < 1:
        raise Refusal("pads that leave nothing")
    x = slices(b, x, starts, [1] * rank, sizes)
    value = c.scalar(2, "the padding") if c.has(2) else 0.0
    error = x.error
    if value and not x.integral and isinf(value):
        raise Refusal("infinite padding")
    scaled = value * 2.0**x.scale
    if abs(scaled) >= 2.0**60:
        raise Refusal(f"padding of {value:g}")
    error = max(error, abs(round(scaled) / 2.0**x.scale - value))
    positive = [max(n, 0) for n in before], [max(n, 0) for n in after]
    found = pad(b, x, positive[0], positive[1], round(scaled))
    return [
        Value(found.tensor, found.shape, x.scale, found.interval, error, found.observed, x.integral)
    ]


def _indexed(b: Builder, x: Value, before: list[int], after: list[int], mode: str) -> Value:
    modes = {"reflect": "reflect", "edge": "edge", "wrap": "wrap"}
    if mode not in modes:
        raise Refusal(f"mode {mode[:40]!r}")
    if min((*before, *after), default=0) < 0:
        raise Refusal(f"negative pads with mode {mode}")
    for axis, (front, back) in enumerate(zip(before, after, strict=True)):
        places = np.arange(x.shape[axis])
        if front or back:
            padded = np.pad(places, (front, back), mode=modes[mode])  # type: ignore[call-overload]
            x = gather(b, x, axis, [int(place) for place in padded])
    return x


def lower_gather(c: Context) -> list[Operand]:
    """Gather along one axis."""
    b, data, indices = c.builder, c.operand(0), c.operand(1)
    axis = axis_of(c.node.integer("axis", 0), len(data.shape))
    length = data.shape[axis]
    shape = (*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :])
    if not isinstance(indices, Value):
        if indices.dtype.kind not in "iu" or not isinstance(data, Value):
            raise Refusal(f"indices of type {indices.dtype}")
        flat = [int(place) for place in indices.reshape(-1)]
        if any(not -length <= place < length for place in flat):
            raise Refusal(f"an index outside an axis of {length}")
        found = gather(b, data, axis, [place % length for place in flat])
        return [reshape(b, found, shape)]
    if not indices.integral:
        raise Refusal("indices that are not integers")
    indices = _inside(b, indices, length)
    flat_indices = reshape(b, indices, (-1,))
    if isinstance(data, Value):
        return [reshape(b, _one_hot(b, data, flat_indices, axis), shape)]
    rows = np.moveaxis(data, axis, 0).reshape(length, -1)
    if is_integral(data):
        table = at_scale(reals(rows), 0)
    else:
        table = quantise(reals(rows), b.bits)
    operation = LookupRow((flat_indices.tensor,), b.blob(table.integers))
    error = total(float(table.errors.max()))
    if indices.error:
        error = total(error, float(reals(rows).max() - reals(rows).min()))
    found = b.emit(operation, [flat_indices], table.scale, error, is_integral(data))
    rest = (*data.shape[:axis], *data.shape[axis + 1 :])
    found = reshape(b, found, (flat_indices.shape[0], *rest))
    order = [*range(1, axis + 1), 0, *range(axis + 1, len(rest) + 1)]
    return [reshape(b, transpose(b, found, order), shape)]


def _inside(b: Builder, indices: Value, length: int) -> Value:
    """Indices in [0, length): negative ones count from the end, others saturate."""
    low, high = indices.interval.low, indices.interval.high
    if low < 0:
        b.limit(indices, 0, -length, length - 1)
        negative = b.rescale(
            b.emit(Affine((indices.tensor,), (-1,), 0), [indices], 0, 0.0, True), 0, 0, 1, 0.0
        )
        operation = Affine((indices.tensor, negative.tensor), (1, length), 0)
        indices = b.emit(operation, [indices, negative], 0, indices.error, True)
    elif high >= length:
        b.limit(indices, 0, 0, length - 1)
    return b.rescale(indices, 0, 0, length - 1, indices.error)


def _one_hot(b: Builder, data: Value, indices: Value, axis: int) -> Value:
    """Rows of a computed tensor: a 0/1 matrix times the tensor, exact."""
    length = data.shape[axis]
    if length > _ONE_HOT:
        raise Refusal(
            f"a computed index into a computed axis of {length}, at most {_ONE_HOT} are supported"
        )
    if indices.error:
        raise Refusal("a computed index that is rounded")
    places = np.arange(length, dtype=np.int64).reshape(1, length)
    shape = (indices.shape[0], length)
    wide = spread(b, reshape(b, indices, (-1, 1)), shape)
    marks = equal(b, wide, places)
    order = [axis, *(at for at in range(len(data.shape)) if at != axis)]
    turned = transpose(b, data, order)
    excess = turned.interval.magnitude.bit_length() + length.bit_length() - 60
    rows = reshape(b, coarser(b, turned, min(max(excess, 0), turned.scale)), (length, -1))
    found = _product(b, marks, rows)
    rest = tuple(data.shape[at] for at in order[1:])
    found = reshape(b, found, (indices.shape[0], *rest))
    back = [*range(1, axis + 1), 0, *range(axis + 1, len(rest) + 1)]
    return transpose(b, found, back)


def _product(b: Builder, marks: Value, rows: Value) -> Value:
    operation = Contract((marks.tensor, rows.tensor))
    found = b.emit(operation, [marks, rows], rows.scale, rows.error, rows.integral)
    # Interval arithmetic does not see that exactly one row is chosen.
    low, high = min(rows.interval.low, 0), max(rows.interval.high, 0)
    return b.rescale(found, 0, low, high, rows.error)
