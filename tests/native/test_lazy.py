"""Vectors that are not written out say the same as those that are."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from avow.prover.native import _core
from tests.native.scalars import LENGTHS, R, frs, ints, scalars
from tests.native.test_sumcheck import CHALLENGES, Definition, zero_definition

KINDS = [np.int8, np.int16, np.int32, np.int64]


def index_of(count: int, size: int, seed: int = 0) -> NDArray[np.int32]:
    """Indices, one in three of them -1."""
    source = random.Random(f"{count}-{seed}")
    found = [
        source.choice((-1, source.randrange(size), source.randrange(size))) for _ in range(count)
    ]
    return np.array(found, np.int32)


def taken(table: Sequence[int], index: NDArray[np.int32], rest: int = 0) -> list[int]:
    """What such a vector stands for."""
    return [table[at] if at >= 0 else rest for at in index]


@pytest.mark.parametrize("count", [*LENGTHS, 9001])
def test_picked_elements(backend: str, threads: int, count: int) -> None:
    table, other = scalars(37), scalars(37, 1)
    index = index_of(count, 37)
    picked = _core.Picked(frs(table), index)
    kept = index.copy()
    index[:] = 0
    assert len(picked) == count
    assert ints(picked.written()) == taken(table, kept)
    assert ints(picked.of(frs(other)).written()) == taken(other, kept)
    for rest in (0, 36):
        assert ints(picked.of(frs(other), rest).written()) == taken(other, kept, other[rest])
        assert ints(_core.Picked(frs(table), kept, rest).written()) == taken(
            table, kept, table[rest]
        )


@pytest.mark.parametrize(("runs", "length"), [(1, 1), (5, 3), (3, 8), (7, 65), (2, 700), (130, 16)])
def test_picked_elements_are_weighed(backend: str, threads: int, runs: int, length: int) -> None:
    table, index = scalars(50), index_of(runs * length, 50)
    if runs > 2:
        index[length : 2 * length] = -1
    values = taken(table, index)
    picked = _core.Picked(frs(table), index)
    weights = scalars(length, 3)
    assert ints(picked.dots(frs(weights))) == [
        sum(w * v for w, v in zip(weights, values[at * length :], strict=False)) % R
        for at in range(runs)
    ]
    weights = scalars(runs, 4)
    assert ints(picked.fold_rows(frs(weights))) == [
        sum(weights[row] * values[row * length + k] for row in range(runs)) % R
        for k in range(length)
    ]


def test_malformed_indices_and_weights_are_refused(backend: str) -> None:
    table = frs(scalars(5))
    for wrong in (-2, 5, 2**31 - 1, -(2**31)):
        with pytest.raises(ValueError, match=f"indices from -1 to 5 - 1, got {wrong} at 1"):
            _core.Picked(table, np.array([0, wrong], np.int32))
    for rest in (-2, 5):
        with pytest.raises(ValueError, match="rest"):
            _core.Picked(table, np.array([0], np.int32), rest)
    picked = _core.Picked(table, np.array([0, -1, 4], np.int32))
    with pytest.raises(ValueError, match="indices"):
        picked.of(frs([1, 2]))
    with pytest.raises(ValueError, match="not empty"):
        _core.Picked(frs([]), np.array([-1], np.int32))
    with pytest.raises(ValueError, match="int32"):
        _core.Picked(table, np.array([0], np.int64))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="divisor of 3 weights, got 2"):
        picked.dots(frs([1, 2]))
    with pytest.raises(ValueError, match="divisor of 3 weights, got 0"):
        picked.fold_rows(frs([]))
    for method in (picked.of(table, 0).dots, picked.of(table, 0).fold_rows):
        with pytest.raises(ValueError, match="nothing in place"):
            method(frs([1]))
    with pytest.raises(ValueError, match="contiguous"):
        _core.Integers(np.zeros(2))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 8, 13, 5000])
def test_integers(backend: str, threads: int, kind: type[np.signedinteger], count: int) -> None:
    info = np.iinfo(kind)
    source = np.random.default_rng(count)
    values = source.integers(info.min, info.max, count, dtype=kind, endpoint=True)
    values[0], values[-1] = info.min, info.max
    assert ints(_core.Integers(values).written()) == [int(value) % R for value in values]
    small = values % 100 - 50
    assert ints(_core.Integers(small).written()) == [int(value) % R for value in small]


def patchy(count: int, seed: int, table: Sequence[int]) -> NDArray[np.int32]:
    """Indices with whole chunks of -1, here in one half and there in both."""
    index = index_of(count, len(table), seed)
    source = random.Random(seed)
    for at in range(0, count, 128):
        if source.random() < 0.6:
            index[at : at + 128] = -1
    quarter = count // 4
    index[3 * quarter :] = -1
    return index


@pytest.mark.parametrize("n", [10, 11, 13])
def test_a_zero_check_of_lazy_vectors(backend: str, threads: int, n: int) -> None:
    table, divisors = scalars(60), scalars(60, 1)
    source = np.random.default_rng(n)
    vectors: list[list[int]] = []
    made: list[_core.Frs | _core.Lazy] = []

    def add(values: Sequence[int], vector: _core.Frs | _core.Lazy) -> int:
        vectors.append([int(value) % R for value in values])
        made.append(vector)
        return len(made) - 1

    def add_picked(m: int, seed: int) -> tuple[int, int]:
        index = patchy(2**m, seed, table)
        picked = _core.Picked(frs(table), index)
        first = add(taken(table, index), picked)
        return first, add(taken(divisors, index, divisors[7]), picked.of(frs(divisors), 7))

    def add_integers(m: int, reach: int, zeros: int) -> int:
        cells = source.integers(-reach, reach, 2**m)
        cells[:zeros] = 0
        return add(cells.tolist(), _core.Integers(cells))

    pairs = [add_picked(m, seed) for seed, m in enumerate((n, n, n, n - 1, n - 2, 9, 3, 0))]
    small, wide = add_integers(n, 99, 2 ** (n - 1)), add_integers(n, 2**62, 300)
    plain = add(scalars(2**n), frs(scalars(2**n)))
    short, shorter = add_integers(n - 1, 2**40, 0), add_integers(4, 5, 0)
    products = [(k + 2, *pair) for k, pair in enumerate(pairs)]
    products += [
        (1, small, wide),
        (R - 5, small, wide),
        (9, wide, small),
        (3, wide, plain),
        (4, plain, small),
        (0, plain, wide),
        (6, short, small),
        (7, short, short),
        (8, shorter, pairs[0][0]),
        (1, pairs[0][0], pairs[1][1]),
    ]
    linear = [(5, small), (R - 2, wide), (3, short), (2, shorter), (1, pairs[0][0])]
    sums = [(4, first) for first, _ in pairs] + [(2, wide), (3, pairs[3][1])]
    rho = scalars(n, 5)
    definition = zero_definition(n, rho, vectors, products, linear, sums)
    prover = _core.ZeroCheck(
        n,
        rho,
        [(c, made[a], made[b]) for c, a, b in products],
        [(c, made[a]) for c, a in linear],
        [(c, made[a]) for c, a in sums],
    )
    made.clear()
    follow(definition, prover, n)


def follow(definition: Definition, prover: _core.ZeroCheck, n: int) -> None:
    """Every round is what the definition says."""
    source = random.Random(n)
    for _ in range(n):
        assert prover.round() == tuple(definition.round([0, 2, 3]))
        r = source.choice(CHALLENGES)
        definition.bind(r)
        prover.bind(r)


def test_a_zero_check_may_be_bound_without_its_rounds(backend: str) -> None:
    table, index = scalars(9), index_of(2048, 9)
    cells = np.arange(2048)
    lazy = _core.ZeroCheck(
        11, scalars(11), [(1, _core.Picked(frs(table), index), _core.Integers(cells))], [], []
    )
    written = _core.ZeroCheck(
        11, scalars(11), [(1, frs(taken(table, index)), frs(cells.tolist()))], [], []
    )
    for r in (5, 0, 1, R - 1, 12345):
        lazy.bind(r)
        written.bind(r)
    for _ in range(6):
        assert lazy.round() == written.round()
        lazy.bind(7)
        written.bind(7)


def test_vectors_of_another_backend_are_refused() -> None:
    before = _core.backend()
    try:
        made = []
        for name in _core.backends()[:2]:
            _core.set_backend(name)
            made.append((_core.Integers(np.zeros(4, np.int64)), frs([1])))
        (lazy, _), (_, vector) = made
        with pytest.raises(ValueError, match="backend"):
            _core.ZeroCheck(2, [1, 2], [(1, lazy, vector)], [], [])
        picked = _core.Picked(vector, np.zeros(4, np.int32))
        with pytest.raises(ValueError, match="backend"):
            picked.dots(made[0][1])
    finally:
        _core.set_backend(before)
