"""Exporting a torch module, and what is said where torch or the module is missing."""

import importlib.util
import sys
from pathlib import Path

import pytest

from avow.models.errors import ModelError
from avow.models.export import InputShape, export_class, parse_input_shape
from avow.models.load import parse_model

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="exporting needs the [train] extra"
)
NETWORKS = """
from torch import nn

class Line(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(4, 2))

class Memory(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRU(4, 4)

    def forward(self, x):
        return self.cell(x)[0]

class Sized(nn.Module):
    def __init__(self, size):
        super().__init__()
"""


@pytest.mark.parametrize(
    ("text", "shape"), [("1", (1,)), ("1x64", (1, 64)), ("1x1x8x8:float32", (1, 1, 8, 8))]
)
def test_input_shape(text: str, shape: tuple[int, ...]) -> None:
    assert parse_input_shape(text) == InputShape(shape)


@pytest.mark.parametrize("text", ["", "x", "0x4", "1x", "1,4", "1x-4", "1x4:", "1x4:float64"])
def test_input_shapes_that_are_none(text: str) -> None:
    with pytest.raises(ModelError):
        parse_input_shape(text)


def test_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModelError, match=r"exporting needs PyTorch: pip install 'avow\[train\]'"):
        export_class("a:B", (InputShape((1, 4)),), None)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "some_networks.py").write_text(NETWORKS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "some_networks", raising=False)
    return tmp_path


@needs_torch
def test_export_with_weights(folder: Path) -> None:
    import torch

    state = {"0.weight": torch.ones(2, 4), "0.bias": torch.zeros(2)}
    torch.save(state, folder / "w.pt")
    shapes = (InputShape((1, 4)),)
    model = parse_model(export_class("some_networks:Line", shapes, folder / "w.pt"), "line")
    assert (model.inputs[0].shape, model.outputs[0].shape, model.parameters) == ((1, 4), (1, 2), 10)
    torch.save({"other": torch.ones(1)}, folder / "w.pt")
    with pytest.raises(ModelError, match=r"w\.pt holds no weights of this module"):
        export_class("some_networks:Line", shapes, folder / "w.pt")
    (folder / "w.pt").write_bytes(b"junk")
    with pytest.raises(ModelError, match=r"w\.pt: expected tensors saved by torch\.save"):
        export_class("some_networks:Line", shapes, folder / "w.pt")


@needs_torch
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("some_networks", "expected module:Class"),
        ("gone:Line", "cannot import 'gone': ModuleNotFoundError"),
        ("some_networks:Gone", "is not a class derived from torch.nn.Module"),
        ("some_networks:nn", "is not a class derived from torch.nn.Module"),
        ("some_networks:Sized", "must be buildable without arguments: TypeError"),
        ("some_networks:Line", "torch could not export the module: RuntimeError"),
        ("some_networks:Memory", r"1 unsupported node: .*\(GRU: not among"),
    ],
)
def test_refused_exports(folder: Path, target: str, message: str) -> None:
    shape = InputShape((1, 3, 4) if target.endswith("Memory") else (1, 5))
    with pytest.raises(ModelError, match=message):
        export_class(target, (shape,), None)
