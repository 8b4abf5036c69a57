"""The float model beside the program: informative numbers that no program depends on."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from avow.models.compiler.builder import Builder
from avow.models.compiler.graph import Graph
from avow.models.errors import ModelError, one_line
from avow.models.program.blobs import Integers
from avow.models.program.reference import Reference
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program

_FATAL_ONLY = 4


class Floats:
    """The model in onnxruntime's float32, with every named tensor to be had."""

    def __init__(self, data: bytes, graph: Graph) -> None:
        self._data = data
        self._inputs = graph.inputs
        self.outputs = graph.outputs

    def run(
        self, rows: Mapping[str, NDArray[Any]], names: tuple[str, ...], most: int | None = None
    ) -> list[NDArray[np.float64]]:
        """The tensors `names` for each of the first `most` rows, (rows, *shape)."""
        proto = onnx.load_model_from_string(self._data)
        present = {value.name for value in proto.graph.output}
        for name in names:
            if name not in present:
                proto.graph.output.append(onnx.ValueInfoProto(name=name))
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _FATAL_ONLY
        try:
            session = onnxruntime.InferenceSession(
                proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
            kinds = {
                value.name: _NUMPY.get(value.type, np.float32) for value in session.get_inputs()
            }
            arrays = {
                port.name: np.asarray(rows[port.name])[:most].astype(kinds[port.name])
                for port in self._inputs
            }
            count = len(next(iter(arrays.values())))
            results = [
                session.run(
                    list(names),
                    {p.name: arrays[p.name][at].reshape(p.shape) for p in self._inputs},
                )
                for at in range(count)
            ]
        except Exception as error:
            # onnxruntime raises classes of its own that share no public base.
            raise ModelError(f"onnxruntime cannot run the model: {one_line(error)}") from error
        return [np.stack(column).astype(np.float64) for column in zip(*results, strict=True)]


_NUMPY: dict[str, type[np.generic]] = {
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int16)": np.int16,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(uint16)": np.uint16,
    "tensor(uint32)": np.uint32,
    "tensor(uint64)": np.uint64,
    "tensor(bool)": np.bool_,
}


def layer_errors(
    report: dict[str, Any],
    program: Program,
    blobs: tuple[Blob, ...],
    b: Builder,
    names: dict[str, int],
    inputs: list[Integers],
    floats: Floats,
    rows: Mapping[str, NDArray[Any]],
) -> None:
    """Write into the report how far each tensor is from the float model's, and what saturated."""
    trace = Reference(program, blobs).trace(inputs)
    labels = [spec.scale for spec in program.inputs] + [step.scale for step in program.steps]
    wanted = tuple(name for name, tensor in names.items() if tensor >= len(program.inputs))
    measured = floats.run(rows, wanted, len(inputs[0])) if wanted else []
    operations = report["operations"]
    for name, exact in zip(wanted, measured, strict=True):
        tensor = names[name]
        integers = trace[tensor]
        if integers.size != exact.size or not np.isfinite(exact).all():
            continue
        wrong = np.abs(integers.reshape(-1) / 2.0 ** labels[tensor] - exact.reshape(-1))
        entry = operations[tensor - len(program.inputs)]
        entry["tensor_name"] = name
        entry["measured_max_error"] = float(wrong.max())
        entry["measured_mean_error"] = float(wrong.mean())
    report["saturation"] = [
        {
            "node": limit.node,
            "tensor": limit.tensor,
            "hits": _outside(trace[limit.tensor], limit.low, limit.high),
            "values": int(trace[limit.tensor].size),
        }
        for limit in b.limits
    ]


def _outside(values: Integers, low: int | None, high: int | None) -> int:
    below = 0 if low is None else int((values < low).sum())
    return below + (0 if high is None else int((values > high).sum()))
