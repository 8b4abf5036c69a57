"""Calibration becomes scale, type and range; reals become integers or are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.models.data import Rows
from avow.models.errors import ModelError
from avow.models.load import parse_model
from avow.models.schema import (
    Identity,
    Range,
    check_rows,
    dequantise,
    derive_record,
    parse_range,
    quantise_row,
)
from avow.verifier.records import ModelRecord, parse_model_record
from avow.verifier.tensor import ElementType, Tensor
from tests.models.samples import linear

IDENTITY = Identity("sample", "1.0.0", "MIT", bytes(20))


def rows_of(*values: float) -> Rows:
    """Rows [n, 1, 4] that repeat each value."""
    return Rows((np.repeat(np.array(values, dtype=np.float64), 4).reshape(-1, 1, 4),), None)


def record_for(
    *values: float, ranges: tuple[Range, ...] = (), scale: int | None = None
) -> ModelRecord:
    """The record of the linear model calibrated with these values."""
    model = parse_model(linear().SerializeToString(), "m.onnx")
    return derive_record(model, rows_of(*values), IDENTITY, ranges, scale)


def declared(low: float, high: float) -> tuple[Range, ...]:
    """One range for every input."""
    return (Range(None, low, high),)


@pytest.mark.parametrize(
    ("values", "scale", "bounds", "kind"),
    [
        ((0.0, 1.0), 0, (0, 2), ElementType.INT8),
        ((0.0, 0.0625, 1.0), 4, (0, 20), ElementType.INT8),
        ((-1.0, 0.5), 1, (-3, 2), ElementType.INT8),
        ((0.0, 1000.0), 0, (0, 1250), ElementType.INT16),
        ((0.0, 1e6), 0, (0, 1250000), ElementType.INT32),
        ((0.0, 1e12), 0, (0, 1250000000000), ElementType.INT64),
        ((5.0, 5.0), 0, (3, 7), ElementType.INT8),
        ((-4.0, -2.0), 0, (-5, -1), ElementType.INT8),
        ((0.0, 0.1), 15, (0, 4096), ElementType.INT16),
    ],
)
def test_derived_schema(
    values: tuple[float, ...], scale: int, bounds: tuple[int, int], kind: ElementType
) -> None:
    (spec,) = record_for(*values).inputs
    assert (spec.scale, (spec.minimum, spec.maximum), spec.element_type) == (scale, bounds, kind)
    assert (spec.name, spec.shape) == ("x", (1, 4))


def test_declared_range_and_scale_win() -> None:
    (spec,) = record_for(0.0, 1.0, ranges=declared(-2, 3.5), scale=3).inputs
    assert (spec.scale, spec.minimum, spec.maximum) == (3, -16, 28)
    named = (Range(None, 0, 1), Range("x", 0, 2))
    assert record_for(0.0, 1.0, ranges=named, scale=0).inputs[0].maximum == 2


def test_record_reads_back_and_names_the_model() -> None:
    record = record_for(0.0, 1.0)
    assert parse_model_record(record.to_json()) == record
    assert [(out.name, out.shape) for out in record.outputs] == [("y", (1, 2))]


@pytest.mark.parametrize(
    ("ranges", "scale", "message"),
    [
        ((Range("z", 0, 1),), None, r"the range names 'z', but the inputs are \['x'\]"),
        (declared(0, 1) * 2, None, "more than one range for the same input"),
        (declared(0, 1), 61, r"a scale lies in 0\.\.60, got 61"),
        (declared(0, 1), -1, r"a scale lies in 0\.\.60, got -1"),
        (declared(0, 1e12), 60, "does not fit int64"),
    ],
)
def test_refused_declarations(ranges: tuple[Range, ...], scale: int | None, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        record_for(0.0, 1.0, ranges=ranges, scale=scale)


@pytest.mark.parametrize(
    "word", ["", "x" * 101, "zażółć", "a\nb", "a/b", "a@1", "two words", "-x", "m.onnx"]
)
def test_names_that_nobody_could_say(word: str) -> None:
    model = parse_model(linear().SerializeToString(), "m.onnx")
    with pytest.raises(ModelError, match=r"a model's name has 1 to 100 .* --name"):
        derive_record(model, rows_of(0, 1), Identity(word, "1", "MIT", bytes(20)), (), None)
    with pytest.raises(ModelError, match=r"a model's version has 1 to 100 .* --version"):
        derive_record(model, rows_of(0, 1), Identity("m", word, "MIT", bytes(20)), (), None)


@pytest.mark.parametrize("licence", ["", "x" * 201, "zażółć", "a\nb"])
def test_licences_that_no_record_may_hold(licence: str) -> None:
    model = parse_model(linear().SerializeToString(), "m.onnx")
    with pytest.raises(ModelError, match="no valid model record"):
        derive_record(model, rows_of(0, 1), Identity("m", "1", licence, bytes(20)), (), None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:1", Range(None, 0, 1)),
        ("-1.5:2e3", Range(None, -1.5, 2000)),
        ("pixels=0:.5", Range("pixels", 0, 0.5)),
    ],
)
def test_parse_range(text: str, expected: Range) -> None:
    assert parse_range(text) == expected


@pytest.mark.parametrize("text", ["", "1", "2:1", "0:1e999", "nan:1", "0:inf", "=0:1", "0:1:2"])
def test_ranges_that_are_none(text: str) -> None:
    with pytest.raises(ModelError):
        parse_range(text)


@given(st.text(max_size=40))
def test_random_ranges(text: str) -> None:
    try:
        found = parse_range(text)
    except ModelError:
        return
    assert found.low <= found.high


def test_quantise_rounds_half_to_even_and_keeps_the_ends() -> None:
    record = record_for(0.0, ranges=declared(-1, 1), scale=1)
    halves = Rows((np.array([[[-1.0, 0.25, 0.75, 1.0]]]),), None)
    assert quantise_row(record, halves, 0)[0].values == (-2, 0, 2, 2)
    # 1.25 and -1.25 round to the even ends; just beyond them does not.
    edge = Rows((np.array([[[1.25, -1.25, 0, 0]]]),), None)
    assert quantise_row(record, edge, 0)[0].values == (2, -2, 0, 0)
    beyond = np.nextafter(1.25, 2)
    check_rows(record, edge, "d.npz")
    for bad in (beyond, -beyond):
        rows = rows_of(0.0, float(bad))
        with pytest.raises(ModelError, match=r"row 1: .*must lie in \[-1, 1\]"):
            quantise_row(record, rows, 1)
        with pytest.raises(ModelError, match=r"declared range \[-1, 1\], row 1 holds -?1\.25"):
            check_rows(record, rows, "d.npz")


@given(st.lists(st.floats(-4, 4), min_size=4, max_size=4), st.integers(0, 20))
def test_round_trip_is_within_half_a_step(values: list[float], scale: int) -> None:
    record = record_for(0.0, ranges=declared(-4, 4), scale=scale)
    rows = Rows((np.array(values).reshape(1, 1, 4),), None)
    tensors = quantise_row(record, rows, 0)
    (back,) = dequantise(record.inputs, tensors)
    assert back.shape == (1, 4)
    assert np.abs(back.reshape(-1) - values).max() <= 2.0 ** -(scale + 1)


def test_dequantise_refuses_foreign_tensors() -> None:
    record = record_for(0.0, 1.0)
    kind = record.inputs[0].element_type
    with pytest.raises(ModelError, match="must lie in"):
        dequantise(record.inputs, (Tensor(kind, (1, 4), (0, 0, 0, 3)),))
    with pytest.raises(ModelError, match="must have shape"):
        dequantise(record.inputs, (Tensor(kind, (4,), (0, 0, 0, 0)),))
    with pytest.raises(ModelError, match="expected 1 tensors, got 0"):
        dequantise(record.inputs, ())
