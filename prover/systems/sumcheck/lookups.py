"""The helper columns of the lookups: inverses, made once for each row of a table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avow.prover.native._core import Frs, contract
from avow.prover.systems.sumcheck.field import R, constant, vector
from avow.prover.systems.sumcheck.prepared import Prepared
from avow.prover.systems.sumcheck.wiring import Cells, Indices


@dataclass(frozen=True, slots=True)
class Helpers:
    """Helper columns and what they are the inverses of, tables first, then lookups.

    `matrix` holds the columns as they are placed, `rows` their commitments.
    """

    columns: tuple[Frs, ...]
    denominators: tuple[Frs, ...]
    matrix: Frs
    rows: tuple[bytes, ...]

    def fold(self, weights: Frs, target: Frs) -> None:
        """Add sum_i weights[i] row_i to `target`."""
        target.addmul(_contract(self.matrix, weights, 1, len(target)), 1)

    def sum_strips(self, weights: Frs, target: Frs, at: int) -> None:
        """As `Rows.sum_strips`."""
        strips = len(self.matrix) // len(weights)
        target.set_range(at, _contract(self.matrix, weights, strips, 1))


def fingerprint(components: Sequence[Cells], alpha: int, lam: int) -> Frs:
    """alpha + sum_i lam^i component_i, cell by cell."""
    total = constant(alpha, len(components[0]))
    for power, component in enumerate(components):
        total.addmul(vector(component), pow(lam, power, R))
    return total


def make_helpers(
    prepared: Prepared,
    counts: Sequence[Cells],
    rows: Sequence[Indices],
    alpha: int,
    lam: int,
) -> Helpers:
    """Invert every row of every table, and gather the inverses where they are looked up.

    `counts` are the multiplicities of each table, `rows` the row of each cell of each lookup, -1
    where it is dead. Equal helpers are committed by adding up the points that they multiply.
    """
    denominators = [fingerprint(table, alpha, lam) for table in prepared.rows]
    inverses = [denominator.inverse() for denominator in denominators]
    weighted = [inverse.mul(vector(count)) for inverse, count in zip(inverses, counts, strict=True)]
    values = _joined([*inverses, *weighted])
    total = sum(len(inverse) for inverse in inverses)
    below = _joined([*denominators, constant(alpha, 1)])
    placed: list[Indices] = [
        np.arange(total + start, total + start + len(column), dtype=np.int32)
        for start, column in zip(prepared.starts, weighted, strict=True)
    ]
    denominators_of = list(denominators)
    for lookup, row in zip(prepared.plan.lookups, rows, strict=True):
        start = prepared.starts[lookup.table]
        placed.append(np.where(row < 0, row, row + np.int32(start)))
        # A dead cell's fingerprint is zero, whatever the table's first row holds.
        denominators_of.append(below.gather(np.where(row < 0, np.int32(total), placed[-1])))
    matrix = prepared.stack.matrices[2]
    index = np.full(matrix.rows << prepared.key.logrows, -1, np.int32)
    for number, offset in matrix.places:
        index[offset : offset + len(placed[number])] = placed[number]
    committed = prepared.bases.commit_values(index.reshape(matrix.rows, -1), values)
    return Helpers(
        columns=(*weighted, *(values.gather(each) for each in placed[len(weighted) :])),
        denominators=tuple(denominators_of),
        matrix=values.gather(index),
        rows=tuple(committed),
    )


def _joined(vectors: Sequence[Frs]) -> Frs:
    whole = Frs.zeros(sum(len(each) for each in vectors))
    at = 0
    for each in vectors:
        whole.set_range(at, each)
        at += len(each)
    return whole


def _contract(values: Frs, weights: Frs, outer: int, inner: int) -> Frs:
    every = np.arange(len(weights), dtype=np.int32)
    return contract(values, outer, inner, 1, len(weights), np.zeros_like(every), every, weights)
