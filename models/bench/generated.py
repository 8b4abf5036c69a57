"""Bench models too large to commit: random weights, drawn anew from a seed, the same everywhere."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from avow.models.files import write_whole

WIDTH = 2048
CALIBRATION_ROWS = 32
HELD_OUT_ROWS = 256
NOTICE = "random weights: no training, no meaning, made to measure speed"
_OPSET = 17
_IR_VERSION = 8
_INPUT, _OUTPUT = "values", "activations"


def write_dense_4m(folder: Path) -> None:
    """Write `model.onnx`, `calibration.npz` and `heldout.npz` of `dense-4m` into a folder."""
    write_whole(folder / "model.onnx", dense_4m())
    for name, rows in (("calibration", CALIBRATION_ROWS), ("heldout", HELD_OUT_ROWS)):
        values = _whole(f"dense-4m {name}", (rows, WIDTH), 8) + 2**7
        np.savez(
            folder / f"{name}.npz",
            allow_pickle=False,
            **{_INPUT: (values / 2**8).astype(np.float32).reshape(rows, WIDTH)},
        )


def dense_4m() -> bytes:
    """One dense layer of 2048 x 2048 weights and a relu as ONNX: [1, 2048] to [1, 2048]."""
    weight = (_whole("dense-4m weight", (WIDTH, WIDTH), 24) / 2**28).astype(np.float32)
    bias = (_whole("dense-4m bias", (WIDTH,), 24) / 2**26).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", [_INPUT, "weight", "bias"], ["sums"], "dense", transB=1),
            helper.make_node("Relu", ["sums"], [_OUTPUT], "relu"),
        ],
        "dense-4m",
        [helper.make_tensor_value_info(_INPUT, TensorProto.FLOAT, [1, WIDTH])],
        [helper.make_tensor_value_info(_OUTPUT, TensorProto.FLOAT, [1, WIDTH])],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")],
        doc_string=NOTICE,
    )
    model = helper.make_model(
        graph,
        producer_name="avow",
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid("", _OPSET)],
    )
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _whole(seed: str, shape: tuple[int, ...], bits: int) -> NDArray[np.float64]:
    """Whole numbers, uniform in [-2^(bits-1), 2^(bits-1)).

    From SHAKE-256, because numpy promises no stream of random numbers for ever.
    """
    count = int(np.prod(shape))
    data = hashlib.shake_256(seed.encode("ascii")).digest(4 * count)
    words = np.frombuffer(data, "<u4").astype(np.int64) >> (32 - bits)
    found: NDArray[np.float64] = (words - 2 ** (bits - 1)).astype(np.float64).reshape(shape)
    return found
