"""The catalogue: finds what was compiled, refuses what is damaged or ambiguous."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from avow.prover.catalogue import FolderCatalogue
from avow.prover.errors import RequestRefused
from avow.verifier import canonical
from avow.verifier.records import InputVisibility, ModelRecord, SystemRecord
from avow.verifier.verdict import Hides
from tests.prover.tiny import MODEL, RECORD, SYSTEM


def put(folder: Path, record: SystemRecord, model: ModelRecord = MODEL) -> Path:
    """Writes the two records of an artifact."""
    place = folder / record.digest().hex()
    place.mkdir(parents=True)
    (place / "record.json").write_bytes(canonical.encode(record.to_json()))
    (place / "model.json").write_bytes(canonical.encode(model.to_json()))
    return place


def rewrite(path: Path, data: bytes) -> None:
    """Puts other data into a file, later by more than file systems tell apart."""
    later = path.stat().st_mtime_ns + 10**9
    path.write_bytes(data)
    os.utime(path, ns=(later, later))


def digest(record: SystemRecord) -> str:
    return "0x" + record.digest().hex()


def test_by_digest_name_and_version(tmp_path: Path) -> None:
    catalogue = FolderCatalogue(tmp_path / "artifacts", tmp_path / "models")
    with pytest.raises(RequestRefused, match="no compiled model 'tiny'; there are: none"):
        catalogue.find("tiny", SYSTEM, None)
    place = put(tmp_path / "artifacts", RECORD)
    for name in ("tiny", "tiny@1", "0x" + MODEL.digest().hex()):
        found = catalogue.find(name, SYSTEM, None)
        assert (found.folder, found.record, found.signature) == (place, RECORD, None)
    assert found.onnx == tmp_path / "models" / MODEL.digest().hex() / "model.onnx"
    with pytest.raises(RequestRefused, match="there are: tiny"):
        catalogue.find("tiny@2", SYSTEM, None)
    with pytest.raises(RequestRefused, match="not compiled for 'other/v1', but: tiny/v1"):
        catalogue.find("tiny", "other/v1", None)


def test_what_changed_on_disk_is_read_anew(tmp_path: Path) -> None:
    """What was read once is kept, but only as long as its files stay as they were."""
    catalogue = FolderCatalogue(tmp_path / "artifacts", tmp_path / "models")
    place = put(tmp_path / "artifacts", RECORD)
    first = catalogue.find("tiny", SYSTEM, None)
    assert catalogue.find("tiny", SYSTEM, None) is first
    (place / "signature").write_text("0x" + "01" * 65)
    assert catalogue.find("tiny", SYSTEM, None).signature == b"\x01" * 65
    kept = (place / "record.json").read_bytes()
    rewrite(place / "record.json", kept.replace(b"1000", b"1001"))
    with pytest.raises(RequestRefused, match="no compiled model"):
        catalogue.find("tiny", SYSTEM, None)
    with pytest.raises(RequestRefused, match="is damaged"):
        catalogue.find("tiny", SYSTEM, digest(RECORD))
    rewrite(place / "record.json", kept)
    assert catalogue.find("tiny", SYSTEM, None).record == RECORD
    for name in ("record.json", "model.json", "signature"):
        (place / name).unlink()
    assert catalogue.all() == []


def test_several_artifacts_need_a_record(tmp_path: Path) -> None:
    other = replace(RECORD, constraints=2)
    for record in (RECORD, other):
        put(tmp_path / "artifacts", record)
    catalogue = FolderCatalogue(tmp_path / "artifacts", tmp_path / "models")
    with pytest.raises(RequestRefused, match="several artifacts fit, name one of"):
        catalogue.find("tiny", SYSTEM, None)
    assert catalogue.find("tiny", SYSTEM, digest(other)).record == other
    with pytest.raises(RequestRefused, match="is not 'other' compiled for"):
        catalogue.find("other", SYSTEM, digest(other))
    with pytest.raises(RequestRefused, match="no artifact"):
        catalogue.find("tiny", SYSTEM, "0x" + "0" * 64)


def test_without_a_system_one_is_chosen(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts"
    catalogue = FolderCatalogue(folder, tmp_path / "models")
    ezkl, sumcheck = (replace(RECORD, system=f"{name}/v1") for name in ("ezkl", "sumcheck"))
    put(folder, ezkl)
    assert catalogue.find("tiny", None, None).record == ezkl
    put(folder, sumcheck)
    assert catalogue.find("tiny", None, None).record == sumcheck
    assert catalogue.find("tiny", "ezkl/v1", None).record == ezkl
    assert catalogue.find("tiny", None, digest(ezkl)).record == ezkl
    with pytest.raises(RequestRefused, match="hides: no artifact of 'tiny' hides the input"):
        catalogue.find("tiny", None, None, Hides.INPUTS)
    with pytest.raises(RequestRefused, match="does not hide the input"):
        catalogue.find("tiny", None, digest(sumcheck), Hides.INPUTS)


def test_what_can_be_hidden_is_never_shown_unasked(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts"
    catalogue = FolderCatalogue(folder, tmp_path / "models")
    shown = replace(RECORD, system="ezkl/v1")
    hidden = replace(shown, input_visibility=InputVisibility.HASHED)
    sumcheck = replace(RECORD, system="sumcheck/v1")
    for record in (shown, hidden, sumcheck):
        put(folder, record)
    assert catalogue.find("tiny", None, None).record == hidden
    assert catalogue.find("tiny", None, None, Hides.INPUTS).record == hidden
    assert catalogue.find("tiny", None, None, Hides.NONE).record == sumcheck
    assert catalogue.find("tiny", "ezkl/v1", None, Hides.INPUTS).record == hidden
    assert catalogue.find("tiny", "ezkl/v1", None, Hides.NONE).record == shown
    with pytest.raises(RequestRefused, match="several artifacts fit"):
        catalogue.find("tiny", "ezkl/v1", None)


def test_damaged_artifacts_do_not_hide_the_others(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts"
    good = put(folder, RECORD)
    (folder / "abcdef").mkdir()
    renamed = put(folder, replace(RECORD, constraints=3))
    renamed.rename(folder / ("0" * 64))
    foreign = put(folder, replace(RECORD, constraints=4), replace(MODEL, version="2"))
    signed = put(folder, replace(RECORD, constraints=5))
    (signed / "signature").write_text("0x1234")
    catalogue = FolderCatalogue(folder, tmp_path / "models")
    assert [item.folder for item in catalogue.all()] == [good]
    for broken in (foreign, signed):
        with pytest.raises(RequestRefused, match="is damaged"):
            catalogue.find("tiny", SYSTEM, "0x" + broken.name)
    (signed / "signature").write_text("0x" + "ab" * 65 + "\n")
    assert catalogue.find("tiny", SYSTEM, "0x" + signed.name).signature == b"\xab" * 65


def test_what_a_killed_replacement_has_put_aside_is_served(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts"
    shown = replace(RECORD, system="ezkl/v1")
    hidden = replace(shown, input_visibility=InputVisibility.HASHED)
    put(folder, shown)
    aside = put(folder, hidden)
    catalogue = FolderCatalogue(folder, tmp_path / "models")
    aside.rename(folder / f".old-{aside.name}")
    # Missing, the model's other artifact would show the input that this one hides.
    assert catalogue.find("tiny", None, None).record == hidden
    aside.rename(folder / f".old-{aside.name}")
    assert catalogue.find("tiny", None, digest(hidden)).record == hidden
