"""Artifacts of `tee/v1`: one program with other systems, and the software that may answer."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from avow.circuits.artifact import (
    RECORD,
    SIGNATURE,
    Artifact,
    find_artifact,
    load_artifact,
    place,
    write_inventory,
    write_signature,
)
from avow.circuits.errors import CircuitError
from avow.circuits.lock import LOCK
from avow.circuits.optimistic import compile as optimistic
from avow.circuits.tee.artifact import load
from avow.circuits.tee.compile import Options, compile_model
from avow.circuits.tee.files import REFERENCE
from avow.circuits.tee.forecast import forecast
from avow.circuits.tee.recheck import recheck
from avow.models.catalogue import add_zoo_model
from avow.models.store import ModelStore, StoredModel
from avow.verifier.attestation.policy import AttestationPolicy, IntelTcb, TdxPolicy
from avow.verifier.canonical import encode
from avow.verifier.systems.tee.registration import SYSTEM_ID, record_key

_HOMES: list[Path] = []


def reference(*first: int) -> AttestationPolicy:
    """Rows of four registers, each filled with one number and those after it."""
    rows = tuple(tuple(bytes([one + at]) * 48 for at in range(4)) for one in first)
    return AttestationPolicy(
        tdx=TdxPolicy(rows, IntelTcb(("UpToDate",), (), 17, None), bytes(48), ())
    )


@lru_cache(maxsize=2)
def compiled(name: str = "tumour-risk") -> tuple[Path, StoredModel, Artifact]:
    """The model compiled once."""
    home = Path(mkdtemp(prefix="avow-tee-"))
    _HOMES.append(home)
    stored = add_zoo_model(ModelStore.at(home), name).stored
    options = Options(reference(1, 11))
    return home, stored, compile_model(stored, home, options, home / "artifacts", quiet).artifact


def quiet(step: str, what: str) -> None:
    """Reports nothing."""


@pytest.fixture(scope="module", autouse=True)
def removed_homes() -> Iterator[None]:
    """Every home goes away at the end."""
    yield
    for home in _HOMES:
        shutil.rmtree(home, ignore_errors=True)


def test_the_record_names_program_and_software() -> None:
    home, stored, artifact = compiled()
    record = artifact.record
    assert (
        record.system == SYSTEM_ID and record.measurements == reference(1, 11).measurement_digests()
    )
    assert record.key == record_key(record.program, record.outputs, record.measurements)
    loaded = load(artifact)
    assert loaded.program.digest() == record.program and loaded.reference == reference(1, 11)
    # The same integers as under other systems, so that their answers are one.
    other = optimistic.compile_model(
        stored, home, optimistic.Options(), home / "artifacts", quiet
    ).artifact.record
    assert (other.program, other.outputs) == (record.program, record.outputs)
    # And as much memory: both only run it.
    assert other.proving_memory_bytes == record.proving_memory_bytes > 256 * 2**20


def test_the_same_again_is_kept_and_other_software_is_another_record() -> None:
    home, stored, artifact = compiled()
    again = compile_model(stored, home, Options(reference(1, 11)), home / "artifacts", quiet)
    assert not again.fresh and again.artifact.record == artifact.record
    other = compile_model(stored, home, Options(reference(2)), home / "artifacts", quiet)
    assert other.fresh and other.artifact.record.key != artifact.record.key


def test_firmware_that_may_be_further_behind_is_kept_with_the_record(tmp_path: Path) -> None:
    home, stored, artifact = compiled()
    shutil.copytree(home / "models", tmp_path / "models")
    changed = reference(1, 11)
    assert changed.tdx is not None
    tcb = replace(changed.tdx.tcb, minimum_evaluation=18)
    changed = replace(changed, tdx=replace(changed.tdx, tcb=tcb))
    for policy in (reference(1, 11), changed):
        made = compile_model(stored, tmp_path, Options(policy), tmp_path / "artifacts", quiet)
        assert made.artifact.record == artifact.record and load(made.artifact).reference == policy


def test_an_artifact_made_again_keeps_its_owners_signature(tmp_path: Path) -> None:
    """It is of the record, which is the same, and only its owner could make another."""
    home, stored, _ = compiled()
    shutil.copytree(home / "models", tmp_path / "models")
    artifacts, signature = tmp_path / "artifacts", bytes(range(65))
    options = Options(reference(1, 11))
    first = compile_model(stored, tmp_path, options, artifacts, quiet).artifact
    write_signature(first.folder, signature)
    written = (first.folder / SIGNATURE).read_bytes()
    (first.folder / REFERENCE).write_bytes(b"damaged")
    again = compile_model(stored, tmp_path, replace(options, force=True), artifacts, quiet)
    assert again.fresh and again.artifact.folder == first.folder
    assert (first.folder / SIGNATURE).read_bytes() == written
    assert load(again.artifact).reference == options.reference


def test_a_record_of_other_reference_values_is_damaged(tmp_path: Path) -> None:
    _, _, artifact = compiled()
    folder = tmp_path / artifact.folder.name
    shutil.copytree(artifact.folder, folder)
    (folder / REFERENCE).write_bytes(reference(5).encode())
    with pytest.raises(CircuitError, match="altered"):
        load_artifact(folder)
    write_inventory(folder, SYSTEM_ID)
    with pytest.raises(CircuitError, match="is not the record's"):
        load(load_artifact(folder))


def test_outputs_of_another_scale_are_not_answered_with(tmp_path: Path) -> None:
    """A key that fits them is easily made; what binds it is that no enclave takes them."""
    _, _, artifact = compiled()
    honest = artifact.record
    outputs = tuple(replace(one, scale=one.scale + 3) for one in honest.outputs)
    key = record_key(honest.program, outputs, honest.measurements)
    forged = replace(honest, outputs=outputs, key=key)
    folder = tmp_path / forged.digest().hex()
    shutil.copytree(artifact.folder, folder)
    (folder / RECORD).write_bytes(encode(forged.to_json()))
    write_inventory(folder, SYSTEM_ID)
    with pytest.raises(CircuitError, match="outputs are not the program's"):
        load(load_artifact(folder))


def test_compiling_again_finds_the_record_of_another_program() -> None:
    _, stored, artifact = compiled()
    honest = recheck(stored.model(), stored.record, artifact.record, lambda line: None)
    assert all(one.equal for one in honest)
    assert {"program", "key", "answers"} <= {one.what for one in honest}
    forged = replace(
        artifact.record,
        program=b"\x05" * 32,
        key=record_key(b"\x05" * 32, artifact.record.outputs, artifact.record.measurements),
    )
    found = recheck(stored.model(), stored.record, forged, lambda line: None)
    assert {one.what for one in found if not one.equal} == {"program", "key"}
    swapped = replace(artifact.record, measurements=reference(3).measurement_digests())
    found = recheck(stored.model(), stored.record, swapped, lambda line: None)
    assert {one.what for one in found if not one.equal} == {"key"}


def test_the_forecast_is_of_a_run_and_a_signature() -> None:
    loaded = load(compiled()[2])
    for batch in (1, 16):
        found = forecast(loaded.program, loaded.blobs, batch)
        assert found.system == SYSTEM_ID and found.batch == batch and found.missing is None
        assert found.warm_seconds is not None and found.warm_seconds > 0
        assert found.gas is not None and found.gas_per_answer is not None
        assert found.proof_bytes is not None
    one, many = (forecast(loaded.program, loaded.blobs, batch) for batch in (1, 64))
    assert one.gas_per_answer is not None and many.gas_per_answer is not None
    assert many.gas_per_answer < one.gas_per_answer


def test_stopped_it_leaves_a_build_folder_and_no_artifact(tmp_path: Path) -> None:
    home, stored, artifact = compiled()
    shutil.copytree(home / "models", tmp_path / "models")

    def stop(step: str, what: str) -> None:
        if step == "measurements":
            raise KeyboardInterrupt

    artifacts = tmp_path / "artifacts"
    with pytest.raises(KeyboardInterrupt):
        compile_model(stored, tmp_path, Options(reference(1, 11)), artifacts, stop)
    (left,) = artifacts.iterdir()
    assert left.name.startswith(".building-tee-")
    made = compile_model(stored, tmp_path, Options(reference(1, 11)), artifacts, quiet)
    assert made.fresh and made.artifact.record == artifact.record
    assert {path.name for path in artifacts.iterdir()} == {made.artifact.folder.name, LOCK}


def test_killed_while_an_artifact_is_replaced_it_leaves_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = compiled()[2]
    target, build = tmp_path / artifact.folder.name, tmp_path / ".building-tee-x"
    for folder in (target, build):
        shutil.copytree(artifact.folder, folder)

    def killed(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            place(build, target, "tee/v1")
    assert load_artifact(target).record == artifact.record


@pytest.mark.parametrize("named", ["by its folder", "by its digest"])
def test_what_a_killed_replacement_has_put_aside_is_opened(tmp_path: Path, named: str) -> None:
    artifact = compiled()[2]
    name = artifact.folder.name
    shutil.copytree(artifact.folder, tmp_path / f".old-{name}")
    if named == "by its folder":
        found = load_artifact(tmp_path / name)
    else:
        found = find_artifact(name[:12], tmp_path)
    assert found.record == artifact.record and found.folder == tmp_path / name
