"""The commands of docs/how-to/add-a-model.md work as they stand there."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from avow.api.cli.main import main
from tests.conftest import ROOT
from tests.models.samples import linear, npz, write

PAGE = ROOT / "docs" / "how-to" / "add-a-model.md"


def commands() -> list[str]:
    """Every line that the page shows after a prompt."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


def test_the_page_can_be_followed(
    tmp_path: Path, avow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.linspace(-1, 1, 1200, dtype=np.float32).reshape(300, 4)
    write(tmp_path / "my-model.onnx", linear().SerializeToString())
    write(tmp_path / "calibration.npz", npz(x=rows[:40]))
    write(tmp_path / "heldout.npz", npz(x=rows[40:], labels=np.zeros(260, int)))
    monkeypatch.chdir(tmp_path)
    said = [shlex.split(line) for line in commands()]
    assert len(said) == 4
    for words in said:
        assert words[0] == "avow"
        assert main(words[1:]) == 0
    assert len(list(avow_home.glob("models/*/record.json"))) == 2
