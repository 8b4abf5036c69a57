"""ONNX bytes become a checked model or one line; nothing else comes out."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper

from avow.models.errors import ModelError
from avow.models.limits import LIMITS
from avow.models.load import Port, load_model, parse_model
from tests.models.operator_graphs import graph
from tests.models.samples import ZOO_NAMES, initializer, linear, write, zoo_bytes


def refusal(proto: ModelProto | bytes) -> str:
    """The one line with which a model is refused."""
    data = proto if isinstance(proto, bytes) else proto.SerializeToString()
    with pytest.raises(ModelError) as caught:
        parse_model(data, "m.onnx")
    text = str(caught.value)
    assert text.isprintable()
    assert text.startswith("m.onnx")
    return text


def test_linear_model() -> None:
    data = linear().SerializeToString()
    model = parse_model(data, "m.onnx")
    assert model.data == data
    assert model.inputs == (Port("x", (1, 4)),)
    assert model.outputs == (Port("y", (1, 2)),)
    assert [(node.name, node.operator, node.shape) for node in model.nodes] == [
        ("dense", "Gemm", (1, 2))
    ]
    assert (model.parameters, model.opset, model.batch_fixed) == (10, 17, False)


@pytest.mark.parametrize(
    ("name", "input_shape", "output"),
    [
        ("digits-mlp", Port("pixels", (1, 64)), Port("logits", (1, 10))),
        ("digits-cnn", Port("image", (1, 1, 8, 8)), Port("logits", (1, 10))),
        ("tumour-risk", Port("measurements", (1, 30)), Port("risk_logit", (1, 1))),
    ],
)
def test_zoo_ports(name: str, input_shape: Port, output: Port) -> None:
    model = parse_model(zoo_bytes(name), name)
    assert (model.inputs, model.outputs) == ((input_shape,), (output,))


def test_names_every_unsupported_node_at_once() -> None:
    nodes = [
        helper.make_node("Tile", ["x", "by"], ["a"], "first"),
        helper.make_node("Relu", ["a"], ["b"], "fine"),
        helper.make_node("Trilu", ["b"], ["c"], "second"),
        helper.make_node("Wave", ["c"], ["d"], "third", domain="org.example"),
        helper.make_node("MaxPool", ["d"], ["e"], "fourth", kernel_shape=[1]),
        helper.make_node("Conv", ["e", "w"], ["y"], strides=[1], dilations=[2]),
    ]
    body = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 4))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4))],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("org.example", 1)]
    text = refusal(helper.make_model(body, opset_imports=opsets))
    assert text == (
        "m.onnx: 2 unsupported nodes: "
        "'second' (Trilu: not among the operators that any system compiles); "
        "'third' (Wave: operators of domain 'org.example')"
    )


def test_open_batch_becomes_one() -> None:
    proto = linear()
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    model = parse_model(proto.SerializeToString(), "m.onnx")
    assert model.batch_fixed
    assert (model.inputs[0].shape, model.outputs[0].shape) == ((1, 4), (1, 2))
    again = parse_model(model.data, "m.onnx")
    assert again.data == model.data
    assert not again.batch_fixed


def test_other_open_dimensions_are_refused() -> None:
    proto = graph([helper.make_node("Relu", ["x"], ["y"], "r")], (1, 4))
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[1].dim_param = "length"
    assert "'r' (Relu: the output shape is not static)" in refusal(proto)


def test_weights_outside_the_file() -> None:
    proto = linear()
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../secret")
    assert refusal(proto) == ("m.onnx: weights must lie inside the file, but 'w' point outside it")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_must_be_finite(value: float) -> None:
    proto = linear()
    initializer(proto, "b", np.array([0, value], np.float32))
    assert refusal(proto) == "m.onnx: weights 'b' hold NaN or infinity"


def test_weights_must_fit_their_shape() -> None:
    proto = linear()
    proto.graph.initializer[1].raw_data = b"\x00" * 5
    assert refusal(proto) == "m.onnx: weights 'b' do not fit their shape [2] and type"


@pytest.mark.parametrize("opsets", [[12], [], [17, 17], [999]])
def test_opset(opsets: list[int]) -> None:
    proto = linear()
    del proto.opset_import[:]
    proto.opset_import.extend(helper.make_opsetid("", version) for version in opsets)
    newest = onnx.defs.onnx_opset_version()
    assert refusal(proto) == f"m.onnx: expected one ONNX opset from 13 to {newest}, got {opsets}"


def test_element_type() -> None:
    nodes = [helper.make_node("Cast", ["x"], ["y"], "c", to=TensorProto.FLOAT)]
    text = refusal(graph(nodes, kind=TensorProto.DOUBLE))
    assert text == "m.onnx: input 'x' must be float32, got double"


def test_invalid_graph() -> None:
    proto = linear()
    proto.graph.node[0].input[0] = "nowhere"
    assert refusal(proto).startswith("m.onnx: not a valid ONNX graph: ")


def test_shapes_that_do_not_fit() -> None:
    proto = linear()
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 5
    assert refusal(proto).startswith("m.onnx: shapes cannot be inferred: ")


def test_huge_intermediate() -> None:
    nodes = [
        helper.make_node("Expand", ["x", "to"], ["big"], "blow up"),
        helper.make_node("ReduceSum", ["big", "axes"], ["y"], "shrink"),
    ]
    constants = {"to": np.array([2**23, 4]), "axes": np.array([0])}
    text = refusal(graph(nodes, constants=constants))
    assert "'blow up' (Expand: 33554432 elements, at most 16777216)" in text


def test_functions_and_sparse_weights() -> None:
    proto = linear()
    proto.functions.add(name="f")
    assert "model-local functions" in refusal(proto)
    proto = linear()
    proto.graph.sparse_initializer.add()
    assert "sparse weights" in refusal(proto)


def test_no_nodes() -> None:
    assert refusal(b"") == f"m.onnx: expected 1 to {LIMITS.model_bytes} bytes of ONNX, got 0"
    assert refusal(ModelProto(ir_version=8)) == (
        "m.onnx: expected an ONNX graph with nodes, found none"
    )


def test_control_characters_stay_out_of_the_line() -> None:
    proto = linear()
    proto.graph.node[0].op_type = "Evil\n\x1b[31m"
    assert "(Evil  [31m: not among" in refusal(proto)


def test_files(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"expected a file at .*gone\.onnx, found nothing"):
        load_model(tmp_path / "gone.onnx")
    with pytest.raises(ModelError, match="found a folder or special file"):
        load_model(tmp_path)
    with pytest.raises(ModelError, match="found a folder or special file"):
        load_model(Path("/dev/zero"))
    large = tmp_path / "large.onnx"
    with large.open("wb") as stream:
        stream.truncate(LIMITS.model_bytes + 1)
    with pytest.raises(ModelError, match=f"more than {LIMITS.model_bytes} bytes"):
        load_model(large)
    path = write(tmp_path / "digits.onnx", zoo_bytes("digits-mlp"))
    assert load_model(path).parameters == 2410


def accepted_or_refused(data: bytes) -> None:
    """Either way is right; any other exception fails the test."""
    try:
        parse_model(data, "m.onnx")
    except ModelError as error:
        assert str(error).isprintable()


@given(st.binary(max_size=2000))
def test_random_bytes(data: bytes) -> None:
    accepted_or_refused(data)


@given(st.sampled_from(ZOO_NAMES), st.data())
def test_truncated(name: str, data: st.DataObject) -> None:
    whole = zoo_bytes(name)
    length = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ModelError):
        parse_model(whole[:length], "m.onnx")


@given(st.sampled_from(ZOO_NAMES), st.data())
def test_mutated(name: str, data: st.DataObject) -> None:
    whole = bytearray(zoo_bytes(name))
    # Most structure lies at the ends, most weights in the middle.
    places = st.one_of(st.integers(0, 300), st.integers(len(whole) - 700, len(whole) - 1))
    for at, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1)):
        whole[at] = value
    accepted_or_refused(bytes(whole))
