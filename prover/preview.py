"""The preview: the float model's run beside the answer, labelled, never part of a statement."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avow.models.devices import Device
from avow.models.errors import ModelError
from avow.prover.catalogue import Compiled
from avow.verifier.records import ModelRecord
from avow.verifier.tensor import Tensor

if TYPE_CHECKING:
    from avow.models import infer


@dataclass(frozen=True, slots=True)
class Preview:
    """What the float model said, or why there is nothing; `provider` is onnxruntime's."""

    outputs: tuple[tuple[float, ...], ...]
    provider: str
    unavailable: str = ""

    def to_text(self) -> str:
        """The JSON object that an answer row stores, labelled as what it is."""
        value: dict[str, object] = {"kind": "preview", "note": "float run; nothing proves it"}
        if self.unavailable:
            value["unavailable"] = self.unavailable
        else:
            value["provider"] = self.provider
            value["outputs"] = [[_plain(item) for item in row] for row in self.outputs]
        return json.dumps(value)


def run_preview(
    compiled: Compiled, inputs: tuple[Tensor, ...], device: Device = Device.AUTO
) -> Preview:
    """Runs the float model by onnxruntime on what the input integers stand for.

    The answer does not depend on it, so a model that onnxruntime refuses gives a preview that
    says why.
    """
    return preview_of(compiled.onnx, compiled.model, inputs, device)


def preview_of(
    onnx: Path, model: ModelRecord, inputs: tuple[Tensor, ...], device: Device
) -> Preview:
    """The preview of the model of a record, whose file is `onnx`."""
    arrays = tuple(
        np.asarray(spec.dequantise(tensor), dtype=np.float64).reshape(spec.shape)
        for spec, tensor in zip(model.inputs, inputs, strict=True)
    )
    try:
        runner = _runner(onnx, model.onnx_sha256, device)
        outputs = runner.run(arrays)
    except ModelError as error:
        return Preview((), "", str(error)[:300])
    rows = tuple(tuple(float(item) for item in array.reshape(-1)) for array in outputs)
    return Preview(rows, runner.provider)


@lru_cache(maxsize=4)
def _runner(path: Path, sha256: bytes, device: Device) -> infer.Preview:
    # Of a worker's processes one runs previews, and loading what reads ONNX takes a while.
    from avow.models import infer
    from avow.models.load import load_model

    model = load_model(path)
    if model.sha256 != sha256:
        raise ModelError(f"{path.name} is not the file that the model record names")
    return infer.Preview(model, device)


def _plain(value: float) -> float | str:
    # JSON has no NaN or infinity, which a float model may well produce.
    return value if np.isfinite(value) else str(value)
