"""Where every committed column stands: three matrices of rows, one above the other.

Rows have 2^logrows entries and are committed one by one; entry i is in row i >> logrows. A
batch's rows are longer than the key's, which are its rows' first entries: all others are zero.
"""

from dataclasses import dataclass

from avow.verifier.relation.relation import Kind, Relation
from avow.verifier.relation.views import bits


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
    """Key, witness and helper matrix; `logsize` is the number of variables of the whole.

    Places in the key matrix count its own rows, of 2^`key_logrows` entries.
    """

    matrices: tuple[Matrix, Matrix, Matrix]
    key_logrows: int
    logrows: int
    logsize: int


def helpers(relation: Relation) -> list[int]:
    """Number of variables of every helper column: one for each table, then for each lookup."""
    return [] if relation.layered else [group.live.variables for group in relation.groups]


def stack(relation: Relation, key_logrows: int) -> Stack:
    """Place all columns, those of a matrix by decreasing size: each at a multiple of its own.

    In a batch the helper matrix has one more row, the last: that of `batch.py`.
    """
    logrows = key_logrows + bits(relation.batch)
    sizes: dict[Kind, list[tuple[int, int]]] = {Kind.KEY: [], Kind.WITNESS: [], Kind.PUBLIC: []}
    for number, column in enumerate(relation.columns):
        sizes[column.kind].append((number, column.variables))
    matrices: list[Matrix] = []
    end = 0
    every = (sizes[Kind.KEY], sizes[Kind.WITNESS], list(enumerate(helpers(relation))))
    for columns, length in zip(every, (key_logrows, logrows, logrows), strict=True):
        columns.sort(key=lambda column: -column[1])
        # Starting at a multiple of the largest column aligns all of them.
        unit = 2 ** max(columns[0][1] - length, 0) if columns else 1
        first, at, places = -(-end // unit) * unit, 0, []
        for number, variables in columns:
            places.append((number, at))
            at += 2**variables
        rows = -(-at >> length) + (len(matrices) == 2 and relation.batch > 1)
        matrices.append(Matrix(first, rows, tuple(places)))
        end = first + rows
    key, witness, helper = matrices
    logsize = logrows + max(end - 1, 0).bit_length()
    return Stack((key, witness, helper), key_logrows, logrows, logsize)
