"""A matrix of columns as rows of integers, each run of rows in the narrowest type."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from avow.circuits.sumcheck.matrix import Block
from avow.prover.native._core import Bases, Frs, contract, fold_ints, fold_rows, outer_add
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
        return commit(bases, [block.cells for block in self.blocks])

    def parts(self, cells: int) -> Iterator[list[Cells]]:
        """All rows in their order, as matrices: at most so many cells at once, or one row."""
        part: list[Cells] = []
        left = cells
        for block in self.blocks:
            width = block.cells.shape[1]
            at = 0
            while at < len(block.cells):
                if part and left < width:
                    yield part
                    part, left = [], cells
                taken = min(len(block.cells) - at, max(1, left // width))
                part.append(block.cells[at : at + taken])
                at, left = at + taken, left - taken * width
        if part:
            yield part

    def fold(self, weights: Frs, target: Frs) -> None:
        """Add sum_i weights[i] row_i to `target`; a weight for each row of this matrix."""
        for block in self.blocks:
            part = _part(weights, block)
            if block.cells.dtype == object:
                for number, row in enumerate(block.cells):
                    outer_add(target, 0, part.at(number), [vector(row)])
            elif len(target) == block.cells.shape[1]:
                target.addmul(fold_ints(block.cells, part), 1)
            else:
                outer_add(target, 0, 1, [fold_ints(block.cells, part)])

    def sum_strips(self, weights: Frs, target: Frs, first: int, strips: int) -> None:
        """Write the sum of weights[k] * cell k for each of the first `strips` strips of every row.

        A strip has as many cells as there are weights; cells that a row lacks are zero. The sums
        of row i are in `target` from place (first + i) * strips on.
        """
        for block in self.blocks:
            rows, width = block.cells.shape
            taken = min(width, strips * len(weights))
            length = min(taken, len(weights))
            cells = np.ascontiguousarray(block.cells[:, :taken]).reshape(-1, length)
            own = weights if length == len(weights) else head(weights, length)
            if cells.dtype == object:
                sums = vector(np.array([dot(own, strip) for strip in cells], object))
            else:
                sums = fold_rows(cells, own)
            place_sums(sums, rows, target, first + block.first, strips)

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


def head(vector: Frs, count: int) -> Frs:
    """The first elements of a vector."""
    return vector.gather(np.arange(count, dtype=np.int32))


def place_sums(sums: Frs, rows: int, target: Frs, first: int, strips: int) -> None:
    """Put the sums of each row's strips in their places, zeros where a row has fewer strips."""
    own = len(sums) // rows
    if own < strips:
        places = np.full((rows, strips), -1, np.int32)
        places[:, :own] = np.arange(len(sums), dtype=np.int32).reshape(rows, own)
        sums = sums.gather(places.reshape(-1))
    target.set_range(first * strips, sums)


def sum_pieces(values: Frs, weights: Frs) -> Frs:
    """As `fold_rows`, of field elements; a single piece may be shorter than the weights."""
    length = min(len(values), len(weights))
    every = np.arange(length, dtype=np.int32)
    own = weights if length == len(weights) else weights.gather(every)
    return contract(values, len(values) // length, 1, 1, length, np.zeros_like(every), every, own)


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
