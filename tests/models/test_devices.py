"""Which device runs a graph, as the session says; other devices are played by stand-ins."""

from types import SimpleNamespace
from typing import Any

import onnxruntime
import pytest

from avow.models import devices
from avow.models.devices import (
    CUDA,
    PROCESSOR,
    TENSORRT,
    Device,
    Placement,
    accelerators,
    placement,
    providers,
    require,
)
from avow.models.errors import ModelError
from avow.models.infer import Preview
from avow.models.program import placed as programs
from avow.models.program.placed import exact_provider, is_accelerated
from tests.models.test_infer import sample


def there(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make onnxruntime claim to have these providers."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(names))
    monkeypatch.setattr(devices, "_load_libraries", lambda: None)


def session(order: list[str], *parts: tuple[str, int]) -> Any:
    """A session that has given nodes to providers."""
    return SimpleNamespace(
        get_providers=lambda: order,
        get_provider_graph_assignment_info=lambda: [
            SimpleNamespace(ep_name=name, get_nodes=lambda count=count: [None] * count)
            for name, count in parts
        ],
    )


def test_what_is_wanted_in_which_order(monkeypatch: pytest.MonkeyPatch) -> None:
    there(monkeypatch, TENSORRT, CUDA, PROCESSOR)
    assert accelerators() == (Device.CUDA, Device.TENSORRT)
    assert providers(Device.AUTO) == providers(Device.CUDA) == [CUDA, PROCESSOR]
    assert providers(Device.TENSORRT) == [TENSORRT, CUDA, PROCESSOR]
    assert providers(Device.CPU) == [PROCESSOR]
    there(monkeypatch, "AzureExecutionProvider", PROCESSOR)
    assert accelerators() == ()
    assert providers(Device.AUTO) == [PROCESSOR]
    for device in (Device.CUDA, Device.TENSORRT):
        with pytest.raises(
            ModelError, match=f"{device.value} was asked for, but this onnxruntime has only Azure"
        ):
            providers(device)


def test_the_session_is_asked_where_it_runs() -> None:
    both = session([CUDA, PROCESSOR], (CUDA, 2), (PROCESSOR, 1), (CUDA, 3))
    assert placement(both) == Placement(CUDA, {CUDA: 5, PROCESSOR: 1})
    assert str(placement(both)) == "CUDAExecutionProvider, 5 of 6 nodes"
    # A provider that was started and got nothing has run nothing.
    assert placement(session([CUDA, PROCESSOR], (PROCESSOR, 4))).provider == PROCESSOR
    assert placement(session([CUDA, PROCESSOR])).provider == PROCESSOR


def test_no_silent_fallback() -> None:
    for device in (Device.CUDA, Device.TENSORRT):
        with pytest.raises(ModelError, match=f"{device.value} was asked for, but onnxruntime runs"):
            require(device, Placement(PROCESSOR, {PROCESSOR: 3}))
    require(Device.AUTO, Placement(PROCESSOR, {PROCESSOR: 3}))
    require(Device.CUDA, Placement(CUDA, {CUDA: 3}))


def test_a_real_session_names_the_processor() -> None:
    preview = Preview(sample(), Device.CPU)
    assert preview.provider == PROCESSOR
    assert sum(preview.placement.nodes.values()) == preview.placement.nodes[PROCESSOR] > 0
    assert Preview(sample(), Device.AUTO).provider in (PROCESSOR, CUDA)


def test_programs_go_to_a_gpu_that_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []
    monkeypatch.setattr(programs, "self_check", lambda make: checked.append(make))
    monkeypatch.setattr(programs, "providers", lambda device: [CUDA, PROCESSOR])
    for device in (Device.AUTO, Device.CUDA, Device.TENSORRT):
        exact_provider.cache_clear()
        assert exact_provider(device) == CUDA
    assert len(checked) == 3
    exact_provider.cache_clear()


def test_a_gpu_that_is_not_exact_answers_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def wrong(make: object) -> int:
        raise ModelError("self-check 'gemm': this machine computes 1 of 9 elements wrongly")

    monkeypatch.setattr(programs, "self_check", wrong)
    monkeypatch.setattr(programs, "providers", lambda device: [CUDA, PROCESSOR])
    exact_provider.cache_clear()
    assert exact_provider(Device.AUTO) == PROCESSOR
    assert "programs run on the processor: self-check 'gemm'" in caplog.text
    with pytest.raises(ModelError, match="self-check"):
        exact_provider(Device.CUDA)
    exact_provider.cache_clear()


def test_whether_a_gpu_is_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    there(monkeypatch, PROCESSOR)
    assert not is_accelerated(Device.AUTO)
    there(monkeypatch, CUDA, PROCESSOR)
    assert is_accelerated(Device.AUTO) and not is_accelerated(Device.CPU)


def test_the_check_of_make_test_gpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there(monkeypatch, PROCESSOR)
    assert devices.main(["cuda"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("avow: error: no GPU provider is present: onnxruntime ")
    assert said.count("\n") == 1
    # A provider that is listed but cannot start: its libraries are missing, say.
    there(monkeypatch, CUDA, PROCESSOR)
    monkeypatch.undo()
    monkeypatch.setattr(devices, "accelerators", lambda: (Device.CUDA,))
    assert devices.main(["cuda"]) == 2
    assert "cuda was asked for, but" in capsys.readouterr().err
