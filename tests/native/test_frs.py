"""Vectors of scalars: every operation of every backend equals plain Python's integers."""

import random
import threading
from collections.abc import Callable

import numpy as np
import pytest

from avow.prover.native import _core
from tests.native.scalars import LENGTHS, R, equality, frs, ints, pack, scalars

LONG = 20_011  # several threads' parts, and no multiple of eight


@pytest.mark.parametrize("count", [0, *LENGTHS])
def test_bytes_come_back(backend: str, count: int) -> None:
    values = scalars(count)
    vector = frs(values)
    assert vector.backend == backend
    assert len(vector) == count
    assert ints(vector) == values
    assert [vector.at(i) for i in range(count)] == values
    assert ints(_core.Frs.zeros(count)) == [0] * count


def test_what_is_not_canonical_is_refused(backend: str, threads: int) -> None:
    for at, count in [(0, 1), (6, 9), (8, 9), (LONG - 1, LONG)]:
        for wrong in [R, 2**256 - 1]:
            data = bytearray(pack([R - 1] * count))
            data[32 * at : 32 * at + 32] = wrong.to_bytes(32, "little")
            with pytest.raises(ValueError, match=rf"element {at} is not below"):
                _core.Frs.of_bytes(bytes(data))
    with pytest.raises(ValueError, match="expected 32 bytes each, got 33"):
        _core.Frs.of_bytes(bytes(33))


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32, np.int64])
def test_integers_are_scaled_and_moved(backend: str, kind: type[np.signedinteger]) -> None:
    limits = np.iinfo(kind)
    source = random.Random(1)
    for count in LENGTHS:
        values = [source.choice([limits.min, limits.max, 0, -1, 1, 77]) for _ in range(count)]
        array = np.array(values, dtype=kind)
        assert ints(_core.Frs.of_ints(array)) == [value % R for value in values]
        for scale, offset in [(R - 1, 0), (0, R - 1), (2**200 + 1, 2**253)]:
            found = _core.Frs.of_ints(array, scale, offset)
            assert ints(found) == [(scale * value + offset) % R for value in values]


@pytest.mark.parametrize("count", LENGTHS)
def test_elementwise(backend: str, count: int) -> None:
    a, b = scalars(count, 1), scalars(count, 2)
    x, y = frs(a), frs(b)
    assert ints(x.add(y)) == [(p + q) % R for p, q in zip(a, b, strict=True)]
    assert ints(x.sub(y)) == [(p - q) % R for p, q in zip(a, b, strict=True)]
    assert ints(x.mul(y)) == [p * q % R for p, q in zip(a, b, strict=True)]
    assert ints(x.sub(x)) == [0] * count
    for s in [0, 1, R - 1, 2**253 + 5]:
        assert ints(x.scale(s)) == [p * s % R for p in a]
        z = x.add(y)
        z.addmul(y, s)
        assert ints(z) == [(p + q + s * q) % R for p, q in zip(a, b, strict=True)]
    assert ints(x) == a
    assert x.sum() == sum(a) % R
    assert x.dot(y) == sum(p * q for p, q in zip(a, b, strict=True)) % R


def test_long_chains_of_the_largest_values(backend: str) -> None:
    # What is kept only loosely reduced must not grow from operation to operation.
    most = [R - 1] * 9
    x = frs(most)
    total = list(most)
    for _ in range(50):
        x = x.add(x).sub(frs([1] * 9)).mul(frs(most)).sub(frs([0] * 9))
        total = [((2 * value - 1) * (R - 1)) % R for value in total]
        zero = x.sub(x)
        assert ints(zero.sub(x)) == [-value % R for value in total]
    assert ints(x) == total
    with pytest.raises(ValueError, match="element 0 is zero"):
        x.sub(x).inverse()


@pytest.mark.parametrize("count", [1, 300, 5000])
def test_sums_of_many_of_the_largest(backend: str, threads: int, count: int) -> None:
    x = frs([R - 1] * count)
    assert x.sum() == -count % R
    assert x.dot(x) == count
    kinds: list[type[np.signedinteger]] = [np.int8, np.int16, np.int32, np.int64]
    for kind in kinds:
        low, high = np.iinfo(kind).min, np.iinfo(kind).max
        assert x.dot_ints(np.full(count, low, dtype=kind)) == -count * low % R
        assert x.dot_ints(np.full(count, high, dtype=kind)) == -count * high % R


@pytest.mark.parametrize("count", LENGTHS)
def test_inverses(backend: str, count: int) -> None:
    values = [value or 3 for value in scalars(count)]
    assert ints(frs(values).inverse()) == [pow(value, -1, R) for value in values]
    for at in {0, count // 2, count - 1}:
        with pytest.raises(ValueError, match=rf"element {at} is zero"):
            frs([*values[:at], 0, *values[at + 1 :]]).inverse()


def test_gather(backend: str) -> None:
    values = scalars(37)
    for count in LENGTHS:
        source = random.Random(count)
        index = [source.randrange(-1, 37) for _ in range(count)]
        found = frs(values).gather(np.array(index, dtype=np.int32))
        assert ints(found) == [0 if at < 0 else values[at] for at in index]
    for wrong in [-2, 37, -(2**31), 2**31 - 1]:
        with pytest.raises(ValueError, match=rf"got {wrong} at 1"):
            frs(values).gather(np.array([0, wrong], dtype=np.int32))


@pytest.mark.parametrize(("size", "at", "count"), [(20, 0, 20), (20, 8, 8), (20, 3, 9), (9, 9, 0)])
def test_set_range(backend: str, size: int, at: int, count: int) -> None:
    target, part = scalars(size, 1), scalars(count, 2)
    vector = frs(target)
    vector.set_range(at, frs(part))
    assert ints(vector) == target[:at] + part + target[at + count :]
    with pytest.raises(ValueError, match="do not fit"):
        vector.set_range(size - count + 1, frs(part))
    assert ints(vector) == target[:at] + part + target[at + count :]


def test_changes_are_seen_by_the_owner_alone(backend: str) -> None:
    values = scalars(16)
    own = frs(values)
    check = _core.ProductSum(4, [(1, own, own, None)])
    own.addmul(own, 1)
    assert ints(own) == [2 * value % R for value in values]
    g0, g2 = check.round()[:2]
    low, high = values[:8], values[8:]
    assert g0 == sum(a * a for a in low) % R
    assert g2 == sum((2 * b - a) ** 2 for a, b in zip(low, high, strict=True)) % R


@pytest.mark.parametrize("n", range(8))
def test_eq_table(backend: str, n: int) -> None:
    point = scalars(n)
    assert ints(_core.eq_table(point)) == equality(point)


@pytest.mark.parametrize("at", [0, 5, 8])
@pytest.mark.parametrize("lengths", [[], [1], [3], [8, 8], [3, 5], [2, 4, 8], [16, 2], [1, 1, 9]])
def test_outer_products(backend: str, at: int, lengths: list[int]) -> None:
    factors = [scalars(length, seed) for seed, length in enumerate(lengths)]
    product = [7]
    for factor in factors:
        product = [p * f % R for p in product for f in factor]
    target = scalars(at + len(product) + 3)
    vector = frs(target)
    _core.outer_add(vector, at, 7, [frs(factor) for factor in factors])
    expected = list(target)
    for i, value in enumerate(product):
        expected[at + i] = (expected[at + i] + value) % R
    assert ints(vector) == expected
    with pytest.raises(ValueError, match="does not fit"):
        _core.outer_add(vector, at + 4, 7, [frs(factor) for factor in factors])


def test_backends_agree_on_long_vectors(threads: int) -> None:
    values = np.random.default_rng(5).integers(-(2**63), 2**63 - 1, (2, LONG), dtype=np.int64)
    found = []
    before = _core.backend()
    try:
        for name in _core.backends():
            _core.set_backend(name)
            a = _core.Frs.of_ints(values[0], 2**200 + 1, 3)
            b = _core.Frs.of_ints(values[1], 2**190 + 1, 5)
            c = a.mul(b).add(a).sub(b.inverse())
            c.addmul(a, R - 5)
            index = np.arange(LONG, dtype=np.int32)[::-1].copy()
            table = _core.eq_table([a.at(i) for i in range(13)])
            c.set_range(1003, table)
            _core.outer_add(c, 101, 3, [table.gather(index[-100:]), b.gather(index[:99])])
            found.append((c.gather(index).to_bytes(), c.sum(), a.dot(b), a.dot_ints(values[1])))
    finally:
        _core.set_backend(before)
    assert found[1:] == found[:-1]
    assert found[0][1] == sum(ints(frs([]))) + found[0][1]


def test_backends_are_not_mixed() -> None:
    names = _core.backends()
    if len(names) < 2:
        pytest.skip("this processor runs one backend only")
    before = _core.backend()
    try:
        _core.set_backend(names[0])
        a = frs([1, 2])
        _core.set_backend(names[-1])
        b = frs([1, 2])
    finally:
        _core.set_backend(before)
    expected = f"expected one backend, got {names[0]} and {names[-1]}"
    mixed: list[Callable[[], object]] = [
        lambda: a.add(b),
        lambda: a.dot(b),
        lambda: a.addmul(b, 1),
        lambda: a.set_range(0, b),
        lambda: _core.outer_add(a, 0, 1, [b]),
        lambda: _core.ProductSum(1, [(1, a, b, None)]),
        lambda: _core.ZeroCheck(1, [1], [(1, a, b)], [], []),
    ]
    for wrong in mixed:
        with pytest.raises(ValueError, match=expected):
            wrong()
    assert ints(a) == [1, 2]


def test_malformed_arguments_are_refused(backend: str) -> None:
    a = frs([1, 2, 3])
    with pytest.raises(ValueError, match="expected one length, got 3 and 2"):
        a.add(frs([1, 2]))
    with pytest.raises(ValueError, match="expected one length, got 3 and 2"):
        a.dot(frs([1, 2]))
    with pytest.raises(ValueError, match="expected one length, got 3 and 2"):
        a.addmul(frs([1, 2]), 1)
    for wrong in [-1, R, 2**300]:
        with pytest.raises(ValueError, match="from 0 to below"):
            a.scale(wrong)
        with pytest.raises(ValueError, match="from 0 to below"):
            _core.eq_table([wrong])
    with pytest.raises(ValueError, match="expected an int, got"):
        a.scale(1.5)  # type: ignore[arg-type]
    for at in [-1, 3, 2**62]:
        with pytest.raises(ValueError, match="expected an index below 3"):
            a.at(at)
    with pytest.raises(ValueError, match="expected 3 integers, got 2"):
        a.dot_ints(np.zeros(2, dtype=np.int8))
    with pytest.raises(ValueError, match="at most 40 variables"):
        _core.eq_table([1] * 41)
    for array in [
        np.array([1.0, float("nan")]),
        np.zeros(2, dtype=np.uint8),
        np.zeros(2, dtype=bool),
        np.zeros(4, dtype=np.int8)[::2],
        [1, 2],
    ]:
        with pytest.raises(ValueError, match="expected a contiguous array of int8"):
            _core.Frs.of_ints(array)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected 1 axes, got 2"):
        _core.Frs.of_ints(np.zeros((2, 2), dtype=np.int8))
    with pytest.raises(ValueError, match="gather: expected int32"):
        a.gather(np.zeros(2, dtype=np.int64))
    with pytest.raises(MemoryError):
        _core.Frs.zeros(2**60)


def test_threads_share_vectors(backend: str) -> None:
    x = frs([R - 1] * LONG)
    y = frs([2] * LONG)
    wrong: list[object] = []

    def work() -> None:
        for _ in range(10):
            total = x.mul(y)
            if total.sum() != -2 * LONG % R or x.dot(y) != -2 * LONG % R:
                wrong.append(total)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
