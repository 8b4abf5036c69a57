"""The helper columns of the lookups: inverses, made once for each row of a table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from avow.prover.native._core import Frs, Picked
from avow.prover.systems.sumcheck.field import R, constant, vector
from avow.prover.systems.sumcheck.prepared import Prepared
from avow.prover.systems.sumcheck.wiring import Cells, Indices

# Rows between two moments at which the work can be cancelled.
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Helpers:
    """Helper columns and what they are the inverses of, tables first, then lookups.

    `matrix` holds the columns as they are placed, row by row, and `heads` each row's first entries,
    as many as a row of the key has. `rows` are the commitments.
    """

    columns: tuple[Frs | Picked, ...]
    denominators: tuple[Frs | Picked, ...]
    matrix: Picked
    heads: Picked
    rows: tuple[bytes, ...]

    def fold(self, weights: Frs, target: Frs) -> None:
        """Add sum_i weights[i] row_i to `target`."""
        target.addmul(self.matrix.fold_rows(weights), 1)

    def sum_strips(self, weights: Frs, target: Frs, first: int, strips: int) -> None:
        """As `Rows.sum_strips`."""
        whole = len(self.matrix) == len(self.rows) * strips * len(weights)
        target.set_range(first * strips, (self.matrix if whole else self.heads).dots(weights))


def fingerprint(components: Sequence[Cells], alpha: int, lam: int, first: int = 0) -> Frs:
    """alpha + sum_i lam^(first + i) component_i, cell by cell."""
    total = constant(alpha, len(components[0]))
    for power, component in enumerate(components, first):
        total.addmul(vector(component), pow(lam, power, R))
    return total


def make_helpers(
    prepared: Prepared,
    counts: Sequence[Cells],
    rows: Sequence[Indices],
    challenges: tuple[int, int],
    breathe: Callable[[], None],
) -> Helpers:
    """Invert every row of every table, and gather the inverses where they are looked up.

    `counts` are the multiplicities of each table, `rows` the row of each cell of each lookup, -1
    where it is dead, `challenges` alpha and lambda. Equal helpers are committed by adding up the
    points that they multiply.
    """
    alpha, lam = challenges
    denominators = [fingerprint(table, alpha, lam) for table in prepared.rows]
    inverses = [denominator.inverse() for denominator in denominators]
    weighted = [inverse.mul(vector(count)) for inverse, count in zip(inverses, counts, strict=True)]
    values = joined([*inverses, *weighted])
    total = sum(len(inverse) for inverse in inverses)
    below = joined([*denominators, constant(alpha, 1)])
    placed: list[Indices] = [
        np.arange(total + start, total + start + len(column), dtype=np.int32)
        for start, column in zip(prepared.starts, weighted, strict=True)
    ]
    columns: list[Frs | Picked] = list(weighted)
    denominators_of: list[Frs | Picked] = list(denominators)
    for lookup, row in zip(prepared.plan.lookups, rows, strict=True):
        start = prepared.starts[lookup.table]
        placed.append(np.where(row < 0, row, row + np.int32(start)))
        column = Picked(values, placed[-1])
        columns.append(column)
        # A dead cell's fingerprint is zero, whatever the table's first row holds.
        denominators_of.append(column.of(below, total))
    stack = prepared.stack
    matrix, logrows = stack.matrices[2], stack.logrows
    count = matrix.rows - (prepared.batch > 1)
    index = np.full(count << logrows, -1, np.int32)
    for number, offset in matrix.places:
        index[offset : offset + len(placed[number])] = placed[number]
    places = index.reshape(count, -1)
    committed: list[bytes] = []
    for at in range(0, count, _AT_ONCE):
        committed += prepared.bases.commit_values(places[at : at + _AT_ONCE], values)
        breathe()
    inside = Picked(values, index)
    heads = inside
    if stack.key_logrows < logrows:
        heads = Picked(values, np.ascontiguousarray(places[:, : 2**stack.key_logrows]).reshape(-1))
    return Helpers(
        columns=tuple(columns),
        denominators=tuple(denominators_of),
        matrix=inside,
        heads=heads,
        rows=tuple(committed),
    )


def joined(vectors: Sequence[Frs]) -> Frs:
    """One behind the other."""
    whole = Frs.zeros(sum(len(each) for each in vectors))
    at = 0
    for each in vectors:
        whole.set_range(at, each)
        at += len(each)
    return whole
