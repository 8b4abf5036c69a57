"""Views as arrays of indices over padded cells, made once and used for every proof."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avow.circuits.sumcheck.matrix import widths
from avow.verifier.relation.views import Lengths, Link, View, bits, size

# Integers of a column or a view, one for each padded cell: int64 for honest provers. Whoever
# tries a forgery may use Python integers modulo the group order (dtype object) instead.
Cells = NDArray[Any]
Indices = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Joint:
    """A link between padded axes: `rows` cells of the result, `cols` of the source.

    Pair k joins cell `at_row[k]` to cell `at_col[k]`, both row-major over the link's own padded
    axes. Without pairs the cells are the same one by one.
    """

    outs: tuple[int, ...]
    ins: tuple[int, ...]
    rows: int
    cols: int
    pairs: tuple[Indices, Indices] | None

    @property
    def at_row(self) -> Indices:
        """The result's cell of every pair."""
        return np.arange(self.rows, dtype=np.int32) if self.pairs is None else self.pairs[0]

    @property
    def at_col(self) -> Indices:
        """The source's cell of every pair."""
        return np.arange(self.cols, dtype=np.int32) if self.pairs is None else self.pairs[1]


class Wiring:
    """A view, ready to be applied to the integers of a column."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.joints = tuple(_joint(view, link) for link in view.links)
        self.whole = view.outs == view.ins and all(
            joint.pairs is None and joint.outs == joint.ins for joint in self.joints
        )

    @property
    def variables(self) -> int:
        """How many index bits the result has."""
        return size(self.view.outs)

    def apply(self, source: Cells) -> Cells:
        """The cells of the view of a column's cells."""
        if self.whole:
            return source
        outs, ins, starts = self._entries
        taken = source[ins]
        if starts is not None:
            taken = np.add.reduceat(taken, starts)
        if len(outs) == 2**self.variables:
            return taken
        result = np.zeros(2**self.variables, source.dtype)
        result[outs] = taken
        return result

    @cached_property
    def _entries(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64] | None]:
        outs = ins = np.zeros(1, np.int64)
        for joint in self.joints:
            row = _offsets(joint.at_row, joint.outs, self.view.outs)
            col = _offsets(joint.at_col, joint.ins, self.view.ins)
            outs = (outs[:, None] + row).reshape(-1)
            ins = (ins[:, None] + col).reshape(-1)
        order = np.argsort(outs, kind="stable")
        outs, ins = outs[order], ins[order]
        first = np.flatnonzero(np.diff(outs, prepend=-1))
        if len(first) == len(outs):
            return outs, ins, None
        return outs[first], ins, first


def _joint(view: View, link: Link) -> Joint:
    outs = tuple(view.outs[axis] for axis in link.outs)
    ins = tuple(view.ins[axis] for axis in link.ins)
    pairs = None
    if link.pairs is not None:
        both = np.array(link.pairs, np.int64).reshape(-1, 2)
        pairs = (_padded(both[:, 0], outs), _padded(both[:, 1], ins))
    return Joint(link.outs, link.ins, 2 ** size(outs), 2 ** size(ins), pairs)


def _padded(cells: NDArray[np.int64], lengths: Lengths) -> Indices:
    # From row-major over true lengths to row-major over padded ones.
    if not lengths:
        return np.zeros(len(cells), np.int32)
    places = np.unravel_index(cells, lengths)
    return np.ravel_multi_index(places, widths(lengths)).astype(np.int32)


def _offsets(cells: Indices, axes: tuple[int, ...], lengths: Lengths) -> NDArray[np.int64]:
    # From row-major over some padded axes to row-major over all of them.
    total = np.zeros(len(cells), np.int64)
    rest = cells.astype(np.int64)
    for axis in reversed(axes):
        width = 2 ** bits(lengths[axis])
        total += rest % width << size(lengths[axis + 1 :])
        rest = rest // width
    return total
