"""What single operators become, where the official cases and random graphs do not look."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from avow.models.compiler.compile import Compiled, compile_model
from avow.models.compiler.options import PRECISIONS, Options
from avow.models.errors import ModelError
from avow.models.program.reference import Reference
from avow.verifier.program.operations import name_of
from tests.models.compiler.graphs import model, node, rows, spec

SHAPE = (1, 6)


def answers(result: Compiled, integers: Any) -> list[Any]:
    """The program's outputs in reals for integer inputs (rows, *shape)."""
    found = Reference(result.program, result.blobs).run([np.asarray(integers)])
    labels = [s.scale for s in result.program.inputs] + [s.scale for s in result.program.steps]
    return [
        array / 2.0 ** labels[output.tensor]
        for array, output in zip(found, result.program.outputs, strict=True)
    ]


def compiled(nodes: list[Any], bits: int = 12, **more: Any) -> Compiled:
    """A model with input `x` of SHAPE in [-2, 2]."""
    data = model(nodes, SHAPE, more.pop("constants", None), **more)
    return compile_model(data, rows(SHAPE, 32), Options(bits, (spec(SHAPE),)))


def test_an_embedding_is_a_row_of_a_table() -> None:
    """Tokens come as reals, are cast and look up rows; indices beyond the table saturate."""
    table = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    nodes = [node("Cast", "x", "t", to=TensorProto.INT64), node("Gather", "table t")]
    tokens = spec((1, 4), scale=0, low=-9, high=9)
    data = model(nodes, (1, 4), {"table": table}, rank=3)
    seen = {"x": np.array([[[0, 1, 2, 3]], [[4, -5, -1, 0]]], np.float64)}
    result = compile_model(data, seen, Options(12, (tokens,)))
    assert "lookup_row" in [name_of(step.operation) for step in result.program.steps]
    (found,) = answers(result, [[[0, 4, -1, -5]], [[9, -9, 3, 2]]])
    wanted = table[[0, 4, 4, 0]], table[[4, 0, 3, 2]]
    assert np.abs(found[0, 0] - wanted[0]).max() <= result.errors[-1]
    assert np.abs(found[1, 0] - wanted[1]).max() <= result.errors[-1]


def test_ties_of_arg_max_go_to_the_lowest_index_or_to_the_last() -> None:
    """Also where everything is equal, and at the ends of the range."""
    data = [[[-256] * 6], [[256] * 6], [[0, 5, 5, -1, 5, 2]]]
    first = compiled([node("ArgMax", "x", axis=1)], kind=TensorProto.INT64)
    last = compiled([node("ArgMax", "x", axis=1, select_last_index=1)], kind=TensorProto.INT64)
    assert answers(first, data)[0].ravel().tolist() == [0, 0, 1]
    assert answers(last, data)[0].ravel().tolist() == [5, 5, 4]


@pytest.mark.parametrize("kind", ["Less", "Greater", "Equal"])
def test_comparisons_of_exact_values_are_exact(kind: str) -> None:
    """Neighbouring integers are told apart, and the bound is zero."""
    data = [[[-256, 255, 256, 0, 1, 64]]]
    bound = np.array([-256, 256, 256, 0, 0, 63], np.float32) / 128
    result = compiled(
        [node(kind, "x c", "b"), node("Cast", "b", to=TensorProto.FLOAT)], constants={"c": bound}
    )
    compare = {"Less": np.less, "Greater": np.greater, "Equal": np.equal}[kind]
    assert np.array_equal(
        answers(result, data)[0][0, 0], compare(np.array(data)[0, 0] / 128, bound)
    )
    assert result.errors[result.program.outputs[0].tensor] == 0.0


@pytest.mark.parametrize("bits", PRECISIONS)
def test_roots_keep_their_leading_bits_however_small_the_value(bits: int) -> None:
    """The root of a sum of squares, from 2^-14 to 24: relative error below 2^-bits, or a step."""
    result = compiled(
        [node("Mul", "x x", "s"), node("ReduceSum", "s a", "r"), node("Sqrt", "r")],
        bits,
        constants={"a": np.array([1], np.int64)},
    )
    data = np.array([[[1, 0, 0, 0, 0, 0]], [[0, 0, 7, 0, 0, 0]], [[256] * 6], [[0] * 6]])
    wanted = np.sqrt(((data / 128.0) ** 2).sum(axis=2))
    found = answers(result, data)[0].reshape(wanted.shape)
    assert (np.abs(found - wanted) <= wanted * 2.0 ** -(bits - 2) + 2.0**-12).all()


def test_a_divisor_that_reaches_zero_is_clamped_and_answered() -> None:
    """Every valid input has an answer; the clamp is reported."""
    result = compiled([node("Reciprocal", "x")])
    (found,) = answers(result, [[[-256, -128, -64, 64, 128, 256]], [[0, 1, -1, 0, 2, -2]]])
    assert np.abs(found[0, 0] - [-0.5, -1, -2, 2, 1, 0.5]).max() < 2.0**-6
    assert np.isfinite(found).all()
    assert [limit.node for limit in result.limits] == ["make y"]


def test_integers_divide_towards_zero() -> None:
    """As ONNX has it for integers."""
    nodes = [
        node("Cast", "x", "i", to=TensorProto.INT64),
        node("Div", "i d", "q"),
        node("Cast", "q", to=TensorProto.FLOAT),
    ]
    data = model(nodes, SHAPE, {"d": np.array(3, np.int64)})
    whole = spec(SHAPE, scale=0, low=-9, high=9)
    seen = {"x": np.array([[[-9, -8, -1, 0, 8, 9]]], np.float64)}
    result = compile_model(data, seen, Options(8, (whole,)))
    assert answers(result, [[[-9, -8, -1, 0, 8, 9]]])[0].ravel().tolist() == [-3, -2, 0, 0, 2, 3]


def test_a_computed_index_into_a_long_computed_axis_is_refused() -> None:
    """With the limit in the message."""
    nodes = [
        node("Tile", "x r", "long"),
        node("Cast", "x", "i", to=TensorProto.INT64),
        node("Gather", "long i", axis=1),
    ]
    with pytest.raises(ModelError, match="computed axis of 300, at most 256"):
        compiled(nodes, constants={"r": np.array([1, 50], np.int64)}, rank=3)


def test_shape_arithmetic_is_computed_at_compile_time() -> None:
    """Shape, Gather, Concat and a Reshape by what they give leave one operation at most."""
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s zero", "n"),
        node("Concat", "n rest", "target", axis=0),
        node("Reshape", "x target", "v"),
        node("Relu", "v"),
    ]
    constants = {"zero": np.array([0], np.int64), "rest": np.array([2, 3], np.int64)}
    result = compiled(nodes, constants=constants, rank=3)
    assert [name_of(step.operation) for step in result.program.steps] == ["reshape", "rescale"]


def test_concat_brings_its_operands_to_one_scale() -> None:
    """A table's fine output beside a coarse input, without losing either."""
    nodes = [node("Sigmoid", "x", "s"), node("Concat", "x s", axis=1)]
    result = compiled(nodes)
    data = np.array([[[-256, -5, 0, 1, 100, 256]]])
    (found,) = answers(result, data)
    assert np.array_equal(found[0, 0, :6], data[0, 0] / 128)
    assert np.abs(found[0, 0, 6:] - 1 / (1 + np.exp(-data[0, 0] / 128))).max() < 2.0**-10
