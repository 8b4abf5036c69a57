"""Polynomials by their coefficients: folding, evaluating and dividing."""

import pytest

from avow.prover.native import _core
from tests.native.scalars import LENGTHS, R, frs, ints, scalars

POINTS = [0, 1, 2, R - 1, 2**253 + 12345]


def horner(f: list[int], x: int) -> int:
    value = 0
    for coefficient in reversed(f):
        value = (value * x + coefficient) % R
    return value


@pytest.mark.parametrize("count", [2, 4, 6, 16, 18, 34, 64, 130])
def test_fold_pairs(backend: str, count: int) -> None:
    f = scalars(count)
    for z in POINTS:
        expected = [((1 - z) * f[i] + z * f[i + 1]) % R for i in range(0, count, 2)]
        assert ints(_core.fold_pairs(frs(f), z)) == expected


@pytest.mark.parametrize("count", LENGTHS)
def test_evaluate_and_divide(backend: str, count: int) -> None:
    f = scalars(count)
    for x in POINTS:
        assert _core.evaluate(frs(f), x) == horner(f, x)
        quotient, remainder = _core.divide(frs(f), x)
        assert remainder == horner(f, x)
        # (X - x) q + remainder = f
        q = [*ints(quotient), 0]
        assert len(q) == count
        assert [((q[i - 1] if i else remainder) - x * q[i]) % R for i in range(count)] == f


def test_long_polynomials(backend: str, threads: int) -> None:
    f = scalars(20_003)
    x = 2**253 + 1
    quotient, remainder = _core.divide(frs(f), x)
    assert remainder == _core.evaluate(frs(f), x) == horner(f, x)
    q = ints(quotient)
    assert [(a - x * b) % R for a, b in zip([remainder, *q], [*q, 0], strict=True)] == f
    folded = _core.fold_pairs(frs(f[:-1]), x)
    assert ints(folded) == [((1 - x) * f[i] + x * f[i + 1]) % R for i in range(0, 20_002, 2)]


def test_malformed_arguments_are_refused(backend: str) -> None:
    for count in [0, 1, 3]:
        with pytest.raises(ValueError, match=f"expected an even length, got {count}"):
            _core.fold_pairs(frs([1] * count), 5)
    with pytest.raises(ValueError, match="not empty"):
        _core.evaluate(frs([]), 5)
    with pytest.raises(ValueError, match="not empty"):
        _core.divide(frs([]), 5)
    with pytest.raises(ValueError, match="from 0 to below"):
        _core.divide(frs([1]), R)
    with pytest.raises(ValueError, match="not empty"):
        _core.divide_eighths(frs([]), 5)
    with pytest.raises(ValueError, match="from 0 to below"):
        _core.divide_eighths(frs([1]), R)


@pytest.mark.parametrize("count", [*LENGTHS, 20_003])
def test_divide_eighths(backend: str, count: int) -> None:
    f = scalars(count)
    for x in POINTS:
        quotient, remainder = _core.divide_eighths(frs(f), x)
        assert remainder == [horner(f[at::8], x) for at in range(8)]
        # (X^8 - x) q + remainder = f
        q = [*ints(quotient), *([0] * 8)]
        assert len(quotient) == max(count - 8, 0)
        assert [((q[i - 8] if i >= 8 else remainder[i]) - x * q[i]) % R for i in range(count)] == f
