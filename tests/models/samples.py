"""Small ONNX models and data files for this room's tests."""

import io
from pathlib import Path

import numpy as np
from onnx import ModelProto, helper, numpy_helper

from avow.models.catalogue import ZOO
from avow.models.load import Port
from tests.models.operator_graphs import graph

ZOO_NAMES = ("digits-cnn", "digits-mlp", "tumour-risk")
PORT = Port("x", (1, 4))


def zoo_bytes(name: str) -> bytes:
    """The ONNX bytes of a zoo model."""
    return (ZOO / name / "model.onnx").read_bytes()


def linear(outputs: int = 2, bias: float = 0.5) -> ModelProto:
    """y = x w + bias, from `x` [1, 4] to `y` [1, outputs]."""
    weights = np.arange(4 * outputs, dtype=np.float32).reshape(4, outputs) / 8
    constants = {"w": weights, "b": np.full(outputs, bias, np.float32)}
    return graph([helper.make_node("Gemm", ["x", "w", "b"], ["y"], "dense")], constants=constants)


def npz(**arrays: np.ndarray) -> bytes:
    """The bytes of an npz file."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def initializer(model: ModelProto, name: str, values: np.ndarray) -> None:
    """Replace one weight tensor."""
    (tensor,) = [one for one in model.graph.initializer if one.name == name]
    tensor.CopyFrom(numpy_helper.from_array(values, name))


def write(path: Path, data: bytes) -> Path:
    """Write bytes and return the path."""
    path.write_bytes(data)
    return path
