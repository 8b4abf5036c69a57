"""Commitments against points of known logarithm, by every backend and number of threads."""

import random
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.prover.native import _core
from tests.native.group import IDENTITY, R, combination, packed, point

SPECIAL = [0, 1, 2, R - 1, R - 2, (R - 1) // 2, (R + 1) // 2, 2**64, 2**253, 3**100]
INTEGERS = (np.int8, np.int16, np.int32, np.int64)


@cache
def logarithms(count: int) -> list[int]:
    chosen = random.Random(count)
    return [chosen.randrange(1, R) for _ in range(count)]


def bases(logs: list[int]) -> _core.Bases:
    return _core.Bases(_core.multiples(packed(logs)))


def scalars(count: int, seed: int) -> list[int]:
    chosen = random.Random(seed)
    return [
        chosen.choice([chosen.randrange(R), chosen.randrange(R), chosen.choice(SPECIAL)])
        for _ in range(count)
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 63, 500, 5000])
def test_random_scalars(backend: str, threads: int, count: int) -> None:
    logs, values = logarithms(count), scalars(count, count)
    own, expected = bases(logs), combination(values, logs)
    assert own.commit_bytes(packed(values)) == expected
    assert own.commit(_core.Frs.of_bytes(packed(values))) == expected


@pytest.mark.parametrize("value", SPECIAL)
def test_one_scalar_everywhere(backend: str, value: int) -> None:
    logs = logarithms(50)
    assert bases(logs).commit_bytes(packed([value % R] * 50)) == combination([value] * 50, logs)


def test_fewer_scalars_than_points(backend: str) -> None:
    logs = logarithms(50)
    assert bases(logs).commit_bytes(packed([5, 6])) == combination([5, 6], logs)
    assert bases(logs).commit_bytes(b"") == IDENTITY


# Points that repeat and cancel are in no honest reference string, and must be summed rightly.
HOSTILE = {
    "all the same": [1] * 40,
    "each with its negative": [1, R - 1] * 20,
    "a few, repeated": [1, 2, R - 2, 3, R - 3] * 8,
    "multiples": list(range(1, 41)),
    "powers of two": [2**i for i in range(40)],
}


@pytest.mark.parametrize("logs", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("seed", range(3))
def test_points_that_repeat_and_cancel(backend: str, logs: list[int], seed: int) -> None:
    own = bases(logs)
    chosen = random.Random(seed)
    for values in (
        [1] * 40,
        [R - 1] * 40,
        [1, R - 1] * 20,
        [chosen.choice([0, 1, 2, R - 1, R - 2]) for _ in logs],
        scalars(40, seed),
    ):
        assert own.commit_bytes(packed(values)) == combination(values, logs)
    rows = np.array([[chosen.randrange(-2, 3) for _ in logs] for _ in range(4)], dtype=np.int8)
    assert own.commit_ints(rows) == [combination(row.tolist(), logs) for row in rows]


def test_a_long_batch_with_one_cancelling_pair(backend: str) -> None:
    # The pair lies in the middle of a full batch, which its zero denominator must not spoil.
    logs = list(logarithms(3000))
    logs[1701] = R - logs[1700]
    rows = np.ones((1, 3000), dtype=np.int8)
    assert bases(logs).commit_ints(rows) == [point(sum(logs))]
    logs[1701] = logs[1700]
    assert bases(logs).commit_ints(rows) == [point(sum(logs))]


@pytest.mark.parametrize("kind", INTEGERS)
def test_integers_of_every_size(backend: str, threads: int, kind: type[np.signedinteger]) -> None:
    logs = logarithms(150)
    limits = np.iinfo(kind)
    rows = np.random.default_rng(1).integers(
        limits.min, limits.max, size=(6, 150), dtype=kind, endpoint=True
    )
    rows[1], rows[2], rows[3], rows[4] = limits.min, limits.max, 0, 1
    rows[5, ::2] = 0
    assert bases(logs).commit_ints(rows) == [combination(row.tolist(), logs) for row in rows]


@pytest.mark.parametrize("bits", [1, 2, 5, 9, 12, 15, 16, 17, 24, 33, 48, 62, 63])
def test_every_width_of_the_actual_values(backend: str, bits: int) -> None:
    logs = logarithms(150)
    most = 2**bits - 1
    rows = np.random.default_rng(bits).integers(-most, most, size=(2, 150), endpoint=True)
    rows[:, :2] = [most, -most]
    assert bases(logs).commit_ints(rows) == [combination(row.tolist(), logs) for row in rows]


def test_many_rows_in_several_steps(backend: str, threads: int) -> None:
    logs = logarithms(1000)
    rows = np.random.default_rng(3).integers(-100, 100, size=(40, 1000)).astype(np.int8)
    expected = [combination(row.tolist(), logs) for row in rows]
    assert bases(logs).commit_ints(rows) == expected


def test_no_rows_and_no_columns(backend: str) -> None:
    own = bases(logarithms(5))
    assert own.commit_ints(np.zeros((0, 5), dtype=np.int8)) == []
    assert own.commit_ints(np.zeros((2, 0), dtype=np.int64)) == [IDENTITY] * 2
    assert own.commit_values_bytes(np.zeros((0, 5), dtype=np.int32), b"") == []
    assert own.commit_values_bytes(np.zeros((2, 0), dtype=np.int32), b"") == [IDENTITY] * 2


@pytest.mark.parametrize("distinct", [1, 2, 30, 5000])
def test_rows_by_value(backend: str, threads: int, distinct: int) -> None:
    logs = logarithms(1000)
    values = scalars(distinct, distinct)
    indices = np.random.default_rng(4).integers(-1, distinct, size=(5, 1000)).astype(np.int32)
    indices[1], indices[2] = -1, distinct - 1
    expected = [
        combination([values[i] if i >= 0 else 0 for i in row], logs) for row in indices.tolist()
    ]
    own = bases(logs)
    assert own.commit_values_bytes(indices, packed(values)) == expected
    assert own.commit_values(indices, _core.Frs.of_bytes(packed(values))) == expected


def test_values_whose_points_cancel(backend: str) -> None:
    logs = [1, R - 1] * 20
    indices = np.array([[0] * 40, [0, 0, 1, 1] * 10, [0, 1] * 20], dtype=np.int32)
    assert bases(logs).commit_values_bytes(indices, packed([5, 7])) == [
        IDENTITY,
        IDENTITY,
        point(20 * 5 - 20 * 7),
    ]


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, R - 1)), min_size=1, max_size=30),
    st.integers(0, 2**16),
)
def test_backends_agree_on_any_input(terms: list[tuple[int, int]], seed: int) -> None:
    logs = [logarithm for logarithm, _ in terms]
    values = [scalar for _, scalar in terms]
    row = np.random.default_rng(seed).integers(-(2**63), 2**63, size=(2, len(terms)))
    expected = combination(values, logs), [combination(one.tolist(), logs) for one in row]
    before = _core.backend()
    try:
        for name in _core.backends():
            _core.set_backend(name)
            own = bases(logs)
            assert (own.commit_bytes(packed(values)), own.commit_ints(row)) == expected
    finally:
        _core.set_backend(before)


def test_points_keep_the_backend_that_read_them() -> None:
    logs, values = logarithms(50), scalars(50, 1)
    before = _core.backend()
    try:
        for first in _core.backends():
            _core.set_backend(first)
            own = bases(logs)
            for second in _core.backends():
                _core.set_backend(second)
                assert own.commit_bytes(packed(values)) == combination(values, logs)
    finally:
        _core.set_backend(before)
