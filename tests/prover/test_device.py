"""A worker does not start on a device that does not work, and a job says where it was answered."""

import logging
from collections.abc import Sequence

import pytest

from avow.models.devices import Device
from avow.models.program import placed
from avow.models.program.fast import FastExecutor
from avow.prover import device as checks
from avow.prover.attempt import attempt
from avow.prover.config import from_environment
from avow.prover.device import check_device
from avow.prover.errors import ConfigurationError
from avow.prover.inference import infer
from avow.prover.outbox import Task
from avow.prover.systems.sumcheck.inside import Desk
from avow.prover.systems.system import Answer
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program
from tests.circuits.sumcheck import small
from tests.prover.tiny import Shop, request


def test_a_gpu_that_is_not_there_is_refused_in_one_line() -> None:
    with pytest.raises(ConfigurationError, match="AVOW_DEVICE: no GPU provider is present: onnx"):
        check_device(Device.CUDA)
    check_device(Device.CPU)


def test_a_gpu_that_does_not_start_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The listing promises one; the process that tries it finds none."""
    monkeypatch.setattr(checks, "accelerators", lambda: (Device.CUDA,))
    with caplog.at_level(logging.WARNING):
        check_device(Device.AUTO)
    assert "device auto: the processor, since no GPU provider is present" in caplog.text


def test_the_device_is_one_of_four() -> None:
    assert from_environment({}).device == "auto"
    assert from_environment({"AVOW_DEVICE": "tensorrt"}).device == "tensorrt"
    with pytest.raises(ConfigurationError, match="AVOW_DEVICE: expected auto, cpu, cuda, tensorrt"):
        from_environment({"AVOW_DEVICE": "npu"})


def test_the_job_says_what_ran_the_program(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(compiled: object, inputs: object, *others: object) -> Answer:
        answer = type(shop.system).answer(shop.system, compiled, inputs, *others)  # type: ignore[arg-type]
        return Answer(answer.outputs, answer.input, "CUDAExecutionProvider")

    job = shop.queue.submit(request(1, 2, 3, 4))
    assert "answered_on" not in job.to_json()
    monkeypatch.setattr(shop.system, "answer", answer)
    attempt(shop.bench(), job.id, 0, Task.INFER, infer)
    found = shop.queue.status(job.id)
    assert found.to_json()["answered_on"] == "CUDAExecutionProvider"


def test_a_gpu_answers_what_the_processor_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The graph that a GPU is given, here run by the processor under another name."""
    made = small.compiled()
    request = {
        "folder": str(made.artifact.folder),
        "samples": [[tensor.to_json() for tensor in small.inputs()]],
    }
    plain = Desk().answer(request, lambda value: None)
    assert plain["provider"] == "numpy"

    devices: list[Device] = []

    def on_gpu(program: Program, blobs: Sequence[Blob], device: Device) -> FastExecutor:
        devices.append(device)
        return FastExecutor(program, blobs, portable=True)

    monkeypatch.setattr(placed, "is_accelerated", lambda device: True)
    monkeypatch.setattr(placed, "exact_provider", lambda device: "CUDAExecutionProvider")
    monkeypatch.setattr(placed, "placed", on_gpu)
    monkeypatch.setenv("AVOW_DEVICE", "cuda")
    desk = Desk()
    for _ in range(2):
        there = desk.answer(request, lambda value: None)
        assert there["outputs"] == plain["outputs"]
        assert there["provider"] == "CPUExecutionProvider"
    # Made ready once.
    assert devices == [Device.CUDA]
