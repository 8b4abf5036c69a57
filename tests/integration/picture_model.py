"""A model of a picture that fits no transaction, 3 x 224 x 224, in the tests' own store."""

from functools import cache

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from avow.models.intake import Source, take_in
from avow.models.schema import Identity, parse_range
from avow.models.store import ModelStore, StoredModel
from tests.circuits.sumcheck.small import HOME

MODEL = "picture"
SHAPE = (3, 224, 224)


def onnx_bytes() -> bytes:
    """x [1, 3, 224, 224] -> 8 x 8 of every 32 places -> scores [1, 3]."""
    random = np.random.default_rng(9)

    def weights(name: str, *shape: int) -> TensorProto:
        values = (random.normal(size=shape) / 8).astype(np.float32)
        return numpy_helper.from_array(values, name)

    convolution = helper.make_node(
        "Conv", ["x", "w0", "b0"], ["seen"], "seen", kernel_shape=[8, 8], strides=[32, 32]
    )
    graph = helper.make_graph(
        [
            convolution,
            helper.make_node("Relu", ["seen"], ["found"], "found"),
            helper.make_node("Flatten", ["found"], ["row"], "row"),
            helper.make_node("Gemm", ["row", "w1", "b1"], ["scores"], "scores"),
        ],
        "picture",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *SHAPE])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 3])],
        [weights("w0", 2, 3, 8, 8), weights("b0", 2), weights("w1", 98, 3), weights("b1", 3)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString(deterministic=True))


@cache
def picture() -> StoredModel:
    """The model, with a few random pictures."""
    folder = HOME / "files-picture"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(onnx_bytes())
    for name, count, number in (("calibration", 6, 1), ("heldout", 3, 2)):
        random = np.random.default_rng(number)
        np.savez(folder / f"{name}.npz", x=random.uniform(-1, 1, size=(count, *SHAPE)))
    source = Source(
        folder / "model.onnx",
        folder / "calibration.npz",
        folder / "heldout.npz",
        (parse_range("-1:1"),),
        6,
    )
    identity = Identity(MODEL, "1", "Apache-2.0", bytes(20))
    return take_in(ModelStore.at(HOME), source, identity).stored
