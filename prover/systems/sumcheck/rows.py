"""A matrix of columns as rows of integers, each run of rows in the narrowest type."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from avow.prover.native._core import Bases, Frs, fold_ints, outer_add
from avow.prover.systems.sumcheck.field import commit, vector
from avow.prover.systems.sumcheck.wiring import Cells

_TYPES = (np.dtype(np.int8), np.dtype(np.int16), np.dtype(np.int32), np.dtype(np.int64))


@dataclass(frozen=True, slots=True)
class Block:
    """Rows from number `first` on, as a 2-D array."""

    first: int
    cells: Cells


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

    def write(self, target: Frs, at: int) -> None:
        """Write all cells, row by row, into a vector of field elements."""
        for block in self.blocks:
            width = block.cells.shape[1]
            target.set_range(at + block.first * width, vector(block.cells.reshape(-1)))

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
        dtype = np.dtype(object) if types[start] == len(_TYPES) else _TYPES[types[start]]
        blocks.append(Block(start, np.zeros((stop - start, width), dtype)))
    rows = Rows(count, tuple(blocks))
    for offset, cells in columns:
        rows.column(offset, len(cells))[:] = cells
    return rows


def _kind(cells: Cells) -> int:
    if cells.dtype == object:
        return len(_TYPES)
    low, high = int(cells.min()), int(cells.max())
    return next(
        number
        for number, dtype in enumerate(_TYPES)
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max
    )


def _part(weights: Frs, block: Block) -> Frs:
    rows = len(block.cells)
    if block.first == 0 and rows == len(weights):
        return weights
    return weights.gather(np.arange(block.first, block.first + rows, dtype=np.int32))
