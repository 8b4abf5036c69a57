"""The store holds whole models under their digests, and notices when it does not."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from avow.models import files
from avow.models.errors import ModelError
from avow.models.store import ModelStore, StoredModel
from avow.verifier.records import ModelRecord
from tests.models.samples import linear, npz
from tests.models.test_schema import record_for

DATA = npz(x=np.ones((3, 4), np.float32))
OTHER = npz(x=np.zeros((3, 4), np.float32))
ONNX = linear().SerializeToString()


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore.at(tmp_path)


@pytest.fixture
def record() -> ModelRecord:
    return record_for(0.0, 1.0)


def test_add_and_open(store: ModelStore, record: ModelRecord, tmp_path: Path) -> None:
    stored = store.add(record, ONNX, DATA, None)
    assert stored.folder == tmp_path / "models" / record.digest().hex()
    assert store.open(record.digest()) == stored
    assert stored.onnx_path.read_bytes() == ONNX
    assert (len(stored.calibration()), stored.held_out()) == (3, None)
    assert store.digests() == (record.digest(),)
    assert store.survey() == ((stored,), ())


def test_again_changes_nothing(store: ModelStore, record: ModelRecord) -> None:
    stored = store.add(record, ONNX, DATA, OTHER)
    before = {path: path.stat().st_mtime_ns for path in stored.folder.iterdir()}
    assert store.add(record, ONNX, DATA, OTHER) == stored
    assert {path: path.stat().st_mtime_ns for path in stored.folder.iterdir()} == before
    assert [path.name for path in store.root.iterdir()] == [stored.folder.name]


@pytest.mark.parametrize(
    ("calibration", "held_out", "name"),
    [(OTHER, OTHER, "calibration.npz"), (DATA, DATA, "heldout.npz"), (DATA, None, "heldout.npz")],
)
def test_other_data_under_the_same_digest(
    store: ModelStore, record: ModelRecord, calibration: bytes, held_out: bytes | None, name: str
) -> None:
    stored = store.add(record, ONNX, DATA, OTHER)
    with pytest.raises(ModelError, match=f"stored already with another {name}"):
        store.add(record, ONNX, calibration, held_out)
    assert stored.calibration_path.read_bytes() == DATA


def test_a_held_out_file_is_not_slipped_in(store: ModelStore, record: ModelRecord) -> None:
    store.add(record, ONNX, DATA, None)
    with pytest.raises(ModelError, match=r"another heldout\.npz"):
        store.add(record, ONNX, DATA, OTHER)


def test_many_writers_at_once(store: ModelStore, record: ModelRecord) -> None:
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda _: store.add(record, ONNX, DATA, None), range(32)))
    assert set(added) == {store.open(record.digest())}
    assert [path.name for path in store.root.iterdir()] == [record.digest().hex()]


@pytest.mark.parametrize("failing", [1, 2, 3, 4])
def test_full_disk_leaves_nothing(
    store: ModelStore, record: ModelRecord, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """The disk fills while the n-th file is brought to it."""
    calls = 0
    real = os.fsync

    def fsync(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(files.os, "fsync", fsync)
    with pytest.raises(ModelError, match=r"cannot write .*: No space left on device"):
        store.add(record, ONNX, DATA, OTHER)
    assert list(store.root.iterdir()) == []
    monkeypatch.undo()
    assert store.add(record, ONNX, DATA, OTHER).digest == record.digest()


def test_a_home_that_cannot_be_a_folder(tmp_path: Path, record: ModelRecord) -> None:
    (tmp_path / "models").write_text("in the way")
    with pytest.raises(ModelError, match=r"cannot write .*models"):
        ModelStore.at(tmp_path).add(record, ONNX, DATA, None)


def spoil(stored: StoredModel, name: str, data: bytes) -> None:
    """Replace a stored file, as a liar with access to the disk would."""
    (stored.folder / name).write_bytes(data)


def test_liars_are_noticed(store: ModelStore, record: ModelRecord) -> None:
    stored = store.add(record, ONNX, DATA, None)
    spoil(stored, "model.onnx", linear(bias=0.25).SerializeToString())
    with pytest.raises(ModelError, match=r"model\.onnx is damaged: expected SHA-256"):
        store.open(record.digest())
    text = (stored.folder / "record.json").read_bytes()
    spoil(stored, "record.json", text.replace(b'"MIT"', b'"BSD"'))
    with pytest.raises(ModelError, match="is damaged: its record hashes to 0x"):
        store.open(record.digest())
    spoil(stored, "record.json", text + b"\n")
    with pytest.raises(ModelError, match=r"record\.json is damaged: .*not canonical"):
        store.open(record.digest())
    (stored.folder / "record.json").unlink()
    with pytest.raises(ModelError, match="model record: expected a file"):
        store.open(record.digest())


def test_one_damaged_folder_hides_no_other(store: ModelStore, record: ModelRecord) -> None:
    spoil(store.add(record, ONNX, DATA, None), "record.json", b"{}")
    good = store.add(record_for(0.0, 2.0), ONNX, DATA, None)
    (store.root / ".new-left-behind").mkdir()
    (store.root / "notes").mkdir()
    models, damaged = store.survey()
    assert models == (good,)
    assert [str(error) for error in damaged] == [
        f"{store.root / record.digest().hex() / 'record.json'} is damaged: model lacks "
        "'format', 'inputs', 'licence', 'name', 'onnx_sha256', 'outputs', 'owner', 'version'"
    ]


def test_unknown_digest(store: ModelStore) -> None:
    assert store.digests() == ()
    with pytest.raises(ModelError, match=f"no model 0x{'00' * 32} in "):
        store.open(bytes(32))
