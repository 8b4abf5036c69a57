"""One factor of a product of matrices, bound at the result's point without being written out.

The pieces of an image that a convolution multiplies are far more than the image: its axes are
folded one link at a time instead, the largest first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from avow.circuits.sumcheck.matrix import widths
from avow.prover.native._core import Frs, contract, fold_ints, fold_rows
from avow.prover.systems.sumcheck.field import vector
from avow.prover.systems.sumcheck.points import Points, Positions
from avow.prover.systems.sumcheck.wiring import Cells, Indices, Joint, Wiring
from avow.verifier.relation.relation import Axis
from avow.verifier.relation.views import Lengths, bits, size


@dataclass(frozen=True, slots=True)
class Bound:
    """One link of the view: `kept` cells over its summed axes remain of its source's `cols`.

    Pair k adds eq(bound, at_eq[k]) times source cell at_col[k] to cell at_row[k]. `plain` says
    that source and bound axis are one and the same, and nothing remains.
    """

    place: int
    kept: int
    cols: int
    bound: Positions
    at_row: Indices
    at_col: Indices
    at_eq: Indices
    plain: bool


@dataclass(frozen=True, slots=True)
class Folding:
    """How the cells of a column become the partial evaluation of a view of it."""

    shape: tuple[int, ...]
    order: tuple[int, ...] | None
    dims: tuple[int, ...]
    steps: tuple[Bound, ...]
    arrange: Indices | None

    def fold(self, cells: Cells, points: Points) -> Frs:
        """The view at the bound coordinates, over the cells of all summed axes."""
        if self.order is not None:
            cells = np.ascontiguousarray(cells.reshape(self.shape).transpose(self.order))
            cells = cells.reshape(-1)
        dims = list(self.dims)
        values: Cells | Frs = vector(cells) if cells.dtype == object else cells
        for step in self.steps:
            outer, inner = prod(dims[: step.place]), prod(dims[step.place + 1 :])
            values = _step(values, step, outer, inner, points)
            dims[step.place] = step.kept
        found = values if isinstance(values, Frs) else vector(values)
        return found if self.arrange is None else found.gather(self.arrange)


def make_folding(
    wiring: Wiring, axes: Sequence[Axis], positions: Positions, summed: Lengths
) -> Folding:
    """Prepare a read whose axes are the result's or summed ones, at a point of these positions."""
    outs = wiring.view.outs
    own = _positions(positions, outs)
    place = {axis.number: at for at, axis in enumerate(axes) if axis.summed}
    joints = wiring.joints
    order = tuple(axis for joint in joints for axis in joint.ins)
    kept = [[axis for axis in joint.outs if axes[axis].summed] for joint in joints]
    steps = [
        _bound(at, joint, outs, kept[at], own)
        for at, joint in enumerate(joints)
        if joint.pairs is not None or not kept[at]
    ]
    # What shrinks most comes first, so that later steps have less to do.
    steps.sort(key=lambda step: step.kept / step.cols)
    stored = [axis for group in kept for axis in group]
    wanted = [place.get(number) for number in range(len(summed))]
    return Folding(
        shape=widths(wiring.view.ins),
        order=None if order == tuple(range(len(order))) else order,
        dims=tuple(joint.cols for joint in joints),
        steps=tuple(steps),
        arrange=_arrange(stored, wanted, outs, summed),
    )


def _step(values: Cells | Frs, step: Bound, outer: int, inner: int, points: Points) -> Frs:
    table = points.eq(step.bound)
    if step.plain and not isinstance(values, Frs):
        if outer == 1:
            return fold_ints(values.reshape(step.cols, inner), table)
        if inner == 1:
            return fold_rows(values.reshape(outer, step.cols), table)
    weights = table if step.plain else table.gather(step.at_eq)
    return contract(values, outer, inner, step.kept, step.cols, step.at_row, step.at_col, weights)


def _bound(
    place: int, joint: Joint, outs: Lengths, kept: Sequence[int], own: Sequence[Positions]
) -> Bound:
    bound = [axis for axis in joint.outs if axis not in kept]
    places = dict(zip(joint.outs, _coordinates(joint, outs), strict=True))
    return Bound(
        place=place,
        kept=2 ** size(tuple(outs[axis] for axis in kept)),
        cols=joint.cols,
        bound=tuple(at for axis in bound for at in own[axis]),
        at_row=_index(places, kept, outs, len(joint.at_row)),
        at_col=joint.at_col,
        at_eq=_index(places, bound, outs, len(joint.at_row)),
        plain=joint.pairs is None,
    )


def _coordinates(joint: Joint, outs: Lengths) -> Sequence[Indices]:
    if not joint.outs:
        return ()
    return np.unravel_index(joint.at_row, widths(tuple(outs[axis] for axis in joint.outs)))  # type: ignore[return-value]


def _index(places: dict[int, Indices], axes: Sequence[int], outs: Lengths, count: int) -> Indices:
    index = np.zeros(count, np.int64)
    for axis in axes:
        index = (index << bits(outs[axis])) + places[axis]
    return index.astype(np.int32)


def _positions(positions: Positions, lengths: Lengths) -> list[Positions]:
    parts, at = [], 0
    for length in lengths:
        parts.append(positions[at : at + bits(length)])
        at += bits(length)
    return parts


def _arrange(
    stored: Sequence[int], wanted: Sequence[int | None], outs: Lengths, summed: Lengths
) -> Indices | None:
    # From the order of the links to that of the summed axes; a missing one is repeated.
    if stored == wanted:
        return None
    strides: dict[int, int] = {}
    stride = 1
    for axis in reversed(stored):
        strides[axis] = stride
        stride *= 2 ** bits(outs[axis])
    index = np.zeros(1, np.int64)
    for own, length in zip(wanted, summed, strict=True):
        step = 0 if own is None else strides[own]
        index = (index[:, None] + step * np.arange(2 ** bits(length))).reshape(-1)
    return index.astype(np.int32)
