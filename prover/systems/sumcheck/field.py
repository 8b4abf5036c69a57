"""Integers on their way into the field: cells as vectors, digests and points as words."""

from collections.abc import Iterable, Sequence

import numpy as np

from avow.prover.native._core import Bases, Frs, Integers, Lazy
from avow.prover.systems.sumcheck.wiring import Cells
from avow.verifier.bn254 import curve_order

R = curve_order


def vector(cells: Cells) -> Frs:
    """The cells as field elements."""
    if cells.dtype == object:
        return Frs.of_bytes(b"".join(int(cell % R).to_bytes(32, "little") for cell in cells))
    return Frs.of_ints(cells)


def factor(cells: Cells) -> Frs | Lazy:
    """The cells as a sumcheck takes them: integers stay integers until it has halved them."""
    return vector(cells) if cells.dtype == object else Integers(cells)


def dot(weights: Frs, cells: Cells) -> int:
    """sum of weight * cell."""
    return weights.dot(vector(cells)) if cells.dtype == object else weights.dot_ints(cells)


def constant(value: int, count: int) -> Frs:
    """A vector of equal elements, not zero."""
    return Frs.of_ints(np.zeros(count, np.int8), offset=value % R)


def words(values: Iterable[int]) -> bytes:
    """Field elements as the transcript and the proof take them."""
    return b"".join(value.to_bytes(32, "big") for value in values)


def commit(bases: Bases, matrices: Sequence[Cells]) -> list[bytes]:
    """The commitment of every row of some matrices, each of one type."""
    if all(matrix.dtype != object for matrix in matrices):
        return bases.commit_matrices(list(matrices))
    points: list[bytes] = []
    for matrix in matrices:
        if matrix.dtype == object:
            points += [bases.commit(vector(row)) for row in matrix]
        else:
            points += bases.commit_ints(matrix)
    return points
