"""Graphs that ezkl compiles into something else than ONNX says are refused by name."""

from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

from avow.circuits.errors import CircuitError
from avow.circuits.ezkl.graph import graft
from avow.circuits.ezkl.meanings import refuse_changed_meanings
from avow.verifier.records import InputVisibility
from avow.verifier.tensor import ElementType, TensorSpec

SQUARE = (1, 1, 4, 4)
INT64, FLOAT, BOOL = TensorProto.INT64, TensorProto.FLOAT, TensorProto.BOOL


def model(*nodes: NodeProto, **constants: Any) -> ModelProto:
    graph = make_graph(
        list(nodes),
        "small",
        [make_tensor_value_info("x", FLOAT, SQUARE)],
        [make_tensor_value_info("y", FLOAT, None)],
        [numpy_helper.from_array(np.array(value), name) for name, value in constants.items()],
    )
    return make_model(graph, opset_imports=[make_opsetid("", 17)], ir_version=8)


def pool(operator: str, given: str = "x", **attributes: Any) -> NodeProto:
    shared = {"kernel_shape": [2, 2], "strides": [2, 2]}
    return make_node(operator, [given], ["y"], **(shared | attributes))


def cast(given: str, made: str, to: int) -> NodeProto:
    return make_node("Cast", [given], [made], to=to)


def resize(**attributes: str) -> ModelProto:
    scales = np.array([1, 1, 2, 2], np.float32)
    return model(make_node("Resize", ["x", "", "scales"], ["y"], **attributes), scales=scales)


def power(exponent: float) -> ModelProto:
    return model(make_node("Pow", ["x", "exponent"], ["y"]), exponent=np.float32([exponent]))


PADS = [1, 1, 1, 1]
EQUAL = make_node("Equal", ["x", "x"], ["same"])
LESS = make_node("Less", ["x", "x"], ["less"])


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (model(pool("AveragePool", pads=PADS)), "count the padding"),
        (model(pool("AveragePool", auto_pad="SAME_UPPER")), "count the padding"),
        (model(pool("MaxPool", pads=PADS)), "count as zeros"),
        (model(pool("MaxPool", auto_pad="SAME_LOWER")), "count as zeros"),
        (model(make_node("Celu", ["x"], ["y"], alpha=2.0)), "alpha"),
        (model(make_node("LeakyRelu", ["x"], ["y"], alpha=float("nan"))), "NaN or infinite"),
        (power(-1.0), "exponent"),
        (
            model(
                make_node("Neg", ["one"], ["minus"]),
                make_node("Pow", ["x", "minus"], ["y"]),
                one=np.float32([1]),
            ),
            "exponent",
        ),
        (resize(nearest_mode="ceil"), "repeat values"),
        (resize(coordinate_transformation_mode="align_corners"), "repeat values"),
        (model(cast("x", "whole", INT64), cast("whole", "y", FLOAT)), "rounded down"),
        (model(cast("x", "truth", BOOL), cast("truth", "y", FLOAT)), "rounded down"),
        (model(EQUAL, cast("same", "y", FLOAT)), "Greater and Less"),
        (
            model(LESS, make_node("Not", ["less"], ["more"]), cast("more", "y", FLOAT)),
            "Greater and Less",
        ),
    ],
)
def test_what_would_change_is_refused(changed: ModelProto, why: str) -> None:
    with pytest.raises(CircuitError, match=f"ezkl would change the meaning .*{why}"):
        refuse_changed_meanings(changed)
    # The one way to a circuit, for compiling and for checking a key.
    spec = TensorSpec("x", ElementType.INT16, SQUARE, 6, -100, 100)
    with pytest.raises(CircuitError, match=why):
        graft(changed.SerializeToString(), [spec], InputVisibility.PUBLIC)


@pytest.mark.parametrize(
    "kept",
    [
        model(pool("AveragePool", pads=PADS, count_include_pad=1)),
        model(pool("AveragePool")),
        model(make_node("Relu", ["x"], ["r"]), pool("MaxPool", given="r", pads=PADS)),
        model(pool("MaxPool", pads=[0, 0, 0, 0])),
        model(make_node("Celu", ["x"], ["y"])),
        power(3.0),
        resize(),
        resize(coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        model(LESS, cast("less", "y", FLOAT)),
        model(make_node("ArgMax", ["x"], ["at"], axis=1), cast("at", "y", FLOAT)),
    ],
)
def test_what_keeps_its_meaning_passes(kept: ModelProto) -> None:
    refuse_changed_meanings(kept)


def test_every_node_that_ezkl_cannot_compile_is_named() -> None:
    two = model(
        make_node("Tile", ["x", "repeats"], ["wide"], "copies"),
        make_node("MaxPool", ["wide"], ["y"], "pool", kernel_shape=[2, 2]),
        repeats=np.array([1, 1, 2, 2]),
    )
    spec = TensorSpec("x", ElementType.INT16, SQUARE, 4, -64, 64)
    with pytest.raises(CircuitError) as caught:
        graft(two.SerializeToString(), (spec,), InputVisibility.PUBLIC)
    assert str(caught.value) == (
        "2 unsupported nodes: "
        "'copies' (Tile: not among the operators that ezkl/v1 compiles); "
        "'pool' (MaxPool: ezkl/v1 needs the attribute strides, even for strides of 1)"
    )
