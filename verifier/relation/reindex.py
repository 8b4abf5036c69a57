"""Operations that only move elements: views, so nothing is committed and nothing can be forged."""

import math
from collections.abc import Sequence

from avow.verifier.errors import VerificationError
from avow.verifier.program import operations as op
from avow.verifier.relation.relation import Expression, Layout, flat
from avow.verifier.relation.sheet import Remap, Sheet, axes_of, repeated, same, starts
from avow.verifier.relation.views import Lengths, Link, Pairs, View


def reindex(
    sheet: Sheet,
    operation: op.Operation,
    of: Sequence[Expression],
    shapes: Sequence[op.Shape],
    chosen: tuple[int, ...],
) -> Expression:
    """The result of a view of operands of these shapes; `chosen` are the indices of a gather."""
    x, shape = of[0], shapes[0]
    match operation:
        case op.Reshape(shape=target):
            return _reshape(sheet, x, target)
        case op.Transpose(axes=axes):
            return sheet.remap(x, [Remap(0), *(Remap(axis + 1) for axis in axes)])
        case op.Slice(starts=first, steps=steps, sizes=sizes):
            pairs = [
                tuple((o, start + o * step) for o in range(count))
                for start, step, count in zip(first, steps, sizes, strict=True)
            ]
            return _select(sheet, x, shape, pairs, sizes)
        case op.Pad():
            return _pad(sheet, operation, x, shape)
        case op.Concat(axis=axis):
            return _concat(sheet, of, shapes, axis)
        case op.Broadcast(shape=target):
            pairs = [same(n) if n == m else repeated(m) for n, m in zip(shape, target, strict=True)]
            return _select(sheet, x, shape, pairs, target)
        case op.Gather(axis=axis):
            pairs = [same(n) for n in shape]
            pairs[axis] = tuple(enumerate(chosen))
            return _select(sheet, x, shape, pairs, (*shape[:axis], len(chosen), *shape[axis + 1 :]))
        case _:
            raise VerificationError("program", f"{type(operation).__name__} has no relation")


def _select(
    sheet: Sheet, x: Expression, shape: op.Shape, pairs: Sequence[Pairs], target: op.Shape
) -> Expression:
    """Along every axis the pairs (result, source); what they leave out is 0."""
    remaps = [Remap(0)]
    for axis, (joined, n, m) in enumerate(zip(pairs, shape, target, strict=True), 1):
        remaps.append(
            Remap(axis) if n == m and joined == same(n) else Remap(axis, axes_of((m,)), joined)
        )
    return sheet.remap(x, remaps)


def _pad(sheet: Sheet, operation: op.Pad, x: Expression, shape: op.Shape) -> Expression:
    gaps = list(zip(shape, operation.before, operation.between, operation.after, strict=True))
    target = tuple(front + n + (n - 1) * gap + back for n, front, gap, back in gaps)
    pairs = [tuple((front + i * (gap + 1), i) for i in range(n)) for n, front, gap, _ in gaps]
    padded = _select(sheet, x, shape, pairs, target)
    if not operation.value:
        return padded
    inside = _select(sheet, sheet.one(x.layout), shape, pairs, target)
    return sheet.combine([(1, padded), (-operation.value, inside)], operation.value)


def _concat(
    sheet: Sheet, of: Sequence[Expression], shapes: Sequence[op.Shape], axis: int
) -> Expression:
    total = sum(shape[axis] for shape in shapes)
    parts, at = [], 0
    for x, shape in zip(of, shapes, strict=True):
        pairs = [same(n) for n in shape]
        pairs[axis] = tuple((at + i, i) for i in range(shape[axis]))
        target = (*shape[:axis], total, *shape[axis + 1 :])
        parts.append((1, _select(sheet, x, shape, pairs, target)))
        at += shape[axis]
    return sheet.combine(parts)


def _reshape(sheet: Sheet, x: Expression, shape: op.Shape) -> Expression:
    """Axes that are merged stay apart inside a composite one; others are joined cell by cell."""
    old = x.lengths
    layout: list[Lengths] = [x.layout[0], *(() for _ in shape)]
    at = first = len(x.layout[0])
    links = [Link((k,), (k,), None) for k in range(first)]
    for axes, count in _groups(shape, old[first:]):
        ins = tuple(range(at, at + count))
        at += count
        if len(axes) == 1:
            layout[axes[0]] = tuple(old[i] for i in ins)
            outs = starts(tuple(layout))[axes[0]]
            links += [Link((o,), (i,), None) for o, i in zip(outs, ins, strict=True)]
        else:
            for axis in axes:
                layout[axis] = (shape[axis - 1],)
            outs = tuple(o for axis in axes for o in starts(tuple(layout))[axis])
            links.append(Link(outs, ins, same(math.prod(old[i] for i in ins))))
    whole: Layout = tuple(layout)
    return sheet.through(x, whole, View(flat(whole), old, tuple(links)))


def _groups(shape: op.Shape, lengths: Lengths) -> list[tuple[list[int], int]]:
    """The fewest axes of the result (counted from 1) that hold the next axes of the source."""
    groups: list[tuple[list[int], int]] = []
    axes: list[int] = []
    used = count = 0
    wanted = filled = 1
    for axis, n in enumerate(shape, 1):
        if n == 1:
            continue
        axes.append(axis)
        wanted *= n
        while filled < wanted:
            filled *= lengths[used + count]
            count += 1
        if filled == wanted:
            groups.append((axes, count))
            axes, used, count, wanted, filled = [], used + count, 0, 1, 1
    return groups
