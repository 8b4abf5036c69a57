"""The command-line verifier: what it prints and its exit status."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from avow.verifier import cli
from avow.verifier.errors import VerificationError
from avow.verifier.verdict import Assurance
from tests.verifier import examples
from tests.verifier.examples import Doubling

pytestmark = pytest.mark.usefixtures("doubling")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "answer.avow.json"
    path.write_bytes(examples.bundle().encode())
    return path


def test_accepted(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(bundle)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("ACCEPTED: PROVEN")
    assert "hides          none" in printed
    assert "'y' = [0.125, -0.25, 0.375]" in printed
    assert "NOT CHECKED    model binding" in printed


def test_json(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(bundle), "--json"]) == 0
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["accepted"] is True
    assert verdict["outputs"][0]["integers"] == ["2", "-4", "6"]


def test_rejected(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle.write_bytes(bundle.read_bytes()[:-1])
    assert cli.main([str(bundle)]) == 1
    assert capsys.readouterr().out.startswith("REJECTED at step parse: bundle is not JSON")
    assert cli.main([str(bundle), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["step"] == "parse"


def test_a_verdict_that_cannot_be_written_is_not_a_rejection(bundle: Path) -> None:
    # Refused or not: who reads no verdict must not take the status for one.
    bundle.write_bytes(b"{}")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "avow.verifier", str(bundle)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == (
        "python -m avow.verifier: error: the verdict cannot be written: No space left on device\n"
    )


def test_undecided_is_not_rejected(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unable(self: Doubling, evidence: object) -> None:
        raise VerificationError("setup", "the checking package is missing")

    monkeypatch.setattr(Doubling, "verify", unable)
    assert cli.main([str(bundle)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == ("avow-verify: error: undecided: the checking package is missing\n")


def test_policy(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text('{"format": "avow-policy/1", "nonce": "7"}')
    assert cli.main([str(bundle), "--policy", str(policy)]) == 0
    policy.write_text('{"format": "avow-policy/1", "nonce": "8"}')
    assert cli.main([str(bundle), "--policy", str(policy)]) == 1
    assert "the policy asks for another nonce" in capsys.readouterr().out


def test_a_broken_policy_is_a_usage_error(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text('{"format": "avow-policy/1", "nonse": "7"}')
    assert cli.main([str(bundle), "--policy", str(policy)]) == 2
    assert "unknown 'nonse'" in capsys.readouterr().err


def test_not_final(bundle: Path, doubling: Doubling, tmp_path: Path) -> None:
    doubling.assurance, doubling.final_at = Assurance.CHALLENGEABLE, 1000
    policy = tmp_path / "policy.json"
    policy.write_text('{"format": "avow-policy/1", "minimum_assurance": "CHALLENGEABLE"}')
    arguments = [str(bundle), "--policy", str(policy)]
    for at in (["--at", "999"], ["--at", "1000"], []):
        assert cli.main([*arguments, *at]) == 3


@pytest.mark.parametrize("missing", ["nowhere.json", "."])
def test_an_unreadable_file_is_a_usage_error(
    missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([missing]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("avow-verify: error: ")
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a", "--policy"],
        ["a", "--colour"],
        *(["a", f"--at={at}"] for at in ("noon", "-1", "1e9", str(2**53), "9" * 5000, "\u0661")),
    ],
)
def test_wrong_arguments_are_usage_errors(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2


def test_runs_as_a_module(bundle: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "avow.verifier", str(bundle)],
        capture_output=True,
        text=True,
        check=False,
    )
    # `doubling/v1` exists in this test's process only: another one has never heard of it.
    assert done.returncode == 1
    assert "unknown system 'doubling/v1'" in done.stdout
    assert done.stderr == ""
