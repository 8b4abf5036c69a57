"""A key's rows are commitments to exactly the program's constants, at their places."""

import numpy as np
import pytest

from avow.circuits.errors import CircuitError
from avow.circuits.powers import Powers, read_powers
from avow.circuits.sumcheck.artifact import load
from avow.circuits.sumcheck.key import commit_rows, draft_key
from avow.circuits.sumcheck.matrix import key_blocks, padded
from avow.verifier.relation.relation import Column, Constant, Kind
from avow.verifier.relation.views import bits
from avow.verifier.systems.sumcheck.stack import stack
from tests.circuits.plain_curve import PlainCurve
from tests.circuits.sumcheck.small import CURVE, HOME, compiled


def string() -> Powers:
    """The string that the artifact was made with."""
    made = compiled()
    powers = made.plan.logrows + (made.batch - 1).bit_length()
    return read_powers(HOME / "srs" / f"unsafe-{powers}.srs")


def powers_of(logrows: int) -> bytes:
    """The powers that the artifact was made with, cut off."""
    compiled()
    return string().first(logrows)


@pytest.mark.parametrize("logrows", [5, 6, 8])
def test_rows_are_the_constants_at_their_places(logrows: int) -> None:
    loaded = load(compiled().artifact)
    relation = loaded.key.relation(1)
    placed = stack(relation, logrows)
    matrix = placed.matrices[0]
    whole = np.zeros((matrix.rows, 2**logrows), np.int64)
    seen = set()
    for block in key_blocks(relation, loaded.blobs, placed):
        rows = range(block.first, block.first + len(block.cells))
        assert not seen & set(rows)
        seen |= set(rows)
        whole[block.first : block.first + len(block.cells)] = block.cells
    assert seen == set(range(matrix.rows))
    flat = whole.reshape(-1)
    used = np.zeros(len(flat), bool)
    for number, offset in matrix.places:
        column = relation.columns[number]
        assert isinstance(column.source, Constant)
        values = loaded.blobs[column.source.blob].values()
        strides = [2 ** bits(length) for length in column.lengths]
        for index, value in enumerate(values):
            cell, rest = 0, index
            places = []
            for length in reversed(column.lengths):
                rest, place = divmod(rest, length)
                places.append(place)
            for stride, place in zip(strides, reversed(places), strict=True):
                cell = cell * stride + place
            assert flat[offset + cell] == value
            used[offset + cell] = True
    assert not flat[~used].any()


def test_both_curves_make_the_same_key() -> None:
    loaded = load(compiled().artifact)
    relation = loaded.key.relation(1)
    plain = commit_rows(relation, loaded.blobs, powers_of(5)[: 64 * 32], 5, PlainCurve())
    native = commit_rows(relation, loaded.blobs, powers_of(5), 5, CURVE)
    assert plain == native


def test_every_constant_changes_the_key() -> None:
    loaded = load(compiled().artifact)
    powers = string()
    width, logrows = loaded.key.width, loaded.key.logrows
    draft = draft_key(loaded.program, loaded.blobs)
    relation = draft.relation(width, 1)
    rows = commit_rows(relation, loaded.blobs, powers.first(logrows), logrows, CURVE)
    assert draft.key(width, logrows, rows, powers.tau_g2) == loaded.key
    for number, blob in enumerate(loaded.blobs):
        data = bytes([blob.data[0] ^ 1]) + blob.data[1:]
        changed = [*loaded.blobs]
        changed[number] = type(blob)(blob.element_type, blob.shape, data)
        rows = commit_rows(relation, changed, loaded.powers, loaded.key.logrows, CURVE)
        assert rows != list(loaded.key.rows), number


def test_points_off_the_curve_are_refused() -> None:
    loaded = load(compiled().artifact)
    relation = loaded.key.relation(1)
    bad = loaded.powers[:-1] + bytes([loaded.powers[-1] ^ 1])
    with pytest.raises(CircuitError, match="cannot be used"):
        commit_rows(relation, loaded.blobs, bad, loaded.key.logrows, CURVE)


def test_only_constants_stand_in_a_key() -> None:
    column = next(
        column
        for column in load(compiled().artifact).key.relation(1).columns
        if column.kind is not Kind.KEY
    )
    with pytest.raises(TypeError, match="column of constants"):
        padded(Column(Kind.KEY, column.lengths, column.source), [])
