"""`avow compile`, `avow srs` and `avow model check`: what they print, make and refuse."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from avow.api.cli.main import main
from tests.circuits.test_srs import HERMEZ, ceremony
from tests.circuits.tiny import SPACE, case, compiled, onnx_bytes, rows


@dataclass
class Said:
    """Status and output of a command."""

    status: int
    out: str
    err: str


Avow = Callable[..., Said]


@pytest.fixture
def avow(capsys: pytest.CaptureFixture[str]) -> Avow:
    """Run a command line."""

    def run(*arguments: str) -> Said:
        status = main(arguments)
        captured = capsys.readouterr()
        return Said(status, captured.out, captured.err)

    return run


def refused(said: Said, *words: str) -> None:
    """Status 2, nothing on stdout, and one line of error that says these words."""
    lines = [line for line in said.err.splitlines() if line.startswith("avow: error: ")]
    assert (said.status, said.out, len(lines)) == (2, "", 1), said
    assert "Traceback" not in said.err
    for word in words:
        assert word in lines[0]


@pytest.fixture
def stored(avow_home: Path, avow: Avow, tmp_path: Path) -> Path:
    """The home folder with the tiny model in its store and the shared SRS at hand."""
    compiled()
    shutil.copytree(SPACE / "srs", avow_home / "srs")
    (tmp_path / "tiny.onnx").write_bytes(onnx_bytes())
    np.savez(tmp_path / "cal.npz", **rows(8, 1))
    said = avow(
        *("model", "add", str(tmp_path / "tiny.onnx"), "--name", "tiny", "--version", "1"),
        *("--calibration", str(tmp_path / "cal.npz"), "--range", "-2:2", "--scale", "6"),
        *("--licence", "Apache-2.0"),
    )
    assert said.status == 0, said
    return avow_home


def test_a_model_is_compiled_checked_and_found_again(stored: Path, avow: Avow) -> None:
    ezkl = ("compile", "tiny", "--system", "ezkl")
    arguments = (*ezkl, "--unsafe-srs", "--input-scale", "10", "--no-evm")
    said = avow(*arguments)
    assert said.status == 0, said
    assert "UNSAFE SRS" in said.err
    assert "UNSAFE: generated on this machine" in said.out
    assert "no held-out rows (insufficient)" in said.out
    digest = said.out.split()[0]
    # The same model, settings and string as the tests' own: the same key, so the same proofs.
    assert f"0x{compiled().record.key.hex()}" in said.out

    again = avow(*arguments, "--json")
    assert again.status == 0
    assert "artifact: kept" in again.err
    value = json.loads(again.out)
    assert value["digest"] == digest
    assert value["record"]["srs"]["safe"] is False
    assert Path(value["artifact"]) == stored / "artifacts" / digest[2:]

    for subject in (digest, digest[2:12], value["artifact"], f"{value['artifact']}/record.json"):
        checked = avow("model", "check", "tiny", subject)
        assert checked.status == 0, checked
        assert "CHECKED: record 0x" in checked.out

    found = avow("model", "check", "tiny", digest, "--json")
    comparisons = json.loads(found.out)["comparisons"]
    assert all(one["recorded"] == one["found"] for one in comparisons)

    pk = stored / "artifacts" / digest[2:] / "pk.key"
    pk.write_bytes(pk.read_bytes()[:-1])
    refused(avow("model", "check", "tiny", digest), "pk.key was altered")


def test_a_bundle_is_checked_against_the_model(stored: Path, avow: Avow, tmp_path: Path) -> None:
    bundle = tmp_path / "answer.avow.json"
    bundle.write_bytes(case().bundle.encode())
    srs = str(compiled().srs.path)
    refused(avow("model", "check", "tiny", str(bundle)), "--srs")
    said = avow("model", "check", "tiny", str(bundle), "--srs", srs)
    assert said.status == 0, said
    # A folder of strings, of which only the record's will do.
    folder = str(Path(srs).parent)
    assert avow("model", "check", "tiny", str(bundle), "--srs", folder).status == 0
    refused(
        avow("model", "check", "tiny", str(bundle), "--srs", str(HERMEZ.parent)),
        "holds no file of the string that the record names",
    )

    # Another model under the name: every digest tells.
    (tmp_path / "other.onnx").write_bytes(onnx_bytes(seed=8))
    added = avow(
        *("model", "add", str(tmp_path / "other.onnx"), "--name", "other"),
        *("--calibration", str(tmp_path / "cal.npz"), "--range", "-2:2", "--scale", "6"),
    )
    assert added.status == 0
    said = avow("model", "check", "other", str(bundle), "--srs", srs)
    assert said.status == 1
    assert "DIFFERS     key" in said.out
    assert "CHECKED:" not in said.out


def test_a_pinned_srs_is_compared(stored: Path, avow: Avow) -> None:
    refused(avow("compile", "tiny"), "an SRS is needed")
    found = hashlib.sha256(HERMEZ.read_bytes()).hexdigest()
    refused(avow("compile", "tiny", "--srs", str(HERMEZ)), "--srs-digest is missing", found)
    srs = ("--srs", str(HERMEZ), "--srs-digest")
    refused(avow("compile", "tiny", *srs, "12"), "64 hexadecimal digits")
    refused(avow("compile", "tiny", *srs, "ab" * 32), "is another file", found)
    refused(avow("compile", "tiny", "--system", "ezkl", *srs, found), "an SRS of 2^11 powers")
    refused(avow("compile", "tiny", *srs, found, "--unsafe-srs"), "leave --srs")


def test_what_cannot_be_compiled_is_one_line(stored: Path, avow: Avow) -> None:
    unsafe = ("--unsafe-srs", "--system", "ezkl", "--no-evm")
    refused(avow("compile", "tiny", *unsafe, "--weights", "private"), "bind nothing", "hashed")
    refused(
        avow("compile", "tiny", *unsafe, "--system", "groth16"),
        "expected --system sumcheck, ezkl, optimistic or tee",
    )
    refused(avow("compile", "tiny", *unsafe, "--input-scale", "3"), "must lie in [6, 24]")
    refused(avow("compile", "nothing", *unsafe), "no model 'nothing'")
    refused(avow("compile", "tiny", *unsafe, "--input", "secret"), "'public', 'private'")
    refused(avow("compile", "tiny", *unsafe, "--memory", "1"), "x>=64")


def test_without_a_compiler_the_error_names_the_way_out(
    stored: Path, avow: Avow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVOW_CONTRACTS", str(stored / "none"))
    said = avow("compile", "tiny", "--system", "ezkl", "--unsafe-srs", "--input-scale", "10")
    assert said.status == 2
    assert "make setup" in said.err
    assert "--no-evm" in said.err


def test_srs_files_are_made_imported_shown_and_checked(avow: Avow, tmp_path: Path) -> None:
    made = tmp_path / "made.srs"
    said = avow("srs", "generate", str(made), "--logrows", "4")
    assert said.status == 0
    assert "UNSAFE" in said.err
    assert "UNSAFE: generated locally" in said.out
    refused(avow("srs", "generate", str(made), "--logrows", "4"), "exists already")

    said = avow("srs", "inspect", str(HERMEZ), "--json")
    value = json.loads(said.out)
    assert value["ceremony"] == "perpetual powers of tau, Hermez phase (28)"
    assert value["logrows"] == 5

    said = avow("srs", "check", str(HERMEZ), "--sha256", value["sha256"])
    assert said.status == 0
    assert "all 32 powers are powers of one tau" in said.out
    assert "all 32 Lagrange points belong to them" in said.out
    refused(avow("srs", "check", str(HERMEZ), "--sha256", "00" * 32), "expected, it has")
    refused(avow("srs", "inspect", str(tmp_path)), "expected an SRS file")
    refused(avow("srs", "import", str(HERMEZ), str(tmp_path / "x")), "no .ptau file")
    assert not (tmp_path / "x").exists()

    said = avow("srs", "check", str(ceremony()))
    assert said.status == 0
    assert "all 2^8 powers are powers of one tau" in said.out
    assert "2^8, as snarkjs has them" in said.out
    assert "Hermez" in said.out


def test_unknown_records_are_one_line(stored: Path, avow: Avow, tmp_path: Path) -> None:
    refused(avow("model", "check", "tiny", "ab" * 32), "found 0")
    refused(avow("model", "check", "tiny", str(tmp_path / "none")), "found none")
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    refused(avow("model", "check", "tiny", str(broken)), "JSON")


def test_help_does_not_load_ezkl() -> None:
    code = (
        "import sys; from avow.api.cli.main import main\n"
        "for words in (['compile'], ['srs'], ['model', 'check']):\n"
        "    main([*words, '--help'])\n"
        "sys.exit(str({'ezkl', 'torch', 'web3'} & set(sys.modules)).replace('set()', ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stderr.strip() == ""
