"""Options of the watch that cannot be meant are one line, before anything is opened."""

from pathlib import Path

import pytest

from avow.api.cli.main import main


@pytest.mark.parametrize("key", ["0x12", "12" * 32, "0x" + "zz" * 32, "0x" + "AB" * 32])
def test_a_model_key_has_64_digits(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("validator", "--watch-model", key)) == 2
    assert "--watch-model: expected a model key, 0x and 64 hex digits" in capsys.readouterr().err


def test_a_file_of_parameters_must_be_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(("contracts", "deploy", "--watch", str(tmp_path / "watch.json"))) == 2
    assert "watch.json" in capsys.readouterr().err
