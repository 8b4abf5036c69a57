"""Tensors, schemas and quantisation."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier.errors import VerificationError
from avow.verifier.tensor import (
    ElementType,
    Tensor,
    TensorSpec,
    parse_tensor,
    parse_tensor_spec,
    tensors_digest,
)

SPEC = TensorSpec("x", ElementType.INT16, (2,), 3, -800, 800)


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    kind = draw(st.sampled_from(ElementType))
    shape = tuple(draw(st.lists(st.integers(1, 4), max_size=3)))
    value = st.integers(kind.minimum, kind.maximum)
    count = math.prod(shape)
    return Tensor(kind, shape, tuple(draw(st.lists(value, min_size=count, max_size=count))))


@given(tensors())
def test_round_trip(tensor: Tensor) -> None:
    assert parse_tensor(tensor.to_json()) == tensor


@given(tensors(), tensors())
def test_different_tensors_have_different_digests(one: Tensor, other: Tensor) -> None:
    assert (one.digest() == other.digest()) == (one == other)


@given(tensors(), tensors())
def test_a_list_is_not_its_first_tensor(one: Tensor, other: Tensor) -> None:
    assert tensors_digest([one]) == one.digest()
    assert tensors_digest([one, other]) not in (one.digest(), other.digest())
    if one != other:
        assert tensors_digest([one, other]) != tensors_digest([other, one])


@pytest.mark.parametrize(
    ("kind", "shape", "values", "reason"),
    [
        (ElementType.INT8, (1,), (128,), "does not fit int8"),
        (ElementType.INT8, (1,), (-129,), "does not fit int8"),
        (ElementType.INT64, (1,), (2**63,), "does not fit int64"),
        (ElementType.INT8, (2,), (1,), "needs 2 values, got 1"),
        (ElementType.INT8, (0,), (), "dimension of 0"),
        (ElementType.INT8, (2**25,), (), "elements, at most"),
        (ElementType.INT8, (1,) * 9, (1,), "rank 9"),
    ],
)
def test_unfit_tensors_are_refused(
    kind: ElementType, shape: tuple[int, ...], values: tuple[int, ...], reason: str
) -> None:
    with pytest.raises(VerificationError, match=reason):
        Tensor(kind, shape, values)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": "float32"}, "one of"),
        ({"shape": [3]}, "needs 6 bytes"),
        ({"shape": [True]}, "integer"),
        ({"shape": "2"}, "list"),
        ({"data": "AAEAAg"}, "base64"),
        ({"data": "AAEAA!=="}, "base64"),
        ({"data": "AAEAAgAD"}, "needs 4 bytes"),
        ({"extra": 1}, "unknown 'extra'"),
    ],
)
def test_unfit_json_is_refused(change: dict[str, object], reason: str) -> None:
    good = Tensor(ElementType.INT16, (2,), (1, 2)).to_json()
    assert isinstance(good, dict)
    with pytest.raises(VerificationError, match=reason):
        parse_tensor({**good, **change})  # type: ignore[dict-item]


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=2))
def test_quantise_rounds_half_to_even(reals: list[float]) -> None:
    for value, real in zip(SPEC.quantise(reals).values, reals, strict=True):
        exact = Fraction(real) * 8
        assert abs(value - exact) <= Fraction(1, 2)
        if abs(value - exact) == Fraction(1, 2):
            assert value % 2 == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e308 * 10, 100.1, -100.1])
def test_quantise_never_clips(bad: float) -> None:
    with pytest.raises(VerificationError, match=r"finite|must lie in"):
        SPEC.quantise([0.0, bad])


def test_range_ends_are_allowed() -> None:
    assert SPEC.quantise([100.0, -100.0]).values == (800, -800)
    assert SPEC.dequantise(SPEC.quantise([100.0, -100.0])) == (100.0, -100.0)


@pytest.mark.parametrize("reals", [[], [1.0], [1.0] * 3])
def test_quantise_wants_the_whole_tensor(reals: list[float]) -> None:
    with pytest.raises(VerificationError, match="needs 2 values"):
        SPEC.quantise(reals)


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (Tensor(ElementType.INT32, (2,), (1, 2)), "must be int16"),
        (Tensor(ElementType.INT16, (1, 2), (1, 2)), "must have shape"),
        (Tensor(ElementType.INT16, (2,), (1, 801)), "must lie in"),
    ],
)
def test_check_refuses(tensor: Tensor, reason: str) -> None:
    with pytest.raises(VerificationError, match=reason):
        SPEC.check(tensor)


def test_spec_round_trip() -> None:
    wide = TensorSpec("y", ElementType.INT64, (1,), 60, -(2**63), 2**63 - 1)
    assert parse_tensor_spec(wide.to_json()) == wide


@pytest.mark.parametrize(
    "change",
    [
        {"minimum": "-0"},
        {"minimum": "+1"},
        {"minimum": "01"},
        {"minimum": ""},
        {"minimum": "\u0661"},
        {"minimum": "40000"},
        {"minimum": "10", "maximum": "9"},
        {"scale": 61},
        {"scale": -1},
        {"name": ""},
    ],
)
def test_unfit_specs_are_refused(change: dict[str, object]) -> None:
    good = SPEC.to_json()
    assert isinstance(good, dict)
    with pytest.raises(VerificationError):
        parse_tensor_spec({**good, **change})  # type: ignore[dict-item]
