"""Taking in a model checks all of it before anything is stored."""

from pathlib import Path

import numpy as np
import pytest

from avow.models.errors import ModelError
from avow.models.infer import Evaluation
from avow.models.intake import Source, take_in
from avow.models.schema import Range
from avow.models.store import ModelStore
from tests.models.samples import linear, npz, write
from tests.models.test_schema import IDENTITY

CALIBRATION = np.arange(12, dtype=np.float32).reshape(3, 4)
HELD_OUT = CALIBRATION + 0.5


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore.at(tmp_path / "home")


def source(
    folder: Path,
    *,
    onnx: bytes | None = None,
    calibration: bytes | None = None,
    held_out: bytes | None = None,
    ranges: tuple[Range, ...] = (),
) -> Source:
    """Files in `folder`, good ones where nothing else is given."""
    return Source(
        write(folder / "m.onnx", onnx or linear().SerializeToString()),
        write(folder / "cal.npz", calibration or npz(x=CALIBRATION)),
        None if held_out is None else write(folder / "held.npz", held_out),
        ranges,
        None,
    )


def test_all_good(tmp_path: Path, store: ModelStore) -> None:
    held_out = npz(x=HELD_OUT, labels=np.array([1, 1, 1]))
    intake = take_in(store, source(tmp_path, held_out=held_out), IDENTITY)
    assert intake.evaluation == Evaluation(3, 3, None)
    assert store.open(intake.stored.digest) == intake.stored
    assert intake.stored.record.onnx_sha256 == intake.stored.model().sha256


def test_without_held_out(tmp_path: Path, store: ModelStore) -> None:
    intake = take_in(store, source(tmp_path), IDENTITY)
    assert (intake.evaluation, intake.stored.held_out()) == (None, None)


def refusal(store: ModelStore, given: Source) -> str:
    """The line with which the model is refused; nothing may have been stored."""
    with pytest.raises(ModelError) as caught:
        take_in(store, given, IDENTITY)
    assert store.digests() == ()
    return str(caught.value)


def test_refusals(tmp_path: Path, store: ModelStore) -> None:
    assert "not an ONNX file" in refusal(store, source(tmp_path, onnx=b"junk"))
    assert "cal.npz: not an npz" in refusal(store, source(tmp_path, calibration=b"junk"))
    assert "held.npz: not an npz" in refusal(store, source(tmp_path, held_out=b"junk"))
    shared = npz(x=np.concatenate([HELD_OUT, CALIBRATION[1:]]))
    assert refusal(store, source(tmp_path, held_out=shared)) == (
        "held.npz: 2 rows also appear in cal.npz; held-out rows must be others"
    )
    assert refusal(store, source(tmp_path, held_out=npz(x=HELD_OUT + 10))) == (
        "held.npz: 'x' must lie in the declared range [0, 14], row 1 holds 15.5; "
        "declare another with --range lo:hi"
    )
    assert refusal(store, source(tmp_path, ranges=(Range(None, 0, 5),))) == (
        "cal.npz: 'x' must lie in the declared range [0, 5], row 1 holds 6; "
        "declare another with --range lo:hi"
    )
