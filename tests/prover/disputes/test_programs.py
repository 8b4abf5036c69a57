"""What a validator vouches for: programs that it made again, and no others."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from avow.circuits.optimistic.compile import Made, Options, compile_model
from avow.prover.catalogue import FolderCatalogue
from avow.prover.disputes import programs as module
from avow.prover.disputes.programs import NotVouched, Programs
from avow.verifier.trace.refutation import TracedClaim
from tests.circuits.sumcheck.small import HOME, silent, stored


@pytest.fixture(scope="module")
def made() -> Made:
    return compile_model(stored(), HOME, Options(bits=8), HOME / "claimed", silent)


def home(folder: Path, made: Made, onnx: bytes | None) -> FolderCatalogue:
    """An installation with this artifact, and this file as its model's."""
    artifacts, models = folder / "artifacts", folder / "models"
    shutil.copytree(made.artifact.folder, artifacts / made.artifact.folder.name)
    if onnx is not None:
        kept = models / stored().digest.hex()
        kept.mkdir(parents=True)
        (kept / "model.onnx").write_bytes(onnx)
    return FolderCatalogue(artifacts, models)


def claim(made: Made) -> TracedClaim:
    record, word = made.artifact.record, bytes(32)
    return TracedClaim(record.key, record.program, word, word, word, word)


def test_a_program_is_made_again_from_its_model(made: Made, tmp_path: Path) -> None:
    programs = Programs(home(tmp_path, made, stored().model().data).all, threads=1)
    found = programs.of(claim(made))
    assert found.from_onnx
    assert found.loaded.key.digest == made.artifact.record.key
    assert programs.of(claim(made)) is found


def test_without_its_model_the_key_alone_is_checked(
    made: Made, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    programs = Programs(home(tmp_path, made, None).all, threads=1)
    assert not programs.of(claim(made)).from_onnx
    assert "is not checked" in caplog.text


def test_a_record_of_another_model_is_not_vouched_for(made: Made, tmp_path: Path) -> None:
    """The owner registered a program that is not its model's."""
    programs = Programs(home(tmp_path, made, stored("digits-cnn").model().data).all, threads=1)
    for _ in range(2):
        with pytest.raises(NotVouched, match="is not of its model") as caught:
            programs.of(claim(made))
        assert caught.value.final


def test_a_program_that_nobody_could_refute_is_not_vouched_for(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_heavy(*_: object) -> None:
        raise module.CircuitError("tensor 3 (dense): too heavy")

    monkeypatch.setattr(module, "draft", too_heavy)
    programs = Programs(home(tmp_path, made, stored().model().data).all, threads=1)
    with pytest.raises(NotVouched, match="too heavy"):
        programs.of(claim(made))


def test_a_damaged_constant_is_not_vouched_for(made: Made, tmp_path: Path) -> None:
    catalogue = home(tmp_path, made, None)
    folder = tmp_path / "artifacts" / made.artifact.folder.name
    blob = max(
        (one for one in folder.rglob("*") if one.is_file()), key=lambda one: one.stat().st_size
    )
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)
    with pytest.raises(NotVouched):
        Programs(catalogue.all, threads=1).of(claim(made))


@pytest.mark.parametrize("field", ["key", "program"])
def test_what_is_not_compiled_here_may_be_yet(made: Made, tmp_path: Path, field: str) -> None:
    programs = Programs(home(tmp_path, made, None).all, threads=1)
    with pytest.raises(NotVouched, match="is not compiled here") as caught:
        programs.of(replace(claim(made), **{field: b"\x01" * 32}))
    assert not caught.value.final
