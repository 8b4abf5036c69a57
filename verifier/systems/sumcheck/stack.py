"""Where every committed column stands: three matrices of rows, one above the other.

Rows have 2^logrows entries and are committed one by one; entry i is in row i >> logrows.
"""

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
    lives = [group.live for group in relation.tables] + [group.live for group in relation.lookups]
    return [live.variables for live in lives]


def stack(relation: Relation, logrows: int) -> Stack:
    """Place all columns, those of a matrix by decreasing size: each at a multiple of its own."""
    sizes: dict[Kind, list[tuple[int, int]]] = {Kind.KEY: [], Kind.WITNESS: [], Kind.PUBLIC: []}
    for number, column in enumerate(relation.columns):
        sizes[column.kind].append((number, column.variables))
    matrices, end = [], 0
    for columns in (sizes[Kind.KEY], sizes[Kind.WITNESS], list(enumerate(helpers(relation)))):
        columns.sort(key=lambda column: -column[1])
        # Starting at a multiple of the largest column aligns all of them.
        unit = 2 ** max(columns[0][1] - logrows, 0) if columns else 1
        first, at, places = -(-end // unit) * unit, 0, []
        for number, variables in columns:
            places.append((number, at))
            at += 2**variables
        matrices.append(Matrix(first, -(-at >> logrows), tuple(places)))
        end = first + matrices[-1].rows
    key, witness, helper = matrices
    return Stack((key, witness, helper), logrows, logrows + max(end - 1, 0).bit_length())
