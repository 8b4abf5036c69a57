"""From the bytes of an ONNX file to a model whose every shape is known, or to one clear refusal."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, ValueInfoProto, numpy_helper

from avow.models.errors import ModelError, one_line
from avow.models.files import read_bounded
from avow.models.limits import LIMITS
from avow.models.operators import intake_reason, listed, named, problems
from avow.verifier.limits import LIMITS as FORMAT_LIMITS

_STANDARD_DOMAINS = ("", "ai.onnx")
_ELEMENT_TYPES = dict(zip(TensorProto.DataType.values(), TensorProto.DataType.keys(), strict=True))


@dataclass(frozen=True, slots=True)
class Port:
    """A float32 input or output of the graph, with its static shape."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """One operation of the graph; `shape` is that of its first output."""

    name: str
    operator: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """An ONNX model that was checked: standard operators, static shapes, weights inside.

    `data` are the bytes to store, hash, run and compile. They differ from the file that was
    read only when an open batch dimension was set to 1 (`batch_fixed`).
    """

    data: bytes
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    nodes: tuple[Node, ...]
    parameters: int
    opset: int
    batch_fixed: bool

    @property
    def sha256(self) -> bytes:
        """What the model record calls `onnx_sha256`."""
        return hashlib.sha256(self.data).digest()


def load_model(path: Path) -> Model:
    """Read and parse an ONNX file; raises `ModelError`."""
    return parse_model(read_bounded(path, LIMITS.model_bytes, "model"), path.name)


def parse_model(data: bytes, what: str) -> Model:
    """Check untrusted ONNX bytes; `what` names them in errors.

    Establishes: a well-formed graph of the standard operator set, opset 13 or newer, every
    operator one that some system compiles, weights inside the file, float32 inputs and outputs
    of static shape with at most 2^24 elements. Nodes that fail are named all at once.
    """
    if not data or len(data) > LIMITS.model_bytes:
        raise ModelError(
            f"{what}: expected 1 to {LIMITS.model_bytes} bytes of ONNX, got {len(data)}"
        )
    proto = _decode(data, what)
    opset = _check_header(proto, what)
    _refuse_nodes(problems(proto, intake_reason), what)
    _check_weights(proto, what)
    _check_graph(proto, what)
    batch_fixed = _fix_batch(proto)
    inferred = _infer_shapes(proto, what)
    if batch_fixed:
        del proto.graph.output[:]
        proto.graph.output.extend(inferred.graph.output)
    shapes, found = _node_shapes(inferred)
    _refuse_nodes(found, what)
    constants = {tensor.name for tensor in inferred.graph.initializer}
    inputs = [value for value in inferred.graph.input if value.name not in constants]
    return Model(
        data=proto.SerializeToString(deterministic=True) if batch_fixed else data,
        inputs=_ports(inputs, f"{what}: input"),
        outputs=_ports(list(inferred.graph.output), f"{what}: output"),
        nodes=shapes,
        parameters=sum(_count(tensor.dims) for tensor in inferred.graph.initializer),
        opset=opset,
        batch_fixed=batch_fixed,
    )


def _decode(data: bytes, what: str) -> ModelProto:
    try:
        proto = onnx.load_model_from_string(data)
    except Exception as error:
        # The protobuf runtimes differ in what they raise for damaged bytes.
        raise ModelError(f"{what}: not an ONNX file, or damaged ({len(data)} bytes)") from error
    if not proto.graph.node:
        raise ModelError(f"{what}: expected an ONNX graph with nodes, found none")
    if len(proto.graph.node) > LIMITS.nodes:
        raise ModelError(
            f"{what}: {len(proto.graph.node)} nodes, at most {LIMITS.nodes} are allowed"
        )
    return proto


def _check_header(proto: ModelProto, what: str) -> int:
    opsets = [item.version for item in proto.opset_import if item.domain in _STANDARD_DOMAINS]
    newest = onnx.defs.onnx_opset_version()
    if len(opsets) != 1 or not LIMITS.oldest_opset <= opsets[0] <= newest:
        raise ModelError(
            f"{what}: expected one ONNX opset from {LIMITS.oldest_opset} to {newest}, got {opsets}"
        )
    if proto.functions:
        raise ModelError(f"{what}: model-local functions are not supported; inline them")
    if proto.graph.sparse_initializer:
        raise ModelError(f"{what}: sparse weights are not supported; store them densely")
    outside = [tensor.name for tensor in _tensors(proto) if _is_external(tensor)]
    if outside:
        raise ModelError(
            f"{what}: weights must lie inside the file, but {_quoted(outside)} point outside it"
        )
    return int(opsets[0])


def _tensors(proto: ModelProto) -> list[TensorProto]:
    attributes = [item for node in proto.graph.node for item in node.attribute]
    return [
        *proto.graph.initializer,
        *(item.t for item in attributes if item.HasField("t")),
        *(tensor for item in attributes for tensor in item.tensors),
    ]


def _is_external(tensor: TensorProto) -> bool:
    return tensor.data_location == TensorProto.EXTERNAL or bool(tensor.external_data)


def _check_weights(proto: ModelProto, what: str) -> None:
    for tensor in _tensors(proto):
        try:
            values = np.asarray(numpy_helper.to_array(tensor))
        except Exception as error:
            # Damaged tensors raise ValueError, TypeError, KeyError and others.
            raise ModelError(
                f"{what}: weights {tensor.name[:80]!r} do not fit their shape "
                f"{list(tensor.dims)[:9]} and type"
            ) from error
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ModelError(f"{what}: weights {tensor.name[:80]!r} hold NaN or infinity")


def _refuse_nodes(found: list[str], what: str) -> None:
    if found:
        raise ModelError(f"{what}: {listed(found)}")


def _fix_batch(proto: ModelProto) -> bool:
    """Set an open first dimension of the inputs to 1; the outputs follow by inference."""
    constants = {tensor.name for tensor in proto.graph.initializer}
    fixed = False
    for value in proto.graph.input:
        dimensions = value.type.tensor_type.shape.dim
        if value.name not in constants and dimensions and not dimensions[0].HasField("dim_value"):
            dimensions[0].dim_value = 1
            fixed = True
    if fixed:
        del proto.graph.value_info[:]
        for value in proto.graph.output:
            value.type.tensor_type.ClearField("shape")
    return fixed


def _check_graph(proto: ModelProto, what: str) -> None:
    try:
        onnx.checker.check_model(proto)
    except Exception as error:
        # The checker is C++ and raises ValidationError, RuntimeError and others.
        raise ModelError(f"{what}: not a valid ONNX graph: {one_line(error)}") from error


def _infer_shapes(proto: ModelProto, what: str) -> ModelProto:
    try:
        return onnx.shape_inference.infer_shapes(
            proto, check_type=True, strict_mode=True, data_prop=True
        )
    except Exception as error:
        # As above: InferenceError, RuntimeError and others.
        raise ModelError(f"{what}: shapes cannot be inferred: {one_line(error)}") from error


def _node_shapes(proto: ModelProto) -> tuple[tuple[Node, ...], list[str]]:
    known = {
        value.name: value
        for value in (*proto.graph.value_info, *proto.graph.output, *proto.graph.input)
    }
    nodes, found = [], []
    for at, node in enumerate(proto.graph.node):
        # An empty name marks an optional output that is not used.
        shapes = [_shape(known.get(name)) for name in node.output if name]
        sizes = [_count(shape) for shape in shapes if shape is not None]
        if None in shapes or not shapes:
            found.append(named(at, node, "the output shape is not static"))
        elif max(sizes) > FORMAT_LIMITS.tensor_elements:
            found.append(
                named(at, node, f"{max(sizes)} elements, at most {FORMAT_LIMITS.tensor_elements}")
            )
        else:
            nodes.append(Node(node.name or f"node {at}", node.op_type, shapes[0] or ()))
    return tuple(nodes), found


def _shape(value: ValueInfoProto | None) -> tuple[int, ...] | None:
    if value is None or not value.type.tensor_type.HasField("shape"):
        return None
    dimensions = value.type.tensor_type.shape.dim
    if not all(one.HasField("dim_value") and one.dim_value >= 1 for one in dimensions):
        return None
    return tuple(one.dim_value for one in dimensions)


def _ports(values: list[ValueInfoProto], what: str) -> tuple[Port, ...]:
    if not 1 <= len(values) <= FORMAT_LIMITS.tensors:
        raise ModelError(f"{what}: expected 1 to {FORMAT_LIMITS.tensors}, got {len(values)}")
    ports = []
    for value in values:
        kind = value.type.tensor_type.elem_type
        shape = _shape(value)
        if kind != TensorProto.FLOAT:
            raise ModelError(
                f"{what} {value.name[:80]!r} must be float32, got "
                f"{_ELEMENT_TYPES.get(kind, 'an unknown type').lower()}"
            )
        if shape is None:
            raise ModelError(
                f"{what} {value.name[:80]!r} must have a static shape (only the first dimension "
                "of an input may be left open; it becomes 1)"
            )
        if len(shape) > FORMAT_LIMITS.tensor_rank or _count(shape) > FORMAT_LIMITS.tensor_elements:
            raise ModelError(f"{what} {value.name[:80]!r} of shape {list(shape)} is too large")
        ports.append(Port(value.name, shape))
    return tuple(ports)


def _count(shape: Iterable[int]) -> int:
    count = 1
    for dimension in shape:
        count *= dimension
    return count


def _quoted(names: list[str]) -> str:
    return ", ".join(repr(name[:80]) for name in names)
