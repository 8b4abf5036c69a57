"""`avow model sign`: the owner vouches for a system record, and nobody else can."""

from pathlib import Path

import numpy as np
import pytest
from eth_account import Account

from avow.api.cli.main import main
from avow.prover.catalogue import FolderCatalogue
from avow.verifier.keccak import keccak256
from avow.verifier.signature import recover
from tests.circuits.tiny import onnx_bytes, rows

OWNER = Account.from_key(keccak256(b"owner of a tiny model"))
STRANGER = Account.from_key(keccak256(b"somebody else"))


@pytest.fixture
def artifact(avow_home: Path, tmp_path: Path) -> Path:
    """A compiled model that belongs to OWNER."""
    (tmp_path / "tiny.onnx").write_bytes(onnx_bytes())
    np.savez(tmp_path / "cal.npz", **rows(8, 1))
    added = main(
        (
            *("model", "add", str(tmp_path / "tiny.onnx"), "--owner", OWNER.address),
            *("--calibration", str(tmp_path / "cal.npz"), "--range", "-2:2", "--scale", "6"),
        )
    )
    compiled = main(
        ("compile", "tiny", "--system", "ezkl", "--unsafe-srs", "--input-scale", "10", "--no-evm")
    )
    assert (added, compiled) == (0, 0)
    (folder,) = (avow_home / "artifacts").glob("[0-9a-f]*")
    return folder


def test_only_the_owner_signs(
    artifact: Path,
    avow_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    catalogue = FolderCatalogue(avow_home / "artifacts", avow_home / "models")
    (unsigned,) = catalogue.all()
    assert unsigned.signature is None
    capsys.readouterr()

    monkeypatch.setenv("AVOW_PRIVATE_KEY", STRANGER.key.hex())
    assert main(("model", "sign", artifact.name)) == 2
    assert f"the model's owner is {OWNER.address.lower()}" in capsys.readouterr().err
    assert not (artifact / "signature").exists()

    monkeypatch.setenv("AVOW_PRIVATE_KEY", OWNER.key.hex())
    assert main(("model", "sign", artifact.name[:12])) == 0
    assert OWNER.address in capsys.readouterr().out
    (signed,) = catalogue.all()
    assert signed.signature is not None
    assert recover(signed.record.digest(), signed.signature) == signed.model.owner


@pytest.mark.parametrize("name", ["nowhere", "ab" * 16, "."])
def test_what_is_no_artifact_is_refused(
    name: str, avow_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(("model", "sign", name)) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("avow: error: ")
    assert printed.count("\n") == 1
