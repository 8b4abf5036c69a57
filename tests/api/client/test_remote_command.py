"""`avow remote` against a real service, and what it says when it cannot."""

import json
from pathlib import Path

import pytest

from avow.api.cli.main import main
from avow.verifier.cli import main as verify
from tests.circuits.sumcheck import small
from tests.full_disk import full_disk


@pytest.fixture
def model() -> str:
    """The digest of the smallest model."""
    return "0x" + small.compiled().artifact.model.digest().hex()


@pytest.fixture
def held_out() -> str:
    """Its held-out rows."""
    return str(small.stored().folder / "heldout.npz")


def test_an_answer_is_asked_for_verified_and_kept(
    url: str, model: str, held_out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trusting = ["remote", "--url", url, "--allow-unsafe-srs"]
    bundle, asked = str(tmp_path / "a.avow.json"), str(tmp_path / "asked.json")
    files = ["--output", bundle, "--asked", asked]
    assert main([*trusting, "ask", model, "--input", held_out, "--row", "3", *files]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("ACCEPTED: PROVEN") and f"model          {model}" in said.out
    assert said.err.rstrip().endswith("proven")
    assert verify([bundle, "--allow-unsafe-srs"]) == 0
    capsys.readouterr()
    job = json.loads(Path(asked).read_text())["job"]
    # Later, from the file alone; without the flag the string is not accepted.
    assert main([*trusting, "result", asked]) == 0
    assert "ACCEPTED: PROVEN" in capsys.readouterr().out
    assert main(["remote", "--url", url, "result", asked]) == 1
    said = capsys.readouterr()
    assert "REJECTED: the bundle of job" in said.out and "SRS is unsafe" in said.out

    # Said at once, before anything is asked of the provider.
    nowhere = ["ask", model, "--input", held_out, "--output", str(tmp_path / "slip" / "a.json")]
    assert main(["remote", "--url", "http://127.0.0.1:9", *nowhere]) == 2
    assert "slip: No such file" in capsys.readouterr().err

    with full_disk(1024):
        assert main([*trusting, "result", asked, "--output", bundle]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.endswith(f"cannot write {bundle}: File too large\n")
    assert verify([bundle, "--allow-unsafe-srs"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"a.avow.json", "asked.json"}
    capsys.readouterr()

    assert main([*trusting, "models"]) == 0
    assert f"{model}  digits-mlp@1.0.0  sumcheck/v1" in capsys.readouterr().out
    assert main([*trusting, "jobs", "--state", "proven"]) == 0
    assert f"{job}  proven" in capsys.readouterr().out
    assert main([*trusting, "job", job]) == 0
    assert "  claimed   " in capsys.readouterr().out
    assert main([*trusting, "job", job, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answered_on"] == "numpy"
    assert main([*trusting, "cancel", job]) == 2
    assert "409" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--url", "http://127.0.0.1:1", "models"], "Unreachable|ConnectError"),
        (["--url", "nowhere", "models"], "expected http://HOST"),
        (["--key-file", "/nonexistent", "models"], "/nonexistent: No such file"),
        (["ask", "m", "--input", "x.json", "--no-wait"], "--no-wait: needs --asked"),
        (["result", "/nonexistent"], "/nonexistent: No such file"),
    ],
    ids=str,
)
def test_refusals_are_one_line(
    arguments: list[str],
    line: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("avow.api.client.blocking.time.sleep", lambda seconds: None)
    assert main(["remote", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert any(part in said.err for part in line.split("|"))


def test_files_that_are_no_requests_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in ("", "[]", "{}", '{"format": "avow-asked/1"}', "[" * 5000):
        path = tmp_path / "asked.json"
        path.write_text(text)
        assert main(["remote", "result", str(path)]) == 2
        assert capsys.readouterr().err.count("\n") == 1
