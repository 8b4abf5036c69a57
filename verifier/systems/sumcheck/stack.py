"""Where every committed column stands: three matrices of rows, one above the other.

Rows have 2^logrows entries and are committed one by one. Entry i of the stack is in row i >> logrows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from avow.verifier.relation.relation import Kind, Relation


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows from `first_row` on; `places` are (column, its first entry inside the matrix).

    A column is known by its number in the relation, a helper by its place in `helpers`.
    """

    first_row: int
    rows: int
    places: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Stack:
    """Key, witness and helper matrix; `logsize` is the number of variables of the whole."""

    matrices: tuple[Matrix, Matrix, Matrix]
    logrows: int
    logsize: int


def helpers(relation: Relation) -> list[int]:
    """Number of variables of every helper column: one for each table, then for each lookup."""
    return [group.live.variables for group in (*relation.tables, *relation.lookups)]


def stack(relation: Relation, logrows: int) -> Stack:
    """Place all columns, those of a matrix by decreasing size: each at a multiple of its own."""
    numbered = list(enumerate(relation.columns))
    kinds = [
        [(number, column.variables) for number, column in numbered if column.kind is kind]
        for kind in (Kind.KEY, Kind.WITNESS)
    ]
    matrices: list[Matrix] = []
    end = 0
    for columns in (*kinds, list(enumerate(helpers(relation)))):
        matrix = _matrix(columns, end, logrows)
        matrices.append(matrix)
        end = matrix.first_row + matrix.rows
    key, witness, helper = matrices
    return Stack((key, witness, helper), logrows, logrows + max(end - 1, 0).bit_length())


def _matrix(columns: Sequence[tuple[int, int]], row: int, logrows: int) -> Matrix:
    columns = sorted(columns, key=lambda column: -column[1])
    places, at = [], 0
    for number, variables in columns:
        places.append((number, at))
        at += 2**variables
    # Starting at a multiple of the largest column aligns all of them.
    unit = 2 ** max(columns[0][1] - logrows, 0) if columns else 1
    return Matrix(-(-row // unit) * unit, -(-at >> logrows) if at else 0, tuple(places))
