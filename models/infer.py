"""Running a model in floating point: the labelled preview, never the answer that is proven."""

from dataclasses import dataclass

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from avow.models.data import Rows
from avow.models.devices import Device, placement, providers, recorded, require
from avow.models.errors import ModelError, one_line
from avow.models.load import Model

FloatArray = NDArray[np.float32]
_FATAL_ONLY = 4


class Preview:
    """A float run of one model. What it returns differs by processor and never enters a statement.

    Source of the numbers: onnxruntime, one thread, where `placement` says. A device other than
    AUTO is refused (ModelError) when onnxruntime would run the model elsewhere.
    """

    __slots__ = ("_model", "_session", "placement")

    def __init__(self, model: Model, device: Device = Device.AUTO) -> None:
        options = recorded(onnxruntime.SessionOptions())
        options.intra_op_num_threads = 1
        # Errors reach the caller as exceptions; onnxruntime would print them as well.
        options.log_severity_level = _FATAL_ONLY
        wanted = providers(device)
        try:
            session = onnxruntime.InferenceSession(model.data, options, providers=wanted)
        except Exception as error:
            # onnxruntime raises classes of its own that share no public base.
            raise ModelError(f"onnxruntime cannot load the model: {one_line(error)}") from error
        self._model = model
        self._session = session
        self.placement = placement(session)
        require(device, self.placement)

    @property
    def provider(self) -> str:
        """The execution provider that runs the model, as the session says."""
        return self.placement.provider

    def run(self, inputs: tuple[NDArray[np.float64], ...]) -> tuple[FloatArray, ...]:
        """One row: arrays in the order and shape of the model's inputs; its outputs in order."""
        feeds = {}
        for port, array in zip(self._model.inputs, inputs, strict=True):
            if array.shape != port.shape:
                raise ModelError(
                    f"{port.name!r} must have shape {list(port.shape)}, got {list(array.shape)}"
                )
            feeds[port.name] = array.astype(np.float32)
        try:
            outputs = self._session.run([port.name for port in self._model.outputs], feeds)
        except Exception as error:
            raise ModelError(f"onnxruntime could not run the model: {one_line(error)}") from error
        return tuple(np.asarray(output, dtype=np.float32) for output in outputs)

    def run_rows(self, rows: Rows) -> tuple[FloatArray, ...]:
        """Every row on its own, as it would be proven: one array [n, *shape] per output."""
        results = [self.run(tuple(array[at] for array in rows.inputs)) for at in range(len(rows))]
        return tuple(np.stack(column) for column in zip(*results, strict=True))


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How well the float model answers labelled rows.

    `correct` counts top-1 hits (for a single output: the logit's sign) where labels are
    classes, otherwise it is None and `mean_error` is the mean absolute error.
    """

    rows: int
    correct: int | None
    mean_error: float | None


def evaluate(model: Model, rows: Rows, device: Device = Device.CPU) -> Evaluation:
    """Compare the model's first output with the rows' labels; refuses rows without labels."""
    if rows.labels is None:
        raise ModelError("held-out accuracy needs an array 'labels' in the held-out file")
    output = Preview(model, device).run_rows(rows)[0].reshape(len(rows), -1)
    labels = rows.labels
    if labels.dtype.kind == "f":
        targets = labels.reshape(len(rows), -1)
        if targets.shape != output.shape:
            raise ModelError(
                f"labels of shape {list(labels.shape)} do not fit outputs {list(output.shape)}"
            )
        return Evaluation(len(rows), None, float(np.abs(output - targets).mean()))
    classes = max(output.shape[1], 2)
    if labels.min() < 0 or labels.max() >= classes:
        raise ModelError(f"labels must lie in 0..{classes - 1}, got {labels.min()}..{labels.max()}")
    return Evaluation(len(rows), int((top_class(output) == labels).sum()), None)


def top_class(outputs: NDArray[np.floating]) -> NDArray[np.int64]:
    """The answer of each row [n, k]: the index of the largest, or for k = 1 whether it is > 0."""
    if outputs.shape[1] == 1:
        return np.asarray(outputs[:, 0] > 0, dtype=np.int64)
    return np.asarray(np.argmax(outputs, axis=1), dtype=np.int64)
