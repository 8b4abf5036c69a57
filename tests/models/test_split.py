"""A model cut at one tensor: both parts together are the whole, and nothing hidden goes along."""

import io
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from avow.models.catalogue import ZOO, add_zoo_model
from avow.models.data import Rows, parse_rows
from avow.models.errors import ModelError
from avow.models.load import Model, Port, parse_model
from avow.models.split import Parts, check_composition, split, split_places, tensors_between
from avow.models.split_intake import take_in_first, take_in_second
from avow.models.store import ModelStore
from avow.verifier.tensor import ElementType, TensorSpec
from tests.models.operator_graphs import graph
from tests.models.samples import ZOO_NAMES, zoo_bytes

WEIGHTS = {
    "w0": np.arange(16, dtype=np.float32).reshape(4, 4) / 7,
    "w1": np.arange(16, dtype=np.float32).reshape(4, 4)[::-1].copy() / 5,
    "w2": np.arange(8, dtype=np.float32).reshape(4, 2) / 3,
    "shape": np.array([1, 4], np.int64),
}


def residual(**changed: list[onnx.NodeProto]) -> Model:
    """Around `b` a second way leads from `a` to `sum`: only `a`, `sum` and `r` are alone."""
    nodes = changed.get("nodes") or [
        helper.make_node("MatMul", ["x", "w0"], ["a"], "one", doc_string="/home/somebody/model.py"),
        helper.make_node("Relu", ["a"], ["unread"], "dead"),
        helper.make_node("MatMul", ["a", "w1"], ["b"], "two"),
        helper.make_node("Add", ["a", "b"], ["sum"], "three"),
        helper.make_node("Reshape", ["sum", "shape"], ["r"], "four"),
        helper.make_node("MatMul", ["r", "w2"], ["y"], "five"),
    ]
    return parse_model(graph(nodes, constants=WEIGHTS).SerializeToString(), "residual.onnx")


def rows_of(model: Model, count: int = 5) -> Rows:
    """Random rows."""
    random = np.random.default_rng(3)
    return Rows(tuple(random.normal(size=(count, *port.shape)) for port in model.inputs), None)


def refusal(model: Model, tensor: str) -> str:
    """The one line with which a cut is refused."""
    with pytest.raises(ModelError) as caught:
        split(model, tensor)
    return str(caught.value)


def test_a_way_around_the_tensor_leaves_three_places() -> None:
    model = residual()
    assert split_places(model) == (
        Port("a", (1, 4)),
        Port("sum", (1, 4)),
        Port("r", (1, 4)),
    )
    for port in split_places(model):
        parts = split(model, port.name)
        assert check_composition(model, parts, rows_of(model)) < 1e-5
        assert [one.name for one in parts.first.outputs] == [port.name]
        assert [one.name for one in parts.second.inputs] == [port.name]
        assert parts.first.parameters + parts.second.parameters >= 16
    assert split(model, "a").first.data == split(model, "a").first.data


@pytest.mark.parametrize("name", ZOO_NAMES)
def test_every_place_of_the_zoo_composes(name: str) -> None:
    model = parse_model(zoo_bytes(name), name)
    places = split_places(model)
    assert len(places) >= 2
    for port in places:
        assert check_composition(model, split(model, port.name), rows_of(model)) < 1e-4


def test_where_no_cut_is_possible_one_line_says_where_one_is() -> None:
    model = residual()
    assert "2 tensors pass where 'b' does ('a', 'b')" in refusal(model, "b")
    assert "it can be split at 'a', 'sum', 'r'" in refusal(model, "b")
    assert "is an input of the model" in refusal(model, "x")
    assert "is an output of the model" in refusal(model, "y")
    assert "'nowhere' is no tensor of this model; it can be split at" in refusal(model, "nowhere")
    assert "'w0' is a constant of this model" in refusal(model, "w0")
    assert "nothing that is answered depends on 'unread'" in refusal(model, "unread")
    for tensor in ("b", "x", "y", "nowhere", "w0", "unread"):
        assert refusal(model, tensor).isprintable()


def test_an_output_on_the_way_is_no_place() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["a"]),
        helper.make_node("Relu", ["a"], ["y"]),
        helper.make_node("MatMul", ["y", "w1"], ["c"]),
        helper.make_node("MatMul", ["c", "w2"], ["z"]),
    ]
    proto = graph(nodes, constants=WEIGHTS)
    proto.graph.output.append(helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, [1, 2]))
    model = parse_model(proto.SerializeToString(), "two.onnx")
    assert [port.name for port in split_places(model)] == ["a"]
    assert "2 tensors pass where 'c' does ('c', 'y')" in refusal(model, "c")


def test_weights_on_both_sides_would_be_shown() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["a"]),
        helper.make_node("MatMul", ["a", "w0"], ["b"]),
        helper.make_node("MatMul", ["b", "w2"], ["y"]),
    ]
    model = residual(nodes=nodes)
    assert "weights 'w0' stand on both sides of 'a'" in refusal(model, "a")
    assert split(model, "b").second.parameters == 8
    assert [port.name for port in split_places(model)] == ["b"]


def test_constants_of_whole_numbers_may_stand_on_both_sides() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["a"]),
        helper.make_node("Reshape", ["a", "shape"], ["b"]),
        helper.make_node("MatMul", ["b", "w1"], ["c"]),
        helper.make_node("Reshape", ["c", "shape"], ["d"]),
        helper.make_node("MatMul", ["d", "w2"], ["y"]),
    ]
    model = residual(nodes=nodes)
    assert check_composition(model, split(model, "c"), rows_of(model)) < 1e-5


def test_a_constant_node_is_a_weight_like_any_other() -> None:
    held = numpy_helper.from_array(WEIGHTS["w0"], "held")
    nodes = [
        helper.make_node("Constant", [], ["k"], value=held),
        helper.make_node("MatMul", ["x", "k"], ["a"]),
        helper.make_node("MatMul", ["a", "k"], ["b"]),
        helper.make_node("MatMul", ["b", "w2"], ["y"]),
    ]
    model = residual(nodes=nodes)
    assert "weights 'k' stand on both sides of 'a'" in refusal(model, "a")
    parts = split(model, "b")
    assert WEIGHTS["w0"].tobytes() in parts.first.data
    assert WEIGHTS["w0"].tobytes() not in parts.second.data


@st.composite
def graphs(draw: st.DrawFn) -> list[tuple[str, ...]]:
    """Makers of t1, t2, ...: what each reads of what was made before it, and with which weights."""
    made = []
    for at in range(1, draw(st.integers(2, 9)) + 1):
        earlier = [f"t{number}" for number in range(at)]
        kind = draw(st.sampled_from(["MatMul", "Relu", "Add"]))
        reads = [draw(st.sampled_from(earlier[-3:])) for _ in range(2 if kind == "Add" else 1)]
        made.append((kind, *reads))
    return made


@given(graphs())
def test_a_place_is_where_no_way_leads_around(made: list[tuple[str, ...]]) -> None:
    """Against trying every way through the graph; every place found composes."""
    nodes, constants = [], {}
    for at, (kind, *reads) in enumerate(made, 1):
        names = [read if read != "t0" else "x" for read in reads]
        if kind == "MatMul":
            constants[f"w{at}"] = np.eye(4, dtype=np.float32) + np.float32(at) / 16
            names.append(f"w{at}")
        nodes.append(helper.make_node(kind, names, ["y" if at == len(made) else f"t{at}"]))
    proto = graph(nodes, constants=constants)
    reads_of = {f"t{at}": set(reads) for at, (_, *reads) in enumerate(made, 1)}
    last = f"t{len(made)}"

    def reached(tensor: str, without: str) -> bool:
        if tensor in ("t0", without):
            return tensor != without
        return any(reached(read, without) for read in reads_of[tensor])

    def weighted(tensor: str) -> bool:
        if tensor == "t0":
            return False
        own = made[int(tensor[1:]) - 1][0] == "MatMul"
        return own or any(weighted(read) for read in reads_of[tensor])

    expected = [
        f"t{at}" for at in range(1, len(made)) if not reached(last, f"t{at}") and weighted(f"t{at}")
    ]
    model = parse_model(proto.SerializeToString(), "random.onnx")
    assert [port.name for port in split_places(model)] == expected
    for tensor in expected:
        assert check_composition(model, split(model, tensor), rows_of(model, 2)) < 1e-3
    for at in range(1, len(made)):
        if f"t{at}" not in expected:
            assert refusal(model, f"t{at}").isprintable()


def test_a_first_part_without_weights_hides_nothing() -> None:
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w0"], ["a"]),
        helper.make_node("MatMul", ["a", "w2"], ["y"]),
    ]
    model = residual(nodes=nodes)
    assert "nothing before 'flat' holds weights" in refusal(model, "flat")
    assert [port.name for port in split_places(model)] == ["a"]


def test_nothing_of_the_first_part_stands_in_the_second() -> None:
    """Neither weights nor names nor what an exporter wrote beside a node."""
    model = residual()
    parts = split(model, "sum")
    for name in ("w0", "w1"):
        assert WEIGHTS[name].tobytes() in model.data
        assert WEIGHTS[name].tobytes() in parts.first.data
        assert WEIGHTS[name].tobytes() not in parts.second.data
    for word in (b"w0", b"w1", b"one", b"two", b"somebody", b"unread"):
        assert word not in parts.second.data
    assert b"somebody" in model.data and b"somebody" not in parts.first.data
    assert WEIGHTS["w2"].tobytes() not in parts.first.data


def test_parts_of_another_model_do_not_compose() -> None:
    model = residual()
    other = onnx.load_model_from_string(model.data)
    for tensor in other.graph.initializer:
        if tensor.name == "w2":
            changed = numpy_helper.to_array(tensor).copy()
            changed[0, 0] += 0.5
            tensor.CopyFrom(numpy_helper.from_array(changed, "w2"))
    foreign = split(parse_model(other.SerializeToString(), "other.onnx"), "a")
    parts = split(model, "a")
    mixed = Parts(parts.port, parts.first, foreign.second)
    with pytest.raises(ModelError, match="both parts together give 'y'"):
        check_composition(model, mixed, rows_of(model))


def test_parts_are_taken_in_with_data_of_their_own(tmp_path: Path) -> None:
    store = ModelStore.at(tmp_path)
    whole = add_zoo_model(store, "digits-cnn").stored
    parts = split(whole.model(), "/layers/layers.1/Relu_output_0")
    first = take_in_first(store, whole, parts)
    assert first.record.inputs == whole.record.inputs
    assert first.record.name == "digits-cnn-first"
    held_out = first.held_out()
    assert held_out is not None and held_out.labels is None

    given = TensorSpec("t", ElementType.INT32, parts.port.shape, 11, -(2**30), 2**30)
    second = take_in_second(store, whole, parts, given, None)
    (spec,) = second.record.inputs
    assert (spec.element_type, spec.scale, spec.shape) == (ElementType.INT32, 11, parts.port.shape)
    assert spec.minimum == 0 < spec.maximum < 2**20, "as calibration shows, not as the type allows"
    labelled = second.held_out()
    assert labelled is not None and labelled.labels is not None
    assert take_in_second(store, whole, parts, given, None).digest == second.digest

    with pytest.raises(ModelError, match="must lie in the declared range"):
        take_in_second(store, whole, parts, given, (-0.25, 0.25))
    narrow = TensorSpec("t", ElementType.INT8, parts.port.shape, 11, -128, 127)
    with pytest.raises(ModelError, match="cannot hold the range of the second part"):
        take_in_second(store, whole, parts, narrow, None)


def test_five_answers_give_the_weights_of_one_layer_away() -> None:
    """What docs/explanation/what-a-split-shows.md says of a cut after a single layer."""
    model = parse_model(zoo_bytes("digits-cnn"), "digits-cnn")
    parts = split(model, "/layers/layers.1/Relu_output_0")
    rows = parse_rows((ZOO / "digits-cnn" / "heldout.npz").read_bytes(), model.inputs, "rows")
    seen = Rows((rows.inputs[0][:5],), None)
    # The tensor as it is shown: integers at the scale of the circuit.
    between = np.rint(tensors_between(parts, seen) * 2.0**14) / 2.0**14
    pictures = np.pad(seen.inputs[0][:, 0, 0], ((0, 0), (1, 1), (1, 1)))
    hidden = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in onnx.load_model_from_string(parts.first.data).graph.initializer
    }
    for channel in range(4):
        equations, values = [], []
        for at, row, column in np.ndindex(5, 4, 4):
            value = between[at, 0, channel, row, column]
            if value > 0:
                top, left = 2 * row, 2 * column
                patch = pictures[at, top : top + 3, left : left + 3]
                equations.append([*patch.reshape(-1), 1.0])
                values.append(value)
        found, _, rank, _ = np.linalg.lstsq(np.array(equations), np.array(values), rcond=None)
        true = [*hidden["layers.0.weight"][channel].reshape(-1), hidden["layers.0.bias"][channel]]
        assert rank == 10
        assert np.abs(found - true).max() < 3e-5


def test_the_packed_rows_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    store = ModelStore.at(tmp_path)
    whole = add_zoo_model(store, "tumour-risk").stored
    parts = split(whole.model(), "/layers/layers.1/Relu_output_0")
    first = take_in_first(store, whole, parts)
    again = take_in_first(store, whole, parts)
    assert first.calibration_path.read_bytes() == again.calibration_path.read_bytes()
    arrays = np.load(io.BytesIO(first.calibration_path.read_bytes()))
    assert list(arrays) == ["measurements"]
