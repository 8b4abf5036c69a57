"""The helper columns of the lookups: inverses, made once for each row of a table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from avow.prover.native._core import Frs, outer_add
from avow.prover.systems.sumcheck.field import R, constant, vector
from avow.prover.systems.sumcheck.prepared import Prepared
from avow.prover.systems.sumcheck.rows import sum_pieces
from avow.prover.systems.sumcheck.wiring import Cells, Indices

# Shorter strips are not worth vectors of their own.
_SHORT = 10
# Rows between two moments at which the work can be cancelled.
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Helpers:
    """Helper columns and what they are the inverses of, tables first, then lookups.

    `matrix` holds the columns as they are placed, cut in equal pieces, each a strip or a row, and
    `heads` each row's first entries, as many as a row of the key has, where those are fewer.
    `rows` are the commitments.
    """

    columns: tuple[Frs, ...]
    denominators: tuple[Frs, ...]
    matrix: tuple[Frs, ...]
    heads: tuple[Frs, ...]
    rows: tuple[bytes, ...]

    def fold(self, weights: Frs, target: Frs) -> None:
        """Add sum_i weights[i] row_i to `target`."""
        for number, piece in enumerate(self.matrix):
            row, at = divmod(number * len(piece), len(target))
            outer_add(target, at, weights.at(row), [piece])

    def sum_strips(self, weights: Frs, target: Frs, first: int, strips: int) -> None:
        """As `Rows.sum_strips`."""
        at = first * strips
        short = self.heads and len(self.heads[0]) == strips * len(weights)
        pieces = self.heads if short else self.matrix
        if len(pieces[0]) == len(weights):
            sums = (piece.dot(weights).to_bytes(32, "little") for piece in pieces)
            target.set_range(at, Frs.of_bytes(b"".join(sums)))
            return
        for piece in pieces:
            found = sum_pieces(piece, weights)
            target.set_range(at, found)
            at += len(found)


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
    stack = prepared.stack
    matrix, logrows = stack.matrices[2], stack.logrows
    logstrip = prepared.plan.logstrip
    pieces = logstrip if logstrip > _SHORT else logrows
    count = matrix.rows - (prepared.batch > 1)
    index = np.full(count << logrows, -1, np.int32)
    for number, offset in matrix.places:
        index[offset : offset + len(placed[number])] = placed[number]
    places = index.reshape(count, -1)
    short = 2**stack.key_logrows if stack.key_logrows < logrows else 0
    committed: list[bytes] = []
    for at in range(0, count, _AT_ONCE):
        committed += prepared.bases.commit_values(places[at : at + _AT_ONCE], values)
        breathe()
    return Helpers(
        columns=(*weighted, *(values.gather(each) for each in placed[len(weighted) :])),
        denominators=tuple(denominators_of),
        matrix=tuple(values.gather(piece) for piece in index.reshape(-1, 2**pieces)),
        heads=tuple(values.gather(row[:short]) for row in places if short),
        rows=tuple(committed),
    )


def _joined(vectors: Sequence[Frs]) -> Frs:
    whole = Frs.zeros(sum(len(each) for each in vectors))
    at = 0
    for each in vectors:
        whole.set_range(at, each)
        at += len(each)
    return whole
