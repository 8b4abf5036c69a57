"""An artifact is used only when every one of its files is what it was when it was made."""

import json
import shutil
from pathlib import Path

import pytest

from avow.circuits.artifact import (
    FILES,
    INVENTORY,
    MODEL,
    RECORD,
    files_of,
    load_artifact,
    write_inventory,
)
from avow.circuits.errors import CircuitError
from avow.circuits.ezkl.artifact import load_ezkl
from avow.circuits.ezkl.files import PK, SRS
from tests.circuits.tiny import compiled

REQUIRED = (RECORD, MODEL, *FILES["ezkl/v1"][0])


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of an artifact, under its own name."""
    original = compiled().folder
    return Path(shutil.copytree(original, tmp_path / original.name))


def test_an_intact_copy_is_the_same_artifact(copy: Path) -> None:
    found = load_ezkl(copy)
    assert found.record == compiled().record
    assert found.model == compiled().model
    assert found.srs == compiled().srs
    assert found.path(PK).is_absolute()


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("damage", ["flipped", "cut", "longer", "empty", "missing"])
def test_every_damaged_file_is_found(copy: Path, name: str, damage: str) -> None:
    path = copy / name
    data = path.read_bytes()
    middle = len(data) // 2
    damaged = {
        "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        "cut": data[:-1],
        "longer": data + b"\n",
        "empty": b"",
    }
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(damaged[damage])
    with pytest.raises(CircuitError) as caught:
        load_artifact(copy)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format":"avow-artifact/1"}', "\0"])
def test_a_damaged_inventory_is_refused(copy: Path, content: str) -> None:
    (copy / INVENTORY).write_text(content)
    with pytest.raises(CircuitError, match="damaged"):
        load_artifact(copy)


def test_an_inventory_lists_what_it_must_and_nothing_else(copy: Path) -> None:
    value = json.loads((copy / INVENTORY).read_text())
    assert set(REQUIRED) <= value["files"].keys() <= set(files_of("ezkl/v1"))
    listed = value["files"]
    for files in (
        {**listed, "../x": "0x00"},
        {RECORD: listed[RECORD]},
        {RECORD: listed[RECORD], MODEL: listed[MODEL]},
    ):
        (copy / INVENTORY).write_text(json.dumps({**value, "files": files}))
        with pytest.raises(CircuitError, match="other files"):
            load_artifact(copy)


def test_the_folder_s_name_is_the_record_s_digest(copy: Path) -> None:
    other = copy.with_name("ab" * 32)
    copy.rename(other)
    with pytest.raises(CircuitError, match="its record hashes to"):
        load_artifact(other)
    with pytest.raises(CircuitError, match="expected an artifact's folder"):
        load_artifact(copy)


def test_a_replaced_srs_is_found(copy: Path, tmp_path: Path) -> None:
    """The SRS lies outside the folder: its digest stands in the reference."""
    value = json.loads((copy / SRS).read_text())
    other = tmp_path / "other.srs"
    data = Path(value["path"]).read_bytes()
    other.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    (copy / SRS).write_text(json.dumps({**value, "path": str(other)}))
    write_inventory(copy, "ezkl/v1")
    with pytest.raises(CircuitError, match="is not the one that"):
        load_ezkl(copy)
    (copy / SRS).write_text(json.dumps({**value, "path": str(tmp_path / "none")}))
    write_inventory(copy, "ezkl/v1")
    with pytest.raises(CircuitError, match="found none"):
        load_ezkl(copy)
