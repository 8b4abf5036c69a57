"""`avow model input`: the bytes and the commitment of an order, as the verifier makes them."""

import json
from pathlib import Path

import numpy as np
import pytest

from avow.models.intake import Source, take_in
from avow.models.schema import Identity, parse_range
from avow.models.store import ModelStore
from avow.verifier.tensor import Tensor
from avow.verifier.trace.inputs import commit_input
from tests.api.test_model_commands import Terminal, add
from tests.api.test_model_commands import folder as folder
from tests.api.test_model_commands import terminal as terminal
from tests.integration.picture_model import SHAPE, onnx_bytes

FILE = "input.bin"


def written(path: Path, home: Path) -> Tensor:
    """What lies in the file, by the record of the one model of the store."""
    models, _ = ModelStore.at(home).survey()
    (spec,) = models[0].record.inputs
    size = spec.element_type.width
    data = path.read_bytes()
    values = [
        int.from_bytes(data[at : at + size], "big", signed=True) for at in range(0, len(data), size)
    ]
    return Tensor(spec.element_type, spec.shape, tuple(values))


def test_a_small_input_is_committed_to_by_its_digest(
    terminal: Terminal, folder: Path, avow_home: Path
) -> None:
    terminal.good(*add(folder))
    at = folder / FILE
    asked = ("input", "line", "--input", str(folder / "held.npz"), "--output", str(at))
    said = terminal.good(*asked, "--row", "1")
    given = written(at, avow_home)
    (spec,) = ModelStore.at(avow_home).survey()[0][0].record.inputs
    assert given == spec.quantise([4.5, 5.5, 6.5, 7.5])
    size = len(given.data())
    value = f"0x{commit_input([given]).value.hex()}"
    assert said == f"scheme 1\nvalue {value}\nwrote {at} ({size} bytes)\n"
    other = json.loads(terminal.good(*asked, "--row", "2", "--json"))
    assert (other["scheme"], other["bytes"]) == (1, size)
    assert other["value"] == f"0x{commit_input([written(at, avow_home)]).value.hex()}" != value


def test_a_picture_is_committed_to_by_its_root(
    terminal: Terminal, tmp_path: Path, avow_home: Path
) -> None:
    (tmp_path / "picture.onnx").write_bytes(onnx_bytes())
    rows = tmp_path / "rows.npz"
    np.savez(rows, x=np.random.default_rng(3).uniform(-1, 1, size=(2, *SHAPE)))
    source = Source(tmp_path / "picture.onnx", rows, None, (parse_range("-1:1"),), 6)
    take_in(ModelStore.at(avow_home), source, Identity("picture", "1", "MIT", bytes(20)))
    at = tmp_path / FILE
    said = terminal.good("input", "picture", "--input", str(rows), "--output", str(at))
    given = written(at, avow_home)
    assert len(given.data()) == 150_528
    value = f"0x{commit_input([given]).value.hex()}"
    assert said == f"scheme 4\nvalue {value}\nwrote {at} (150528 bytes)\n"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--row", "3"), "has 3 rows, from 0; got 3"),
        (("--input", "outside.npz"), "row 0: 'x' must lie in"),
        (("--input", "narrow.npz"), "must have shape"),
        (("--input", "line.onnx"), "line.onnx"),
    ],
)
def test_what_the_model_does_not_take_is_refused_and_nothing_written(
    terminal: Terminal,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    more: tuple[str, str],
    said: str,
) -> None:
    terminal.good(*add(folder))
    monkeypatch.chdir(folder)
    np.savez("outside.npz", x=np.full((1, 4), 1e6, np.float32))
    np.savez("narrow.npz", x=np.zeros((1, 3), np.float32))
    line = terminal.refused("input", "line", "--input", "held.npz", "--output", FILE, *more)
    assert said in line
    assert not Path(FILE).exists()
