"""Prints the digest of every program below, one per line: run as a process of its own."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from avow.models.compiler.graph import parse_graph
from avow.models.compiler.options import PRECISIONS
from avow.models.compiler.simplify import simplify
from avow.models.compiler.translate import build
from avow.verifier.tensor import ElementType, TensorSpec

ZOO = Path(__file__).resolve().parents[3] / "models" / "zoo"
SPECS = {
    "digits-mlp": TensorSpec("pixels", ElementType.INT16, (1, 64), 7, 0, 128),
    "digits-cnn": TensorSpec("image", ElementType.INT16, (1, 1, 8, 8), 7, 0, 128),
    "tumour-risk": TensorSpec("measurements", ElementType.INT16, (1, 30), 7, 0, 2**14),
}
CURVES = ("Gelu", "Tanh", "Sigmoid", "Exp", "Elu", "Erf", "HardSwish", "LogSoftmax", "Softmax")


def curved_model() -> bytes:
    """A model whose nodes are all functions that processors round differently."""
    weight = (np.arange(48, dtype=np.float32).reshape(6, 8) % 7 - 3) / 5
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"])]
    nodes += [helper.make_node(kind, ["h"], [kind], name=kind) for kind in CURVES]
    nodes.append(helper.make_node("Sum", list(CURVES), ["s"]))
    nodes.append(helper.make_node("LayerNormalization", ["s", "g"], ["y"]))
    constants = [
        numpy_helper.from_array(weight, "w"),
        numpy_helper.from_array(np.linspace(0.1, 2, 8, dtype=np.float32), "g"),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 6])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])]
    graph = helper.make_graph(nodes, "curves", inputs, outputs, constants)
    opset = helper.make_opsetid("", 20)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def digests() -> dict[str, str]:
    """Name and precision of every program, and its digest."""
    found = {}
    rows = np.random.default_rng(1).integers(-256, 257, (16, 1, 6))
    spec = TensorSpec("x", ElementType.INT16, (1, 6), 7, -256, 256)
    models = {"curves": (curved_model(), spec, rows)}
    for name, known in SPECS.items():
        reals = np.load(ZOO / name / "calibration.npz")[known.name][:128]
        integers = np.rint(reals.astype(np.float64) * 2.0**known.scale).astype(np.int64)
        data = (ZOO / name / "model.onnx").read_bytes()
        models[name] = (data, known, integers.reshape(-1, *known.shape))
    for name, (data, known, integers) in models.items():
        graph = simplify(parse_graph(data))
        for bits in PRECISIONS:
            built = build(graph, (known,), [integers], bits)
            found[f"{name} {bits}"] = built.program.digest().hex()
    return found


if __name__ == "__main__":
    for name, digest in digests().items():
        print(name, digest)
