"""Reading the points of a reference string: both forms, and everything that is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.prover.native import _core
from tests.native.group import Q, R, coordinates, packed, point, stored

LOGARITHMS = [1, 2, 3, R - 1, 77, 2**200]
POINTS = b"".join(map(stored, LOGARITHMS))


def unit(at: int) -> bytes:
    return packed([int(i == at) for i in range(len(LOGARITHMS))])


def test_both_forms_are_the_same_points(backend: str, threads: int) -> None:
    little = _core.Bases(POINTS)
    big = _core.Bases.of_canonical(b"".join(map(point, LOGARITHMS)))
    assert len(little) == len(big) == len(LOGARITHMS)
    for at, logarithm in enumerate(LOGARITHMS):
        assert little.commit_bytes(unit(at)) == point(logarithm) == big.commit_bytes(unit(at))


def test_many_points_are_read_by_several_threads(backend: str, threads: int) -> None:
    count = 1000
    bases = _core.Bases(POINTS[:64] * count)
    ones = np.ones((1, count), dtype=np.int8)
    assert bases.commit_ints(ones) == [point(count)]
    broken = bytearray(POINTS[:64] * count)
    broken[64 * 700 + 3] ^= 1
    broken[64 * 999 + 3] ^= 1
    with pytest.raises(ValueError, match=r"points of the curve, got something else at 700$"):
        _core.Bases(bytes(broken))


@pytest.mark.parametrize("data", [b"", bytes(63), POINTS[:-1], POINTS + b"\0"])
def test_a_wrong_length_is_refused(data: bytes) -> None:
    for read in (_core.Bases, _core.Bases.of_canonical):
        with pytest.raises(ValueError, match=f"points of 64 bytes, got {len(data)} bytes"):
            read(data)


def montgomery(x: int, y: int) -> bytes:
    return packed([x * 2**256 % Q, y * 2**256 % Q])


X, Y = coordinates(5)


@pytest.mark.parametrize(
    "wrong",
    [
        bytes(64),
        b"\xff" * 64,
        montgomery(X, Y + 1),
        montgomery(X + 1, Y),
        # The same residues, but not below the prime.
        packed([X * 2**256 % Q + Q, Y * 2**256 % Q]),
        packed([X * 2**256 % Q, Y * 2**256 % Q + Q]),
        # Canonical where Montgomery is expected.
        packed([X, Y]),
    ],
)
def test_what_is_no_point_is_named(backend: str, wrong: bytes) -> None:
    with pytest.raises(ValueError, match=r"points of the curve, got something else at 2$"):
        _core.Bases(POINTS[:128] + wrong + POINTS[128:])
    with pytest.raises(ValueError, match=r"points of the curve, got something else at 0$"):
        _core.Bases.of_canonical(wrong)


@given(st.binary(min_size=64, max_size=64), st.integers(0, len(LOGARITHMS) - 1))
def test_random_points_are_refused(data: bytes, at: int) -> None:
    # One in four random pairs of coordinates is in range; none is on the curve.
    damaged = POINTS[: 64 * at] + data + POINTS[64 * at + 64 :]
    with pytest.raises(ValueError, match=f"got something else at {at}$"):
        _core.Bases(damaged)


@given(st.integers(0, 8 * len(POINTS) - 1))
def test_any_flipped_bit_is_noticed(bit: int) -> None:
    damaged = bytearray(POINTS)
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ValueError, match=f"got something else at {bit // 512}$"):
        _core.Bases(bytes(damaged))


@given(st.binary(max_size=200))
def test_any_bytes_are_points_or_refused(data: bytes) -> None:
    for read in (_core.Bases, _core.Bases.of_canonical):
        with pytest.raises(ValueError, match="bases: expected points"):
            read(data)


def test_more_values_than_points_are_refused() -> None:
    bases = _core.Bases(POINTS)
    for too_long in (
        lambda: bases.commit_bytes(bytes(32 * 7)),
        lambda: bases.commit_ints(np.zeros((2, 7), dtype=np.int16)),
        lambda: bases.commit_matrices([np.zeros((2, 3), np.int8), np.zeros((2, 7), np.int16)]),
        lambda: bases.commit_values_bytes(np.zeros((2, 7), dtype=np.int32), bytes(32)),
    ):
        with pytest.raises(ValueError, match="at most 6 values in a row, got 7"):
            too_long()


@pytest.mark.parametrize("scalars", [bytes(31), packed([1, R]), b"\xff" * 32])
def test_wrong_scalars_are_refused(scalars: bytes) -> None:
    bases = _core.Bases(POINTS)
    with pytest.raises(ValueError, match=r"scalars: expected"):
        bases.commit_bytes(scalars)
    with pytest.raises(ValueError, match=r"scalars: expected"):
        bases.commit_values_bytes(np.zeros((1, 1), dtype=np.int32), scalars)


@pytest.mark.parametrize("index", [-2, 2, 2**31 - 1, -(2**31)])
def test_an_index_outside_the_values_is_refused(index: int) -> None:
    indices = np.array([[0, 1, index]], dtype=np.int32)
    with pytest.raises(ValueError, match=f"indices: expected -1 to 1, got {index}"):
        _core.Bases(POINTS).commit_values_bytes(indices, packed([3, 4]))


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((1, 2), dtype=np.uint8),
        np.zeros((1, 2), dtype=np.float64),
        np.zeros(2, dtype=np.int8),
        np.zeros((1, 2, 1), dtype=np.int8),
        [[1, 2]],
    ],
)
def test_another_kind_of_array_is_refused(rows: object) -> None:
    with pytest.raises(TypeError):
        _core.Bases(POINTS).commit_ints(rows)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="commit_matrices: expected"):
        _core.Bases(POINTS).commit_matrices([np.zeros((1, 2), np.int8), rows])  # type: ignore[list-item]


def test_matrices_at_once_are_as_one_by_one(backend: str, threads: int) -> None:
    bases, rng = _core.Bases(POINTS), np.random.default_rng(1)
    shapes = [("i1", 3, 6), ("i8", 1, 2), ("i2", 0, 6), ("i4", 5, 4), ("i1", 2, 1)]
    matrices = []
    for name, rows, columns in shapes:
        reach = np.iinfo(name)
        values = rng.integers(reach.min, reach.max, (rows, columns), name, endpoint=True)
        values[:1] = reach.min
        matrices.append(values)
    alone = [one for matrix in matrices for one in bases.commit_ints(matrix)]
    assert bases.commit_matrices(matrices) == alone
    assert len(alone) == 11
    assert bases.commit_matrices([]) == []
