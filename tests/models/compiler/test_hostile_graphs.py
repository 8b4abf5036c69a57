"""Graphs that were tampered with compile or are refused; nothing else ever happens."""

from random import Random
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from avow.models.compiler.compile import compile_model
from avow.models.compiler.graph import parse_graph
from avow.models.compiler.options import Options
from avow.models.compiler.simplify import simplify
from avow.models.compiler.translate import build, match_specs
from avow.models.errors import ModelError
from avow.verifier.tensor import ElementType, TensorSpec
from tests.models.compiler import graphs
from tests.models.compiler.random_graphs import random_graph


def tampered(rng: Random) -> bytes:
    """A random graph with a few attributes, operands, constants or operators replaced."""
    model: Any = random_graph(rng.randrange(2**32), 4)
    graph = model.graph
    for _ in range(rng.randint(1, 3)):
        node = rng.choice(graph.node)
        match rng.randrange(6):
            case 0 if node.attribute:
                attribute = rng.choice(node.attribute)
                attribute.i = rng.choice([-7, -1, 0, 1, 2, 99, 2**40])
                for at in range(len(attribute.ints)):
                    attribute.ints[at] = rng.choice([-1, 0, 1, 2, 3, 50])
            case 1 if len(node.input) > 1:
                names = [name for other in graph.node for name in other.input] + ["x"]
                node.input[rng.randrange(len(node.input))] = rng.choice(names)
            case 2 if graph.initializer:
                tensor = rng.choice(graph.initializer)
                array = numpy_helper.to_array(tensor)
                other = rng.choice(
                    [
                        array.reshape(-1),
                        array[..., np.newaxis],
                        array * 0,
                        array * 1000,
                        array.astype(np.int64),
                        array.astype(np.float32),
                        -array,
                        np.zeros((0,), array.dtype),
                    ]
                )
                tensor.CopyFrom(numpy_helper.from_array(other, tensor.name))
            case 3:
                node.op_type = rng.choice([other.op_type for other in graph.node] + ["Gather"])
            case 4 if len(node.input) > 1:
                del node.input[-1]
            case _:
                shape = graph.input[0].type.tensor_type.shape.dim
                shape[rng.randrange(len(shape))].dim_value = rng.choice([1, 2, 3, 0])
    return bytes(model.SerializeToString())


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32))
def test_tampered_graphs_compile_or_are_refused(seed: int) -> None:
    """One `ModelError`, or a program."""
    rng = Random(seed)
    data = tampered(rng)
    try:
        graph = parse_graph(data)
        shape = graph.inputs[0].shape
        spec = TensorSpec("x", ElementType.INT16, shape, 7, -256, 256)
        rows = np.random.default_rng(seed).integers(-256, 257, (3, *shape))
        build(simplify(graph), match_specs(graph, (spec,)), [rows], 8)
    except ModelError as error:
        assert "\n" not in str(error)


@settings(max_examples=100)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_damaged_bytes_are_refused(seed: int, data: st.DataObject) -> None:
    """Bytes that are no graph, or another graph, raise nothing but `ModelError`."""
    whole = bytearray(random_graph(seed % 50, 3).SerializeToString())
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] = data.draw(st.integers(0, 255))
    try:
        graph = parse_graph(bytes(whole))
    except ModelError:
        return
    assert isinstance(onnx.load_model_from_string(bytes(whole)).graph.name, str)
    assert graph.inputs


def _sized(nodes: list[Any], **constants: Any) -> None:
    data = graphs.model(nodes, (1, 6), constants)
    compile_model(data, graphs.rows((1, 6), 128), Options(8, (graphs.spec((1, 6)),)))


def test_a_list_of_absurd_length_is_refused_before_it_is_made() -> None:
    """Checking shapes with values would fill the memory with it."""
    nodes = [
        graphs.node("Pad", "a p", "c"),
        graphs.node("Gather", "c i", "d"),
        graphs.node("Add", "x d"),
    ]
    pads = np.array([0, 2**31])
    with pytest.raises(ModelError, match=r"'c' would have 2147483649 elements, at most 16777216"):
        _sized(nodes, a=np.ones(1, np.float32), p=pads, i=np.array(0))


def test_more_than_calibration_can_hold_is_refused() -> None:
    with pytest.raises(ModelError, match="128 calibration rows of 25165824 elements, at most"):
        _sized([graphs.node("Expand", "x s")], s=np.array([2**22, 1]))
