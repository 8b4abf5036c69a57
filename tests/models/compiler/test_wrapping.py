"""What ONNX's own types or runtimes would make something else of is refused, not computed."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from avow.models.compiler.compile import compile_model
from avow.models.compiler.options import Options
from avow.models.errors import ModelError
from tests.models.compiler.graphs import model, node, spec

SHAPE = (1, 6)


def _compile(nodes: list[Any], low: int, high: int, **constants: Any) -> None:
    whole = spec(SHAPE, scale=0, low=low, high=high)
    seen = {"x": np.array([[[low, high, low, high, low, high]]], np.float64)}
    data = model([*nodes, node("Cast", "i", to=TensorProto.FLOAT)], SHAPE, constants)
    compile_model(data, seen, Options(8, (whole,)))


CASTS = [
    (TensorProto.INT8, -129, 127),
    (TensorProto.INT8, 0, 128),
    (TensorProto.UINT8, -1, 255),
    (TensorProto.UINT8, 0, 256),
    (TensorProto.UINT64, -1, 1),
]


@pytest.mark.parametrize(("kind", "low", "high"), CASTS)
def test_a_cast_that_would_wrap_round_is_refused(kind: int, low: int, high: int) -> None:
    with pytest.raises(ModelError, match=r"Cast: \[-?\d+, \d+\] does not fit .*wrap round"):
        _compile([node("Cast", "x", "i", to=kind)], low, high)


@pytest.mark.parametrize(
    ("kind", "low", "high"), [(TensorProto.INT8, -128, 127), (TensorProto.UINT8, 0, 255)]
)
def test_a_cast_that_just_fits_compiles(kind: int, low: int, high: int) -> None:
    _compile([node("Cast", "x", "i", to=kind)], low, high)


@pytest.mark.parametrize("operator", ["Add", "Mul"])
@pytest.mark.parametrize(("high", "fits"), [(11, True), (120, False)])
def test_arithmetic_of_narrow_integers(operator: str, high: int, fits: bool) -> None:
    nodes = [node("Cast", "x", "n", to=TensorProto.INT8), node(operator, "n n", "i")]
    if fits:
        _compile(nodes, 0, high)
        return
    with pytest.raises(ModelError, match=f"{operator}: .* does not fit int8"):
        _compile(nodes, 0, high)


def test_an_output_shape_beyond_the_kernel_is_refused() -> None:
    """ONNX's formula puts part of what is missing in front, runtimes all of it behind."""
    shape = (1, 1, 5)
    data = model(
        [node("ConvTranspose", "x w", strides=[3], output_shape=[17])],
        shape,
        {"w": np.ones((1, 1, 3), np.float32)},
    )
    with pytest.raises(ModelError, match="larger than what the kernel reaches"):
        compile_model(data, {"x": np.zeros((1, *shape))}, Options(8, (spec(shape),)))
