"""Turning a torch module into an ONNX file that the rest of this room accepts."""

import importlib
import io
import re
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from avow.models.errors import ModelError, one_line
from avow.models.files import read_bounded
from avow.models.limits import LIMITS
from avow.models.load import parse_model

OPSET = 17
_INPUT = re.compile(r"(?P<shape>[1-9][0-9]*(?:x[1-9][0-9]*)*)(?::(?P<type>[a-z0-9]+))?")


@dataclass(frozen=True, slots=True)
class InputShape:
    """The shape of one example input, batch first; the element type is float32."""

    shape: tuple[int, ...]


def parse_input_shape(text: str) -> InputShape:
    """Read `1x64` or `1x64:float32`; other element types have no place in a proven model."""
    match = _INPUT.fullmatch(text)
    if match is None:
        raise ModelError(f"an input is written like 1x64 or 1x1x8x8:float32, got {text[:60]!r}")
    if match["type"] not in (None, "float32"):
        raise ModelError(f"inputs are float32, got {match['type']!r} in {text[:60]!r}")
    return InputShape(tuple(int(part) for part in match["shape"].split("x")))


def export_class(target: str, inputs: tuple[InputShape, ...], weights: Path | None) -> bytes:
    """Import `module:Class`, build it without arguments, load its weights: its ONNX file's bytes.

    Importing runs the module's code: give only modules you trust. It is looked for in the
    current folder too. Weights are read with `weights_only=True`, which runs none.
    """
    torch = import_torch()
    module = _build(torch, target)
    if weights is not None:
        _load_weights(torch, module, weights)
    generator = torch.Generator().manual_seed(0)
    examples = tuple(torch.randn(*one.shape, generator=generator) for one in inputs)
    return onnx_of(module.eval(), examples, [], [])


def import_torch() -> ModuleType:
    """The torch package, or one line that tells how to get it."""
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise ModelError("exporting needs PyTorch: pip install 'avow[train]'") from error


def onnx_of(module: Any, examples: tuple[Any, ...], inputs: list[str], outputs: list[str]) -> bytes:
    """The ONNX file of a torch module in evaluation mode: the examples' shapes, weights inside.

    Raises `ModelError` when the graph is not one that `parse_model` accepts.
    """
    torch = import_torch()
    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings():
            # The tracing exporter is deprecated; it writes the smaller graph (decision 0030).
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                examples,
                buffer,
                input_names=inputs or [f"input_{at}" for at in range(len(examples))],
                output_names=outputs or None,
                opset_version=OPSET,
                dynamo=False,
            )
    except Exception as error:
        # Tracing runs the module's own forward, which may raise anything.
        raise ModelError(f"torch could not export the module: {_named(error)}") from error
    data = buffer.getvalue()
    parse_model(data, "the exported model")
    return data


def _build(torch: Any, target: str) -> Any:
    module_name, colon, class_name = target.partition(":")
    if not colon or not module_name or not class_name.isidentifier():
        raise ModelError(f"expected module:Class, got {target[:80]!r}")
    # An installed command does not look for modules where it is run; people do.
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module_name), class_name, None)
    except Exception as error:
        # The module's own code may raise anything while it is imported.
        raise ModelError(f"cannot import {module_name!r}: {_named(error)}") from error
    finally:
        sys.path.pop(0)
    if not isinstance(found, type) or not issubclass(found, torch.nn.Module):
        raise ModelError(f"{target!r} is not a class derived from torch.nn.Module")
    try:
        return found()
    except Exception as error:
        raise ModelError(
            f"{target!r} must be buildable without arguments: {_named(error)}"
        ) from error


def _load_weights(torch: Any, module: Any, path: Path) -> None:
    data = read_bounded(path, LIMITS.model_bytes, "weights")
    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:
        # Torch's own message advises to run the file's code; that is no advice to pass on.
        raise ModelError(
            f"{path}: expected tensors saved by torch.save(module.state_dict(), ...), "
            "got something else or a damaged file"
        ) from error
    try:
        module.load_state_dict(state)
    except Exception as error:
        # A foreign state raises KeyError, TypeError, RuntimeError and others.
        raise ModelError(f"{path} holds no weights of this module: {_named(error)}") from error


def _named(error: Exception) -> str:
    # Many of torch's errors say little without their type.
    return f"{type(error).__name__}: {one_line(error)}"
