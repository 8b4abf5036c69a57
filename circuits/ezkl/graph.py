"""Grafting integer inputs, the binding and the salt onto an owner's ONNX graph."""

import math
from collections.abc import Sequence

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TensorProto
from onnx.helper import make_node, make_tensor_value_info
from onnx.numpy_helper import from_array

from avow.circuits.errors import CircuitError
from avow.circuits.ezkl.meanings import refuse_changed_meanings
from avow.models.operators import ezkl_reason, listed, problems
from avow.verifier.records import InputVisibility
from avow.verifier.systems.ezkl.layout import BINDING_LIMBS, SALT_LIMBS
from avow.verifier.tensor import TensorSpec

PREFIX = "avow_"
VALUES = "avow_values"
BINDING = "avow_binding"
BINDING_OUT = "avow_binding_out"


def graft(data: bytes, specs: Sequence[TensorSpec], visibility: InputVisibility) -> bytes:
    """The graph that is compiled; a pure function of its arguments, byte for byte.

    `data` is a checked ONNX model whose inputs are described by `specs`, in order. The new graph
    takes `avow_values`, int64 [1, n]: every input's integers one after the other, row-major, and
    for hidden inputs 16 limbs of salt behind them; and `avow_binding`, int64 [1, 16]. Integer
    inputs have scale 0 in ezkl, so an instance is the integer itself. Inside, each input becomes
    integer * 2^-scale. Where inputs are hashed, the binding is published as one more output.
    """
    model = onnx.load_model_from_string(data)
    graph = model.graph
    _refuse_taken_names(graph)
    unsupported = problems(model, ezkl_reason)
    if unsupported:
        raise CircuitError(listed(unsupported))
    refuse_changed_meanings(model)
    constants = {tensor.name for tensor in graph.initializer}
    names = [value.name for value in graph.input if value.name not in constants]
    if names != [spec.name for spec in specs]:
        raise CircuitError(
            f"the record's inputs {[s.name for s in specs]} are not the graph's {names}"
        )
    hidden = visibility is InputVisibility.HASHED
    count = sum(math.prod(spec.shape) for spec in specs)
    width = count + SALT_LIMBS if hidden else count

    nodes = _entry_nodes(graph, specs, width)
    if hidden:
        nodes_after = [make_node("Identity", [BINDING], [BINDING_OUT], name=BINDING_OUT)]
        graph.output.append(_integers(BINDING_OUT, BINDING_LIMBS))
    else:
        nodes_after = []
    nodes += [*graph.node, *nodes_after]
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.input[:]
    graph.input.extend([_integers(VALUES, width), _integers(BINDING, BINDING_LIMBS)])
    try:
        onnx.checker.check_model(model)
    except Exception as error:
        # The checker is C++ and raises classes that share no public base.
        raise CircuitError(
            f"the grafted graph is not valid ONNX: {' '.join(str(error).split())[:200]}"
        ) from error
    return bytes(model.SerializeToString(deterministic=True))


def _entry_nodes(graph: GraphProto, specs: Sequence[TensorSpec], width: int) -> list[NodeProto]:
    """Cut each input out of the vector, make it real, and give it the name that the graph uses."""
    nodes = []
    at = 0
    for index, spec in enumerate(specs):
        size = math.prod(spec.shape)
        source = VALUES
        if size != width:
            source = f"{PREFIX}part_{index}"
            bounds = [
                _constant(graph, f"{source}_{what}", [value], np.int64)
                for what, value in (("from", at), ("to", at + size), ("axis", 1))
            ]
            nodes.append(make_node("Slice", [VALUES, *bounds], [source], name=source))
        real, unit, scaled, shape = (
            f"{PREFIX}{what}_{index}" for what in ("real", "unit", "scaled", "shape")
        )
        _constant(graph, unit, [2.0**-spec.scale], np.float32)
        _constant(graph, shape, list(spec.shape), np.int64)
        nodes += [
            make_node("Cast", [source], [real], name=real, to=TensorProto.FLOAT),
            make_node("Mul", [real, unit], [scaled], name=scaled),
            make_node("Reshape", [scaled, shape], [spec.name], name=f"{PREFIX}input_{index}"),
        ]
        at += size
    return nodes


def _constant(graph: GraphProto, name: str, values: Sequence[float], kind: type[np.generic]) -> str:
    graph.initializer.append(from_array(np.array(values, dtype=kind), name))
    return name


def _integers(name: str, count: int) -> onnx.ValueInfoProto:
    return make_tensor_value_info(name, TensorProto.INT64, [1, count])


def _refuse_taken_names(graph: GraphProto) -> None:
    names = [
        *(value.name for value in (*graph.input, *graph.output)),
        *(tensor.name for tensor in graph.initializer),
        *(name for node in graph.node for name in (node.name, *node.output)),
    ]
    taken = sorted({name for name in names if name.startswith(PREFIX)})
    if taken:
        raise CircuitError(
            f"names that begin with {PREFIX!r} are reserved, the graph has {taken[:3]}"
        )
