"""An artifact of `sumcheck/v1` is used only when everything in it is what it was."""

from pathlib import Path

import pytest

from avow.circuits.artifact import FILES, MODEL, RECORD, load_artifact, write_inventory
from avow.circuits.errors import CircuitError
from avow.circuits.sumcheck.artifact import load
from avow.circuits.sumcheck.files import KEY, POWERS
from avow.models.program.files import PROGRAM
from avow.verifier.systems.sumcheck.key import SYSTEM_ID
from tests.circuits import tiny
from tests.circuits.sumcheck.small import compiled, copied


def test_an_intact_copy_is_loaded_whole(tmp_path: Path) -> None:
    found = load(load_artifact(copied(compiled(), tmp_path)))
    assert found == load(compiled().artifact)
    assert len(found.powers) == 64 * 2**found.key.logrows
    assert found.program.digest() == compiled().artifact.record.program


@pytest.mark.parametrize("name", [RECORD, MODEL, *FILES[SYSTEM_ID][0]])
@pytest.mark.parametrize("damage", ["flipped", "cut", "longer", "empty", "missing"])
def test_every_damaged_file_is_found(tmp_path: Path, name: str, damage: str) -> None:
    folder = copied(compiled(), tmp_path)
    path = folder / name
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
        load_artifact(folder)
    assert "\n" not in str(caught.value)
    if damage != "missing" and name in (PROGRAM, KEY, POWERS):
        # Somebody also mends the inventory: what is inside still has to fit the record.
        write_inventory(folder, SYSTEM_ID)
        if (name, damage) != (POWERS, "flipped"):
            # Other powers of the right number only make proofs that nobody accepts.
            with pytest.raises(CircuitError) as caught:
                load(load_artifact(folder))
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", ["flipped", "cut", "missing"])
def test_a_damaged_constant_is_found(tmp_path: Path, damage: str) -> None:
    folder = copied(compiled(), tmp_path)
    for path in sorted((folder / "blobs").iterdir()):
        data = path.read_bytes()
        if damage == "missing":
            path.unlink()
        else:
            path.write_bytes(bytes([data[0] ^ 1]) + data[1:] if damage == "flipped" else data[:-1])
        with pytest.raises(CircuitError, match="damaged"):
            load(load_artifact(folder))
        path.write_bytes(data)
    load(load_artifact(folder))


def test_an_artifact_of_another_system_is_refused() -> None:
    from avow.circuits.ezkl.artifact import of_ezkl

    with pytest.raises(CircuitError, match="expected an artifact of sumcheck/v1"):
        load(tiny.compiled())
    with pytest.raises(CircuitError, match="expected an artifact of ezkl/v1"):
        of_ezkl(compiled().artifact)
