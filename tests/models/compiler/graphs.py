"""Small ONNX models for the compiler's tests."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from avow.verifier.tensor import ElementType, TensorSpec


def model(
    nodes: list[Any],
    shape: tuple[int, ...],
    constants: dict[str, Any] | None = None,
    outputs: tuple[str, ...] = ("y",),
    opset: int = 20,
    rank: int | None = None,
    kind: int = TensorProto.FLOAT,
) -> bytes:
    """A model with one float32 input `x`; the outputs have its rank unless another is given."""
    arrays = constants or {}
    wide = len(shape) if rank is None else rank
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, kind, (None,) * wide) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    return bytes(made.SerializeToString())


def spec(shape: tuple[int, ...], scale: int = 7, low: int = -256, high: int = 256) -> TensorSpec:
    """The schema of `x`."""
    return TensorSpec("x", ElementType.INT16, shape, scale, low, high)


def rows(shape: tuple[int, ...], count: int, seed: int = 0) -> dict[str, Any]:
    """Reals in [-2, 2], multiples of 2^-7."""
    integers = np.random.default_rng(seed).integers(-256, 257, (count, *shape))
    return {"x": integers / 128.0}


def node(kind: str, inputs: str, outputs: str = "y", **attributes: Any) -> onnx.NodeProto:
    """A node named like its first output."""
    names = outputs.split()
    return helper.make_node(kind, inputs.split(), names, name=f"make {names[0]}", **attributes)
