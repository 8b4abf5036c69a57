"""The pairing equation against py-ecc, and bytes that are no point of the groups."""

from functools import cache
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from py_ecc.optimized_bn128 import FQ2, G1, G2, b2, multiply, normalize, pairing

from avow.prover.native import _core
from tests.native.group import IDENTITY, Q, R, point

WRONG = "point: expected 128 bytes of a point of the second group"


def words(x: FQ2, y: FQ2) -> bytes:
    """x.c1 || x.c0 || y.c1 || y.c0."""
    parts = (x.coeffs[1], x.coeffs[0], y.coeffs[1], y.coeffs[0])
    return b"".join(int(part).to_bytes(32, "big") for part in parts)


@cache
def second(logarithm: int) -> bytes:
    """A multiple of the second group's generator, not the identity."""
    return words(*normalize(multiply(G2, logarithm % R)))


def root(value: FQ2) -> FQ2 | None:
    """A square root in Fq2, if there is one; q is 3 modulo 4."""
    low = value ** ((Q - 3) // 4)
    start, sign = low * value, low * low * value
    found = start * FQ2([0, 1]) if sign == FQ2([Q - 1, 0]) else start
    if sign != FQ2([Q - 1, 0]):
        found = (sign + FQ2.one()) ** ((Q - 1) // 2) * start
    return found if found * found == value else None


def stranger(seed: int) -> bytes:
    """A point of the second curve outside of its group: it has q^2 points, the group r of them."""
    rng = Random(seed)
    while True:
        x = FQ2([rng.randrange(Q), rng.randrange(Q)])
        y = root(x * x * x + b2)
        if y is not None:
            return words(x, y)


@pytest.mark.parametrize("tau", [1, 2, 3, R - 1, 2**253, 77**40 % R])
@pytest.mark.parametrize("right", [1, 5, R - 2, 3**150 % R])
def test_known_logarithms(tau: int, right: int) -> None:
    assert _core.pairing_holds(point(tau * right), point(right), second(tau))
    for other in (tau * right + 1, -tau * right, right, 0):
        holds = (other - tau * right) % R == 0
        assert _core.pairing_holds(point(other), point(right), second(tau)) == holds


@given(st.integers(1, R - 1), st.integers(0, R - 1), st.integers(1, R - 1))
def test_random_logarithms(tau: int, right: int, off: int) -> None:
    assert _core.pairing_holds(point(tau * right), point(right), second(tau))
    assert not _core.pairing_holds(point(tau * right + off), point(right), second(tau))


def test_the_same_as_py_ecc() -> None:
    # Logarithms are as good as values of the pairing only if that is bilinear and not all 1.
    tau, right = 7**80 % R, 5**90 % R
    g2 = multiply(G2, tau)
    for left in (tau * right % R, tau * right % R + 1):
        theirs = pairing(G2, multiply(G1, left)) == pairing(g2, multiply(G1, right))
        assert _core.pairing_holds(point(left), point(right), second(tau)) == theirs


def test_the_identity_pairs_to_one() -> None:
    assert _core.pairing_holds(IDENTITY, IDENTITY, second(9))
    assert not _core.pairing_holds(IDENTITY, point(1), second(9))
    assert not _core.pairing_holds(point(1), IDENTITY, second(9))


def test_what_is_outside_of_the_first_group_is_refused() -> None:
    good = point(3)
    for wrong in (b"", good[:-1], good + b"\0", good[:-1] + bytes([good[-1] ^ 1])):
        for left, right in ((wrong, good), (good, wrong)):
            with pytest.raises(ValueError, match="point: expected 64 bytes of a point"):
                _core.pairing_holds(left, right, second(1))


@pytest.mark.parametrize("seed", range(6))
def test_a_point_outside_of_the_subgroup_is_refused(seed: int) -> None:
    wrong = stranger(seed)
    with pytest.raises(ValueError, match=WRONG):
        _core.check_point2(wrong)
    with pytest.raises(ValueError, match=WRONG):
        _core.pairing_holds(IDENTITY, IDENTITY, wrong)


@pytest.mark.parametrize("at", range(4))
def test_a_coordinate_that_is_not_reduced_is_refused(at: int) -> None:
    good = second(11)
    _core.check_point2(good)
    part = int.from_bytes(good[32 * at : 32 * at + 32], "big") + Q
    with pytest.raises(ValueError, match=WRONG):
        _core.check_point2(good[: 32 * at] + part.to_bytes(32, "big") + good[32 * at + 32 :])


def test_the_order_of_coordinates_matters() -> None:
    good = second(13)
    x1, x0, y1, y0 = (good[at : at + 32] for at in range(0, 128, 32))
    for wrong in (x0 + x1 + y0 + y1, y1 + y0 + x1 + x0):
        with pytest.raises(ValueError, match=WRONG):
            _core.check_point2(wrong)


@given(st.binary(max_size=140))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=WRONG):
        _core.check_point2(data)
    with pytest.raises(ValueError, match="point: expected"):
        _core.pairing_holds(data, data, data)


@given(st.integers(0, 8 * 128 - 1))
def test_any_flipped_bit_is_noticed(bit: int) -> None:
    damaged = bytearray(second(2**77))
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ValueError, match=WRONG):
        _core.check_point2(bytes(damaged))


def test_a_point_of_small_order_is_refused() -> None:
    # Multiples of such a point meet the point and the identity on the way to r times it.
    cofactor, order = 2 * Q - R, 10069
    assert cofactor % order == 0
    x1, x0, y1, y0 = (int.from_bytes(stranger(1)[at : at + 32], "big") for at in range(0, 128, 32))
    whole = (FQ2([x0, x1]), FQ2([y0, y1]), FQ2.one())
    small = normalize(multiply(whole, R * cofactor // order))
    with pytest.raises(ValueError, match=WRONG):
        _core.check_point2(words(*small))
