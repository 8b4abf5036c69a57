"""Single points: sums and multiples against py-ecc, and bytes that are no point."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.prover.native import _core
from tests.native.group import IDENTITY, Q, R, packed, point, stored


@pytest.mark.parametrize(
    ("a", "b"), [(1, 2), (5, 5), (7, R - 7), (0, 3), (3, 0), (0, 0), (R - 1, 2), (123456789, 1)]
)
def test_sums(a: int, b: int) -> None:
    assert _core.point_add(point(a), point(b)) == point(a + b)


@pytest.mark.parametrize("scalar", [0, 1, 2, 3, 2**128, R - 2, R - 1])
def test_multiples(scalar: int) -> None:
    assert _core.point_mul(point(1), scalar) == point(scalar)
    assert _core.point_mul(point(11), scalar) == point(11 * scalar)
    assert _core.point_mul(IDENTITY, scalar) == IDENTITY


@pytest.mark.parametrize("scalar", [-1, R, 2**256, 2**300])
def test_a_scalar_outside_the_field_is_refused(scalar: int) -> None:
    with pytest.raises(ValueError, match="scalar: expected an integer from 0 to below"):
        _core.point_mul(point(1), scalar)


def test_a_scalar_of_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match="scalar: expected an int"):
        _core.point_mul(point(1), 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        bytes(63),
        bytes(65),
        bytes(31) + b"\1" + bytes(31) + b"\1",
        (Q + 1).to_bytes(32, "big") + (2).to_bytes(32, "big"),
        (1).to_bytes(32, "big") + (Q + 2).to_bytes(32, "big"),
        b"\xff" * 64,
    ],
)
def test_what_is_no_point_is_refused(wrong: bytes) -> None:
    with pytest.raises(ValueError, match="point: expected 64 bytes of a point on the curve"):
        _core.point_add(wrong, point(1))
    with pytest.raises(ValueError, match="point: expected 64 bytes of a point on the curve"):
        _core.point_mul(wrong, 1)


@given(st.binary(min_size=60, max_size=68))
def test_any_bytes_are_a_point_or_refused(data: bytes) -> None:
    try:
        total = _core.point_add(data, IDENTITY)
    except ValueError:
        return
    assert total == data


@given(st.integers(0, R - 1))
def test_the_generators_multiples(scalar: int) -> None:
    expected = stored(scalar) if scalar else bytes(64)
    assert _core.multiples(packed([scalar])) == expected


def test_many_of_the_generators_multiples(backend: str) -> None:
    scalars = [0, 1, 2, 255, 256, 257, R - 1, R - 256, 2**248, 3**150 % R]
    expected = b"".join(stored(scalar) if scalar else bytes(64) for scalar in scalars)
    assert _core.multiples(packed(scalars)) == expected
    assert _core.multiples(b"") == b""


@pytest.mark.parametrize("scalars", [bytes(31), packed([1, R])])
def test_wrong_scalars_are_refused(scalars: bytes) -> None:
    with pytest.raises(ValueError, match=r"scalars: expected"):
        _core.multiples(scalars)
