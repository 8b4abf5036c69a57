"""The grafted graph computes what the owner's graph computes, from integers."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from avow.circuits.errors import CircuitError
from avow.circuits.ezkl.graph import graft
from avow.verifier.records import InputVisibility
from avow.verifier.systems.ezkl.layout import limbs
from avow.verifier.tensor import ElementType, TensorSpec
from tests.circuits.tiny import HIDDEN, PUBLIC, onnx_bytes, source


def session(data: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("visibility", [PUBLIC, HIDDEN])
def test_the_grafted_graph_gives_the_same_numbers(visibility: InputVisibility) -> None:
    record = source().record
    random = np.random.default_rng(5)
    integers = [
        random.integers(spec.minimum, spec.maximum + 1, size=spec.shape) for spec in record.inputs
    ]
    reals = {
        spec.name: (values / 2.0**spec.scale).astype(np.float32)
        for spec, values in zip(record.inputs, integers, strict=True)
    }
    expected = session(onnx_bytes()).run(None, reals)
    vector = [int(value) for values in integers for value in values.reshape(-1)]
    if visibility is HIDDEN:
        vector += limbs(bytes(range(32)))
    binding = limbs(bytes(range(100, 132)))
    grafted = session(graft(onnx_bytes(), record.inputs, visibility))
    found = grafted.run(
        None,
        {
            "avow_values": np.array([vector], dtype=np.int64),
            "avow_binding": np.array([binding], dtype=np.int64),
        },
    )
    for one, other in zip(expected, found, strict=False):
        assert np.array_equal(one, other)
    if visibility is HIDDEN:
        assert found[-1].tolist() == [list(binding)]
        assert len(found) == len(expected) + 1
    else:
        assert len(found) == len(expected)


@pytest.mark.parametrize("visibility", [PUBLIC, HIDDEN])
def test_grafting_is_deterministic(visibility: InputVisibility) -> None:
    record = source().record
    once = graft(onnx_bytes(), record.inputs, visibility)
    assert once == graft(onnx_bytes(), record.inputs, visibility)
    assert once != graft(onnx_bytes(seed=8), record.inputs, visibility)


def test_a_single_public_input_is_not_sliced() -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value], [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    spec = TensorSpec("x", ElementType.INT8, (1, 3), 0, -5, 5)
    grafted = onnx.load_model_from_string(graft(model.SerializeToString(), [spec], PUBLIC))
    assert [node.op_type for node in grafted.graph.node] == ["Cast", "Mul", "Reshape", "Relu"]


def test_reserved_names_are_refused() -> None:
    value = helper.make_tensor_value_info("avow_binding", TensorProto.FLOAT, [1, 3])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])
    node = helper.make_node("Relu", ["avow_binding"], ["y"])
    model = helper.make_model(
        helper.make_graph([node], "g", [value], [result]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    spec = TensorSpec("avow_binding", ElementType.INT8, (1, 3), 0, -5, 5)
    with pytest.raises(CircuitError, match="reserved"):
        graft(model.SerializeToString(), [spec], PUBLIC)


def test_a_record_of_another_graph_is_refused() -> None:
    record = source().record
    with pytest.raises(CircuitError, match="are not the graph's"):
        graft(onnx_bytes(), record.inputs[::-1], PUBLIC)
