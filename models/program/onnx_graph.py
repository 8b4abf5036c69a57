"""An ONNX graph under construction: nodes, constants, names."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

OPSET = 17
IR_VERSION = 8


class Graph:
    """Collects nodes in order; every constant is stored once."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._interned: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Append a node with one result and return the result's name."""
        name = f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, array: NDArray[np.generic]) -> str:
        """Store an array and return its name."""
        # Small ones repeat (axes, shapes, bounds); a digest of large ones costs more than it saves.
        key = (str(array.dtype), array.shape, array.tobytes() if array.size <= 64 else b"")
        name = self._interned.get(key) if array.size <= 64 else None
        if name is None:
            name = f"c{len(self._constants)}"
            self._constants.append(numpy_helper.from_array(array, name))
            if array.size <= 64:
                self._interned[key] = name
        return name

    def integers(self, values: Sequence[int]) -> str:
        """Store a list of int64, as shapes and axes are."""
        return self.constant(np.array(values, np.int64))

    def add_input(self, name: str, onnx_type: int, shape: Sequence[int]) -> str:
        """Declare an input (batch, *shape)."""
        self._inputs.append(helper.make_tensor_value_info(name, onnx_type, ["batch", *shape]))
        return name

    def add_output(self, name: str, onnx_type: int, shape: Sequence[int]) -> None:
        """Declare an output (batch, *shape)."""
        self._outputs.append(helper.make_tensor_value_info(name, onnx_type, ["batch", *shape]))

    def model(self) -> bytes:
        """The serialised model."""
        graph = helper.make_graph(
            self._nodes, "program", self._inputs, self._outputs, self._constants
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        return bytes(model.SerializeToString())
