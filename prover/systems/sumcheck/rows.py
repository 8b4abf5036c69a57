"""A matrix of columns as rows of integers, each run of rows in the narrowest type."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from avow.circuits.sumcheck.matrix import Block
from avow.prover.native._core import Bases, Frs, fold_ints, fold_rows, outer_add
from avow.prover.systems.sumcheck.field import commit, dot, vector
from avow.prover.systems.sumcheck.wiring import Cells

# The last one is for field elements, which honest columns never hold.
_TYPES = (np.dtype("i1"), np.dtype("i2"), np.dtype("i4"), np.dtype("i8"), np.dtype(object))


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of one matrix."""

    count: int
    blocks: tuple[Block, ...]

    def commit(self, bases: Bases) -> list[bytes]:
        """Each row's commitment, x || y."""
        return [point for block in self.blocks for point in commit(bases, block.cells)]

    def fold(self, weights: Frs, target: Frs) -> None:
        """Add sum_i weights[i] row_i to `target`; a weight for each row of this matrix."""
        for block in self.blocks:
            part = _part(weights, block)
            if block.cells.dtype == object:
                for number, row in enumerate(block.cells):
                    outer_add(target, 0, part.at(number), [vector(row)])
            else:
                target.addmul(fold_ints(block.cells, part), 1)

    def sum_strips(self, weights: Frs, target: Frs, at: int) -> None:
        """Write the sum of weights[k] * cell k for every strip of as many cells as weights.

        It goes into `target` from place `at` on.
        """
        for block in self.blocks:
            strips = block.cells.reshape(-1, len(weights))
            first = at + block.first * block.cells.shape[1] // len(weights)
            if strips.dtype == object:
                sums = vector(np.array([dot(weights, strip) for strip in strips], object))
            else:
                sums = fold_rows(strips, weights)
            target.set_range(first, sums)

    def column(self, offset: int, count: int) -> Cells:
        """The cells of a column that was placed at `offset`."""
        for block in self.blocks:
            at = offset - block.first * block.cells.shape[1]
            if 0 <= at < block.cells.size:
                return block.cells.reshape(-1)[at : at + count]
        raise IndexError(f"no column lies at {offset}")


def stack_rows(columns: Sequence[tuple[int, Cells]], count: int, width: int) -> Rows:
    """Rows of `width` cells from (offset, cells): each column within a row, or of whole rows."""
    types = [0] * count
    kinds = [_kind(cells) for _, cells in columns]
    for (offset, cells), kind in zip(columns, kinds, strict=True):
        for row in range(offset // width, -(-(offset + len(cells)) // width)):
            types[row] = max(types[row], kind)
    blocks: list[Block] = []
    starts = [row for row in range(count) if row == 0 or types[row] != types[row - 1]]
    for start, stop in pairwise([*starts, count]):
        blocks.append(Block(start, np.zeros((stop - start, width), _TYPES[types[start]])))
    rows = Rows(count, tuple(blocks))
    for offset, cells in columns:
        rows.column(offset, len(cells))[:] = cells
    return rows


def _kind(cells: Cells) -> int:
    if cells.dtype == object:
        return 4
    reach = max(int(cells.max()), -1 - int(cells.min()))
    return next(number for number in range(4) if reach < 1 << (8 << number) - 1)


def _part(weights: Frs, block: Block) -> Frs:
    rows = len(block.cells)
    if block.first == 0 and rows == len(weights):
        return weights
    return weights.gather(np.arange(block.first, block.first + rows, dtype=np.int32))
