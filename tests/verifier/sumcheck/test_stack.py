"""Every committed column has a place of its own, at a multiple of its size."""

from random import Random

import pytest

from avow.verifier.relation.relation import Kind
from avow.verifier.relation.views import bits
from avow.verifier.systems.sumcheck.frame import frame
from avow.verifier.systems.sumcheck.stack import helpers, stack
from tests.programs.builder import random_program
from tests.relation.evaluation import relation_of


@pytest.mark.parametrize("seed", range(20))
def test_columns_do_not_overlap_and_are_aligned(seed: int) -> None:
    rng = Random(seed)
    program, blobs = random_program(seed)
    relation = relation_of(program, blobs, rng.randint(1, 6), rng.randint(1, 3))
    logrows = rng.randint(4, 9)
    placed = stack(relation, logrows)
    starts = frame(relation, logrows).starts
    sizes = {number: column.variables for number, column in enumerate(relation.columns)}
    sizes |= dict(enumerate(helpers(relation), len(relation.columns)))
    taken: set[int] = set()
    for kind, matrix in zip((Kind.KEY, Kind.WITNESS, None), placed.matrices, strict=True):
        first = len(relation.columns) if kind is None else 0
        rows = range(matrix.first_row, matrix.first_row + matrix.rows)
        for number, at in matrix.places:
            length = logrows if kind is Kind.KEY else placed.logrows
            start = (matrix.first_row << length) + at
            cells = range(start, start + 2 ** sizes[first + number])
            assert starts[first + number] == start
            assert start % len(cells) == 0
            assert cells[0] >> length in rows and cells[-1] >> length in rows
            # The key's entries are the first ones of the stack's rows.
            found = {(at >> length << placed.logrows) + at % 2**length for at in cells}
            assert not taken & found
            taken |= found
            if kind is not None:
                assert relation.columns[number].kind is kind
    assert len(starts) == len(sizes) - sum(c.kind is Kind.PUBLIC for c in relation.columns)
    assert max(taken) < 2**placed.logsize
    rows_used = sum(matrix.rows for matrix in placed.matrices)
    assert 2 ** (placed.logsize - placed.logrows) >= rows_used
    assert placed.logrows == logrows + bits(relation.batch)
    # A batch's own row is the last one, where no column is.
    last = placed.matrices[2].first_row + placed.matrices[2].rows - 1
    free = all(at >> placed.logrows != last for at in taken)
    assert free or relation.batch == 1


def test_the_key_matrix_does_not_depend_on_the_batch() -> None:
    program, blobs = random_program(3)
    one, two = (stack(relation_of(program, blobs, 4, batch), 4) for batch in (1, 2))
    assert one.matrices[0].rows == two.matrices[0].rows
    offsets = [[at for _, at in placed.matrices[0].places] for placed in (one, two)]
    assert offsets[0] == offsets[1]
