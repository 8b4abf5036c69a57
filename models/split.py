"""Cutting a model at one tensor into two models whose composition is the whole."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto
from onnx.helper import make_graph, make_model, make_tensor_value_info

from avow.models.data import Rows
from avow.models.devices import Device
from avow.models.errors import ModelError
from avow.models.infer import FloatArray, Preview
from avow.models.load import Model, Port, parse_model

# What two runs of the same graph may differ by, because it is optimised as a whole or in parts.
_TOLERANCE = 1e-4
_SHOWN = 20
_REALS = frozenset(
    {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16}
)


@dataclass(frozen=True, slots=True)
class Parts:
    """Both halves of a model: `first` ends in the tensor `port`, `second` begins with it."""

    port: Port
    first: Model
    second: Model


@dataclass(frozen=True, slots=True)
class _Place:
    """After node `at` only the tensor `name` is still needed."""

    at: int
    name: str


class _Flow:
    """Which tensors of a graph depend on its inputs, and how long each is needed."""

    def __init__(self, proto: ModelProto) -> None:
        self.graph: GraphProto = proto.graph
        self.weights = {tensor.name: tensor for tensor in self.graph.initializer}
        inputs = [value.name for value in self.graph.input if value.name not in self.weights]
        self.outputs = {value.name for value in self.graph.output}
        self.computed = set(inputs)
        self.makers: dict[str, int] = {}
        for at, node in enumerate(self.graph.node):
            self.makers |= {name: at for name in node.output if name}
            if self.computed & set(node.input):
                self.computed |= {name for name in node.output if name}
        self.needed = self.closure(self.outputs)
        self.last_use: dict[str, int] = dict.fromkeys(inputs, -1)
        for at in sorted(self.needed):
            for name in self.graph.node[at].input:
                self.last_use[name] = at
        for name in self.outputs:
            self.last_use[name] = len(self.graph.node)

    def closure(self, names: Iterable[str], stop: str = "") -> set[int]:
        """The nodes that these tensors are made by, up to the tensor `stop`."""
        found: set[int] = set()
        waiting = [name for name in names if name != stop]
        while waiting:
            at = self.makers.get(waiting.pop())
            if at is not None and at not in found:
                found.add(at)
                waiting += [name for name in self.graph.node[at].input if name and name != stop]
        return found

    def crossing(self, at: int) -> list[str]:
        """The computed tensors that exist after node `at` and are needed later."""
        return [
            name
            for name in self.computed
            if self.makers.get(name, -1) <= at < self.last_use.get(name, -1)
        ]

    def places(self) -> list[_Place]:
        """Every node after which one tensor alone is needed, made by that node."""
        given = self.computed - self.makers.keys()
        found, open_now = [], {name for name in given if self.last_use[name] >= 0}
        ending: dict[int, list[str]] = {}
        for name, at in self.last_use.items():
            ending.setdefault(at, []).append(name)
        for at in sorted(self.needed):
            made = [name for name in self.graph.node[at].output if self.last_use.get(name, -1) > at]
            open_now = (open_now | (set(made) & self.computed)) - set(ending.get(at, ()))
            if open_now == set(made) and len(made) == 1 and made[0] not in self.outputs:
                found.append(_Place(at, made[0]))
        return found


def split_places(model: Model) -> tuple[Port, ...]:
    """The tensors at which `split` takes the model apart, in the graph's order."""
    proto = onnx.load_model_from_string(model.data)
    flow, ports = _Flow(proto), _ports(proto)
    found = []
    for place in flow.places():
        before, after = _weights_of(flow, place.name)
        if place.name in ports and before and not before & after:
            found.append(ports[place.name])
    return tuple(found)


def split(model: Model, tensor: str) -> Parts:
    """Cut a checked model at `tensor`; a pure function of both, byte for byte.

    Establishes: every way from the inputs to the outputs passes through the tensor, it is float32
    of a static shape, the first part holds weights, and none of them stand in the second.
    Raises `ModelError`; where no cut is possible there, it says which tensors pass or which would
    do.
    """
    proto = onnx.load_model_from_string(model.data)
    flow, ports = _Flow(proto), _ports(proto)
    _refuse_ends(flow, model, tensor)
    at = flow.makers.get(tensor)
    if at is None or tensor not in flow.computed:
        known = at is not None or tensor in flow.weights
        kind = "a constant" if known else "no tensor"
        raise ModelError(f"{tensor[:80]!r} is {kind} of this model; {_possible(model)}")
    if at not in flow.needed:
        raise ModelError(f"nothing that is answered depends on {tensor[:80]!r}; {_possible(model)}")
    if tensor not in {place.name for place in flow.places()}:
        # An output beside it passes as well, even where nothing behind the cut reads it.
        passing = sorted({*flow.crossing(at), tensor})
        raise ModelError(
            f"{len(passing)} tensors pass where {tensor[:80]!r} does ({_listed(passing)}), a split "
            f"needs a place where one does; {_possible(model)}"
        )
    if tensor not in ports:
        raise ModelError(f"{tensor[:80]!r} is not float32 of a static shape; {_possible(model)}")
    hidden, shown = _weights_of(flow, tensor)
    if not hidden:
        raise ModelError(f"nothing before {tensor[:80]!r} holds weights; {_possible(model)}")
    if hidden & shown:
        raise ModelError(
            f"weights {_listed(sorted(hidden & shown))} stand on both sides of {tensor[:80]!r}: "
            f"the second part would show what the first hides; {_possible(model)}"
        )
    before, after = flow.closure([tensor]), flow.closure(flow.outputs, tensor)
    inputs = [value for value in flow.graph.input if value.name not in flow.weights]
    middle = make_tensor_value_info(tensor, TensorProto.FLOAT, ports[tensor].shape)
    first = _part(proto, flow, before, inputs, [middle], "first")
    second = _part(proto, flow, after, [middle], list(flow.graph.output), "second")
    return Parts(ports[tensor], first, second)


def tensors_between(parts: Parts, rows: Rows) -> FloatArray:
    """What the first part gives in floating point for each row: [n, *shape]."""
    return Preview(parts.first, Device.CPU).run_rows(rows)[0]


def check_composition(model: Model, parts: Parts, rows: Rows) -> float:
    """The largest difference between the whole and its parts run one after the other.

    Of onnxruntime in floating point, on every row. Raises `ModelError` beyond what optimising a
    graph otherwise explains.
    """
    whole = Preview(model, Device.CPU).run_rows(rows)
    middle = tensors_between(parts, rows).astype(np.float64)
    composed = Preview(parts.second, Device.CPU).run_rows(Rows((middle,), None))
    most = 0.0
    for port, exact, found in zip(model.outputs, whole, composed, strict=True):
        difference = float(np.abs(exact - found).max())
        if not difference <= _TOLERANCE * max(1.0, float(np.abs(exact).max())):
            raise ModelError(
                f"both parts together give {port.name[:80]!r} {difference:g} away from the whole"
            )
        most = max(most, difference)
    return most


def _refuse_ends(flow: _Flow, model: Model, tensor: str) -> None:
    for what, ports in (("an input", model.inputs), ("an output", model.outputs)):
        if tensor in {port.name for port in ports}:
            raise ModelError(
                f"{tensor[:80]!r} is {what} of the model, a part would be empty; {_possible(model)}"
            )


def _possible(model: Model) -> str:
    places = [port.name for port in split_places(model)]
    return f"it can be split at {_listed(places)}" if places else "it cannot be split anywhere"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(repr(name[:80]) for name in names[:_SHOWN]) + more


def _ports(proto: ModelProto) -> dict[str, Port]:
    """Float tensors of static shape by name, as inference finds them."""
    inferred = onnx.shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True)
    ports = {}
    for value in inferred.graph.value_info:
        kind = value.type.tensor_type
        dimensions = kind.shape.dim
        static = all(one.HasField("dim_value") and one.dim_value >= 1 for one in dimensions)
        if kind.elem_type == TensorProto.FLOAT and kind.HasField("shape") and static:
            shape = tuple(one.dim_value for one in dimensions)
            ports[value.name] = Port(value.name, shape)
    return ports


def _weights_of(flow: _Flow, tensor: str) -> tuple[set[str], set[str]]:
    """The real-valued constants before a place and behind it."""
    before, after = flow.closure([tensor]), flow.closure(flow.outputs, tensor)
    return _reals(flow, before), _reals(flow, after)


def _reals(flow: _Flow, nodes: Iterable[int]) -> set[str]:
    """Names of the real-valued constants that these nodes read or are."""
    found = set()
    for at in nodes:
        node = flow.graph.node[at]
        found |= {name for name in node.input if name in flow.weights and _real(flow.weights[name])}
        if _holds_reals(node):
            found.add(node.output[0])
    return found


def _real(tensor: TensorProto) -> bool:
    return tensor.data_type in _REALS


def _holds_reals(node: NodeProto) -> bool:
    return node.op_type == "Constant" and any(
        (item.name == "value" and _real(item.t)) or item.name in ("value_float", "value_floats")
        for item in node.attribute
    )


def _part(
    proto: ModelProto,
    flow: _Flow,
    nodes: set[int],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    name: str,
) -> Model:
    """A model of its own from some nodes; nothing else of the whole goes along."""
    chosen = []
    for at in sorted(nodes):
        node = NodeProto()
        node.CopyFrom(flow.graph.node[at])
        # Exporters write source code and paths into it.
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
        chosen.append(node)
    read = {value for node in chosen for value in node.input} | {one.name for one in outputs}
    weights = [tensor for tensor in flow.graph.initializer if tensor.name in read]
    graph = make_graph(chosen, f"{name} part", inputs, outputs, weights)
    part = make_model(graph, opset_imports=proto.opset_import, ir_version=proto.ir_version)
    return parse_model(part.SerializeToString(deterministic=True), f"the {name} part")
