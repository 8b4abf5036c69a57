"""Options of the watch that cannot be meant are one line, before anything is opened."""

from pathlib import Path

import pytest

from avow.api.cli.main import main


@pytest.mark.parametrize("key", ["0x12", "12" * 32, "0x" + "zz" * 32, "0x" + "AB" * 32])
def test_a_model_key_has_64_digits(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("validator", "--watch-model", key)) == 2
    assert "--watch-model: expected a model key, 0x and 64 hex digits" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", [("--watch-stake", "1"), ("--watch-model", "0x" + "12" * 32)], ids=lambda two: two[0]
)
def test_who_does_not_watch_puts_up_no_stake(
    options: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(("validator", "--no-watch", *options)) == 2
    said = capsys.readouterr().err
    assert "--no-watch: expected neither --watch-stake nor --watch-model" in said


def test_a_policy_of_evidence_is_read_before_a_stake_is_put_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text("{")
    assert main(("validator", "--stake", "1", "--evidence-policy", str(policy))) == 2
    assert "--evidence-policy: " in capsys.readouterr().err


def test_a_file_of_parameters_must_be_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(("contracts", "deploy", "--watch", str(tmp_path / "watch.json"))) == 2
    assert "watch.json" in capsys.readouterr().err


def planting(tmp_path: Path, **given: str) -> list[str]:
    """A planter's arguments, some of them others than usual."""
    rows = tmp_path / "rows.npz"
    rows.write_bytes(b"")
    options = {
        "model": "0x" + "12" * 32,
        "rows": str(rows),
        "requester-keystore": str(tmp_path / "requester.json"),
        "provider-keystore": str(tmp_path / "provider.json"),
        **given,
    }
    named = [(f"--{name}", value) for name, value in options.items()]
    return ["planter", *(word for pair in named for word in pair)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "0x12"}, "--model: expected a model key, 0x and 64 hex digits"),
        ({"rows": "/nowhere/rows.npz"}, "rows.npz"),
        ({"share-bps": "10001"}, "--share-bps"),
        ({"price": "0"}, "--price"),
    ],
)
def test_a_planters_options_are_checked_before_anything_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: dict[str, str], said: str
) -> None:
    assert main(tuple(planting(tmp_path, **given))) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1
