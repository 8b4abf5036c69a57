"""The artifacts that the Python package deploys are those of the sources beside it."""

import json
from pathlib import Path

from tests.contracts.toolchain import ROOT, build, run

ARTIFACTS = ROOT / "verifier" / "chain" / "artifacts"


def test_committed_artifacts_are_current(tmp_path: Path) -> None:
    """A fresh build writes the same files; after a change: `npm run artifacts` in contracts/."""
    build()
    run("node", "scripts/write-artifacts.mjs", str(tmp_path))
    written = {path.name: path.read_bytes() for path in tmp_path.glob("*.json")}
    committed = {path.name: path.read_bytes() for path in ARTIFACTS.glob("*.json")}
    assert sorted(written) == sorted(committed)
    stale = [name for name in written if written[name] != committed[name]]
    assert stale == [], "run `npm run artifacts` in contracts/"


def test_the_storage_of_claims_is_where_proofs_look_for_it(tmp_path: Path) -> None:
    """As the compiler lays it out; after a change: `npm run artifacts` in contracts/."""
    made = tmp_path / "claims_storage.json"
    run("node", "scripts/write-storage.mjs", str(made))
    committed = ROOT / "verifier" / "systems" / "optimistic" / "claims_storage.json"
    assert made.read_bytes() == committed.read_bytes(), "run `npm run artifacts` in contracts/"


def test_artifacts_are_whole() -> None:
    """Linked creation code and an ABI, nothing that differs from machine to machine."""
    for path in ARTIFACTS.glob("*.json"):
        artifact = json.loads(path.read_text())
        assert sorted(artifact) == ["abi", "bytecode", "contract"]
        assert artifact["contract"] == path.stem
        assert len(bytes.fromhex(artifact["bytecode"].removeprefix("0x"))) > 1_000
        assert str(ROOT) not in path.read_text()
