"""Inference on the GPU: it really happens there, and the exact programs stay exact.

Whatever onnxruntime would do on the processor instead fails here.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from avow.models.catalogue import add_zoo_model
from avow.models.compiler.stored import compile_stored
from avow.models.data import Rows
from avow.models.devices import CUDA, TENSORRT, Device, accelerators
from avow.models.infer import Preview
from avow.models.program.fast import FastExecutor
from avow.models.program.placed import exact_provider, placed
from avow.models.program.reference import Reference
from avow.models.program.selfcheck import self_check
from avow.models.schema import quantise_row
from avow.models.store import ModelStore, StoredModel

MODELS = ("digits-mlp", "digits-cnn", "lenet5")
PROVIDERS = {Device.CUDA: CUDA, Device.TENSORRT: TENSORRT}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store of models."""
    return tmp_path_factory.mktemp("home")


@cache
def stored(home: Path, name: str) -> StoredModel:
    """A model that comes with Avow."""
    return add_zoo_model(ModelStore.at(home), name).stored


def some_rows(model: StoredModel, count: int) -> Rows:
    """The first held-out rows."""
    rows = model.held_out()
    assert rows is not None
    return Rows(tuple(array[:count] for array in rows.inputs), None)


@pytest.mark.parametrize("name", MODELS)
def test_the_float_model_runs_where_it_shall(home: Path, name: str, device: Device) -> None:
    model = stored(home, name)
    preview = Preview(model.model(), device)
    assert preview.provider == PROVIDERS[device]
    assert preview.placement.nodes[preview.provider] > 0, preview.placement
    rows = some_rows(model, 8)
    (found,) = preview.run_rows(rows)
    (expected,) = Preview(model.model(), Device.CPU).run_rows(rows)
    # TF32 keeps ten bits of each factor.
    assert np.abs(found - expected).max() <= 0.02 * max(1.0, float(np.abs(expected).max()))


def test_a_choice_left_open_takes_the_gpu(home: Path) -> None:
    assert Device.CUDA in accelerators()
    assert Preview(stored(home, "digits-cnn").model(), Device.AUTO).provider == CUDA
    assert exact_provider(Device.AUTO) == CUDA


def test_programs_are_exact_on_cuda() -> None:
    assert self_check(lambda program, blobs: FastExecutor(program, blobs, providers=[CUDA])) > 0


@pytest.mark.parametrize("name", MODELS)
def test_a_models_program_says_the_same_to_the_last_bit(
    home: Path, name: str, device: Device
) -> None:
    model = stored(home, name)
    compiled = compile_stored(model, 8)
    executor = placed(compiled.program, compiled.blobs, device)
    assert executor.provider == CUDA
    assert executor.placement.nodes[CUDA] > 0
    held_out = model.held_out()
    assert held_out is not None
    reference = Reference(compiled.program, compiled.blobs)
    for row in range(4):
        inputs = [
            np.array(tensor.values, np.int64).reshape(1, *tensor.shape)
            for tensor in quantise_row(model.record, held_out, row)
        ]
        for found, wanted in zip(executor.run(inputs), reference.run(inputs), strict=True):
            assert np.array_equal(found, wanted)


def test_the_job_record_names_the_device_that_ran(home: Path, device: Device) -> None:
    from avow.prover.preview import preview_of

    model = stored(home, "digits-cnn")
    held_out = model.held_out()
    assert held_out is not None
    inputs = tuple(quantise_row(model.record, held_out, 0))
    onnx = home / "models" / model.digest.hex() / "model.onnx"
    text = preview_of(onnx, model.record, inputs, device).to_text()
    assert json.loads(text).get("provider") == PROVIDERS[device], text
