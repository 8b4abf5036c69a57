"""A model that is only looked at: taken into a store of its own, with made-up rows if need be."""

from pathlib import Path

import numpy as np

from avow.models.intake import Source, take_in
from avow.models.load import load_model
from avow.models.schema import Identity, Range
from avow.models.store import ModelStore, StoredModel
from avow.verifier.records import NO_OWNER

_ROWS, _SEED = 64, 1
_LOW, _HIGH = 0.0, 1.0


def sketch(
    onnx: Path, calibration: Path | None, ranges: tuple[Range, ...], folder: Path
) -> StoredModel:
    """Take an ONNX file into `folder`; raises `ModelError`.

    Without calibration rows 64 are drawn evenly from the range that is given, else from 0 to 1:
    enough for sizes and costs, of no use for answers.
    """
    rows = calibration
    if rows is None:
        rows = folder / "rows.npz"
        _draw(onnx, ranges, rows)
    source = Source(onnx, rows, None, ranges, None)
    identity = Identity(_name(onnx), "0.0.0", "unspecified", NO_OWNER)
    return take_in(ModelStore.at(folder), source, identity).stored


def _draw(onnx: Path, ranges: tuple[Range, ...], target: Path) -> None:
    generator = np.random.default_rng(_SEED)
    found = {one.name: (float(one.low), float(one.high)) for one in ranges}
    arrays = {}
    for port in load_model(onnx).inputs:
        low, high = found.get(port.name, found.get(None, (_LOW, _HIGH)))
        drawn = generator.uniform(low, high, (_ROWS, *port.shape))
        arrays[port.name] = np.clip(drawn.astype(np.float32), low, high)
    np.savez(target, **arrays)  # type: ignore[arg-type]


def _name(onnx: Path) -> str:
    kept = [letter for letter in onnx.stem[:100] if letter.isascii() and letter.isalnum()]
    return "".join(kept) or "model"
