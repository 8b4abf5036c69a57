"""The ONNX graph as plain nodes over names, constants apart; nothing is interpreted yet."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from avow.models.compiler.refusal import Refusal
from avow.models.compiler.value import Array
from avow.models.errors import ModelError, one_line
from avow.models.limits import LIMITS
from avow.verifier.limits import LIMITS as _FORMAT

_STANDARD_DOMAINS = ("", "ai.onnx")
_INTEGERS = (
    TensorProto.INT8,
    TensorProto.INT16,
    TensorProto.INT32,
    TensorProto.INT64,
    TensorProto.UINT8,
    TensorProto.UINT16,
    TensorProto.UINT32,
    TensorProto.UINT64,
    TensorProto.BOOL,
)
_FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE)

# What a program's JSON can hold.
_NAME = re.compile(rf"[ -~]{{1,{_FORMAT.name_characters}}}")

Attribute = object


@dataclass(frozen=True, slots=True)
class Node:
    """One ONNX node; an empty input or output name means that it is left out."""

    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Attribute] = field(default_factory=dict)
    domain: str = ""

    def integer(self, name: str, default: int) -> int:
        """An integer attribute."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise Refusal(f"attribute {name} is not an integer")
        return value

    def real(self, name: str, default: float) -> float:
        """A float attribute."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int | float):
            raise Refusal(f"attribute {name} is not a number")
        return float(value)

    def text(self, name: str, default: str) -> str:
        """A string attribute."""
        value = self.attributes.get(name, default)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

    def integers(self, name: str) -> tuple[int, ...] | None:
        """A list of integers, or None where the attribute is absent."""
        value = self.attributes.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, int) for item in value):
            raise Refusal(f"attribute {name} is not a list of integers")
        return tuple(value)


@dataclass(frozen=True, slots=True)
class Port:
    """An input of the graph: static shape; `integral` where it holds integers or truths."""

    name: str
    shape: tuple[int, ...]
    integral: bool


@dataclass(frozen=True, slots=True)
class Graph:
    """Inputs, outputs and nodes in order; `constants` holds initializers and Constant nodes.

    `kinds` are the types of the tensors that nodes compute as integers.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    constants: dict[str, Array]
    opset: int
    kinds: dict[str, np.dtype[Any]] = field(default_factory=dict)

    def with_nodes(self, nodes: Iterable[Node], constants: dict[str, Array]) -> "Graph":
        """The same graph, simplified."""
        return replace(self, nodes=tuple(nodes), constants=constants)

    def consumers(self) -> dict[str, int]:
        """How often each tensor is used, graph outputs included."""
        counts: dict[str, int] = {}
        for name in (*self.outputs, *(name for node in self.nodes for name in node.inputs)):
            counts[name] = counts.get(name, 0) + 1
        return counts


def parse_graph(data: bytes) -> Graph:
    """Read untrusted ONNX bytes: one standard opset from 13, static inputs, weights inside.

    Raises `ModelError`. Nested graphs and foreign domains are left to be refused by name.
    """
    if not 0 < len(data) <= LIMITS.model_bytes:
        raise ModelError(f"expected 1 to {LIMITS.model_bytes} bytes of ONNX, got {len(data)}")
    try:
        proto = onnx.load_model_from_string(data)
    except Exception as error:
        # The protobuf runtimes differ in what they raise for damaged bytes.
        raise ModelError(f"not an ONNX file, or damaged ({len(data)} bytes)") from error
    opset = _opset(proto)
    graph = proto.graph
    if not 1 <= len(graph.node) <= LIMITS.nodes:
        raise ModelError(f"expected 1 to {LIMITS.nodes} nodes, got {len(graph.node)}")
    if proto.functions or graph.sparse_initializer:
        raise ModelError("model-local functions and sparse weights are not supported")
    if any(tensor.external_data for tensor in graph.initializer):
        raise ModelError("weights must lie inside the file")
    _check_names(graph)
    unknown = [
        f"{(node.name or f'node {at}')[:80]!r} ({node.op_type[:40]}: not an ONNX operator)"
        for at, node in enumerate(graph.node)
        if node.domain in _STANDARD_DOMAINS and not onnx.defs.has(node.op_type)
    ]
    if unknown:
        # The checker would stop at the first.
        raise ModelError(f"{len(unknown)} unsupported nodes: {'; '.join(unknown)}")
    try:
        onnx.checker.check_model(proto)
        # Shapes alone first: what follows them with values allocates what they say.
        _check_sizes(onnx.shape_inference.infer_shapes(proto).graph)
        # It refuses operands whose ranks and shapes do not fit.
        inferred = onnx.shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True)
    except ModelError:
        raise
    except Exception as error:
        # Both are C++ and raise ValidationError, InferenceError, RuntimeError and others.
        raise ModelError(f"not a valid ONNX graph: {one_line(error)}") from error
    constants = {tensor.name: _array(tensor) for tensor in graph.initializer}
    inputs = tuple(_port(value) for value in graph.input if value.name not in constants)
    if not inputs or not graph.output:
        raise ModelError("a model needs inputs and outputs")
    nodes = tuple(_node(at, node) for at, node in enumerate(graph.node))
    outputs = tuple(value.name for value in graph.output)
    return Graph(inputs, outputs, nodes, constants, opset, _kinds(inferred.graph))


def _check_sizes(graph: onnx.GraphProto) -> None:
    """Refuse tensors that no machine should be asked for; shapes not yet known pass."""
    for value in (*graph.value_info, *graph.output):
        shape = [one.dim_value for one in value.type.tensor_type.shape.dim]
        most = LIMITS.list_elements if len(shape) == 1 else _FORMAT.activation_elements
        if prod(shape) > most:
            raise ModelError(
                f"tensor {value.name[:80]!r} would have {prod(shape)} elements, at most {most} "
                "are allowed"
            )


def _kinds(graph: onnx.GraphProto) -> dict[str, np.dtype[Any]]:
    found = {
        value.name: value.type.tensor_type.elem_type for value in (*graph.value_info, *graph.output)
    }
    return {
        name: helper.tensor_dtype_to_np_dtype(kind)
        for name, kind in found.items()
        if kind in _INTEGERS and kind != TensorProto.BOOL
    }


def _check_names(graph: onnx.GraphProto) -> None:
    """Names are text; those of inputs and outputs stand in the program, whose JSON is ASCII."""
    inside = [word for node in graph.node for word in (node.op_type, node.name, node.domain)]
    inside += [name for node in graph.node for name in (*node.input, *node.output)]
    # protobuf gives bytes, or lone surrogates, for what is not UTF-8.
    if not all(isinstance(word, str) and word.isprintable() for word in inside):
        raise ModelError("the graph holds names that are not printable text")
    for value in (*graph.input, *graph.output):
        if not isinstance(value.name, str) or not _NAME.fullmatch(value.name):
            raise ModelError(
                f"inputs and outputs need names of 1 to {_FORMAT.name_characters} printable "
                f"ASCII characters, got {str(value.name)[:80]!r}"
            )


def _opset(proto: ModelProto) -> int:
    opsets = [item.version for item in proto.opset_import if item.domain in _STANDARD_DOMAINS]
    newest = onnx.defs.onnx_opset_version()
    if len(opsets) != 1 or not LIMITS.oldest_opset <= opsets[0] <= newest:
        raise ModelError(
            f"expected one ONNX opset from {LIMITS.oldest_opset} to {newest}, got {opsets}"
        )
    return int(opsets[0])


def _array(tensor: TensorProto) -> Array:
    try:
        return np.asarray(numpy_helper.to_array(tensor))
    except Exception as error:
        # Damaged tensors raise ValueError, TypeError, KeyError and others.
        raise ModelError(f"weights {tensor.name[:80]!r} do not fit their shape and type") from error


def _port(value: onnx.ValueInfoProto) -> Port:
    kind = value.type.tensor_type.elem_type
    name = value.name[:80]
    if not value.type.HasField("tensor_type") or kind not in (*_INTEGERS, *_FLOATS):
        raise ModelError(f"input {name!r} must be a tensor of float32, integers or booleans")
    dimensions = value.type.tensor_type.shape.dim
    fixed = all(one.HasField("dim_value") and one.dim_value >= 1 for one in dimensions)
    if not value.type.tensor_type.HasField("shape") or not fixed:
        raise ModelError(f"input {name!r} must have a static shape")
    return Port(value.name, tuple(one.dim_value for one in dimensions), kind in _INTEGERS)


def _node(at: int, node: NodeProto) -> Node:
    attributes: dict[str, Attribute] = {}
    for item in node.attribute:
        if item.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS):
            attributes[item.name] = item
        elif item.type == AttributeProto.TENSOR:
            attributes[item.name] = _array(item.t)
        else:
            value = helper.get_attribute_value(item)
            attributes[item.name] = list(value) if item.type >= AttributeProto.FLOATS else value
    domain = "" if node.domain in _STANDARD_DOMAINS else node.domain
    return Node(
        node.name or f"node {at}",
        node.op_type,
        tuple(node.input),
        tuple(node.output),
        attributes,
        domain,
    )
