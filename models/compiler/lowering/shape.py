"""Flatten, Reshape, Squeeze, Transpose, Expand, Tile, Concat, Split: re-indexing only."""

from math import prod

import numpy as np

from avow.models.compiler.constants import spread
from avow.models.compiler.context import Context, axes_of, axis_of, joint_shape
from avow.models.compiler.lowering.arithmetic import comparable
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.scaling import align
from avow.models.compiler.value import Operand
from avow.models.compiler.views import concat, reshape, slice_axis, transpose


def identity(c: Context) -> list[Operand]:
    """Identity."""
    return [c.operand(0)]


def flatten(c: Context) -> list[Operand]:
    """Flatten to rank 2."""
    x = c.value(0)
    rank = len(x.shape)
    axis = c.node.integer("axis", 1)
    if not -rank <= axis <= rank:
        raise Refusal(f"axis {axis} does not fit rank {rank}")
    axis = axis + rank if axis < 0 else axis
    return [reshape(c.builder, x, (prod(x.shape[:axis]), prod(x.shape[axis:])))]


def lower_reshape(c: Context) -> list[Operand]:
    """Reshape; 0 keeps an axis, -1 is what remains."""
    x, wanted = c.value(0), c.integers(1, "the shape")
    if 0 in wanted and c.node.integer("allowzero", 0):
        raise Refusal("a tensor without elements")
    if any(entry == 0 and at >= len(x.shape) for at, entry in enumerate(wanted)):
        raise Refusal(f"shape {list(wanted)} keeps an axis that {list(x.shape)} does not have")
    shape = [x.shape[at] if entry == 0 else entry for at, entry in enumerate(wanted)]
    return [reshape(c.builder, x, shape)]


def squeeze(c: Context) -> list[Operand]:
    """Squeeze the given axes of length 1, or all of them."""
    x, axes = c.value(0), c.axes(1)
    chosen = (
        tuple(at for at, n in enumerate(x.shape) if n == 1)
        if axes is None
        else axes_of(axes, len(x.shape))
    )
    if any(x.shape[axis] != 1 for axis in chosen):
        raise Refusal(f"axes {list(chosen)} of {list(x.shape)} are not all 1")
    shape = [n for at, n in enumerate(x.shape) if at not in chosen]
    return [reshape(c.builder, x, shape)]


def unsqueeze(c: Context) -> list[Operand]:
    """Unsqueeze."""
    x, axes = c.value(0), c.axes(1)
    if axes is None:
        raise Refusal("the axes are missing")
    chosen = axes_of(axes, len(x.shape) + len(axes))
    rest = iter(x.shape)
    rank = len(x.shape) + len(chosen)
    shape = [1 if at in chosen else next(rest) for at in range(rank)]
    return [reshape(c.builder, x, shape)]


def lower_transpose(c: Context) -> list[Operand]:
    """Transpose; reversed axes by default."""
    x = c.value(0)
    rank = len(x.shape)
    axes = c.node.integers("perm")
    axes = tuple(reversed(range(rank))) if axes is None else axes
    if sorted(axes) != list(range(rank)):
        raise Refusal(f"perm {list(axes)} does not fit rank {rank}")
    return [transpose(c.builder, x, axes)]


def expand(c: Context) -> list[Operand]:
    """Expand: broadcast with a shape."""
    x, wanted = c.value(0), c.integers(1, "the shape")
    return [spread(c.builder, x, joint_shape(x.shape, wanted))]


def tile(c: Context) -> list[Operand]:
    """Tile: every axis repeated as a whole."""
    x, repeats = c.value(0), c.integers(1, "the repeats")
    if len(repeats) != len(x.shape) or min(repeats, default=1) < 1:
        raise Refusal(f"repeats {list(repeats)} do not fit {list(x.shape)}")
    for axis, times in enumerate(repeats):
        x = concat(c.builder, [x] * times, axis)
    return [x]


def lower_concat(c: Context) -> list[Operand]:
    """Concat, the operands brought to one scale."""
    operands = [c.operand(at) for at in range(len(c.operands))]
    shapes = {len(operand.shape) for operand in operands}
    if len(shapes) != 1:
        raise Refusal("operands of different rank")
    axis = axis_of(c.node.integer("axis", 0), shapes.pop())
    return [concat(c.builder, align(c.builder, comparable(c.builder, operands)), axis)]


def split(c: Context) -> list[Operand]:
    """Split along an axis: given sizes, or equal parts of which the last may be smaller."""
    x = c.value(0)
    axis = axis_of(c.node.integer("axis", 0), len(x.shape))
    length, parts = x.shape[axis], len(c.node.outputs)
    if c.has(1):
        sizes = list(c.integers(1, "the sizes"))
    else:
        size = -(-length // parts)
        sizes = [min(size, length - at * size) for at in range(parts)]
    if len(sizes) != parts or sum(sizes) != length or min(sizes) < 1:
        raise Refusal(f"sizes {sizes} do not split an axis of {length} into {parts} parts")
    starts = np.cumsum([0, *sizes[:-1]]).tolist()
    return [
        slice_axis(c.builder, x, axis, start, 1, size)
        for start, size in zip(starts, sizes, strict=True)
    ]


def dropout(c: Context) -> list[Operand]:
    """Dropout at inference: the same values, and a mask of truths."""
    x = c.value(0)
    if c.has(2) and c.constant(2, "the training mode").any():
        raise Refusal("training mode")
    return [x, np.ones(x.shape, np.bool_)]


def lower_shape(c: Context) -> list[Operand]:
    """Shape: known at compile time."""
    shape = c.operand(0).shape
    last = c.node.integer("end", len(shape))
    return [np.array(shape[c.node.integer("start", 0) : last], np.int64)]
