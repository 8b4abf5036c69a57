"""A stored program is the program, or is refused."""

from pathlib import Path

import pytest

from avow.models.errors import ModelError
from avow.models.program.files import ProgramStore, load_program
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program
from tests.programs.builder import random_program


@pytest.fixture
def stored(tmp_path: Path) -> tuple[ProgramStore, bytes, Program, list[Blob]]:
    store = ProgramStore.at(tmp_path)
    program, blobs = random_program(7)
    assert blobs
    return store, store.add(program, blobs), program, blobs


Stored = tuple[ProgramStore, bytes, Program, list[Blob]]


def test_comes_back(stored: Stored) -> None:
    store, digest, program, blobs = stored
    assert digest == program.digest()
    assert store.load(digest) == (program, blobs)
    assert (store.folder(digest) / "program.json").read_bytes() == program.encode()
    assert store.has(digest)
    assert not store.has(bytes(32))


def test_adding_again_changes_nothing(stored: Stored) -> None:
    store, digest, program, blobs = stored
    assert store.add(program, blobs) == digest
    assert store.load(digest) == (program, blobs)


def test_a_crash_before_the_end_leaves_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ProgramStore.at(tmp_path)
    program, blobs = random_program(7)
    real = Program.encode

    def crash(self: Program) -> bytes:
        if (store.folder(digest) / "blobs").exists():
            raise KeyboardInterrupt
        return real(self)

    digest = program.digest()
    monkeypatch.setattr(Program, "encode", crash)
    with pytest.raises(KeyboardInterrupt):
        store.add(program, blobs)
    assert not store.has(digest)
    monkeypatch.undo()
    store.add(program, blobs)
    assert store.load(digest) == (program, blobs)


def _first_blob(stored: Stored) -> Path:
    store, digest, program, _ = stored
    return store.folder(digest) / "blobs" / f"{program.blobs[0].digest.hex()}.bin"


def test_one_changed_bit_of_a_blob_is_refused(stored: Stored) -> None:
    path = _first_blob(stored)
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match="do not hash to the blob's name"):
        stored[0].load(stored[1])


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"\0"])
def test_another_length_is_refused(stored: Stored, change: object) -> None:
    path = _first_blob(stored)
    path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(ModelError, match=r"expected \d+ bytes|more than \d+ bytes"):
        stored[0].load(stored[1])


@pytest.mark.parametrize("flip", [True, False], ids=["flipped", "empty"])
def test_a_damaged_blob_is_written_again(stored: Stored, flip: bool) -> None:
    store, digest, program, blobs = stored
    path = _first_blob(stored)
    path.write_bytes(bytes(byte ^ flip for byte in path.read_bytes()) if flip else b"")
    store.add(program, blobs)
    assert store.load(digest) == (program, blobs)


def test_a_missing_blob_is_refused(stored: Stored) -> None:
    _first_blob(stored).unlink()
    with pytest.raises(ModelError, match="blob: expected a file"):
        stored[0].load(stored[1])


def test_another_program_under_the_name_is_refused(stored: Stored, tmp_path: Path) -> None:
    store, digest, _, _ = stored
    other = store.add(*random_program(8))
    with pytest.raises(ModelError, match=f"expected the program {digest.hex()}, found"):
        load_program(store.folder(other), digest)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1,2", b"\xff\xfe"], ids=repr)
def test_anything_else_is_one_line(stored: Stored, data: bytes) -> None:
    store, digest, _, _ = stored
    (store.folder(digest) / "program.json").write_bytes(data)
    with pytest.raises(ModelError, match=r"program\.json") as caught:
        store.load(digest)
    assert "\n" not in str(caught.value)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected a file"):
        ProgramStore.at(tmp_path).load(bytes(32))


def test_foreign_blobs_are_not_stored(tmp_path: Path) -> None:
    program, _ = random_program(7)
    _, others = random_program(8)
    with pytest.raises(ModelError, match="not those that the program names"):
        ProgramStore.at(tmp_path).add(program, others)
    assert not list(tmp_path.rglob("*"))
