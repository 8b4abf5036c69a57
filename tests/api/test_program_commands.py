"""`avow model compile` and what `avow model show` tells of programs."""

import json
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from avow.api.cli.main import main
from avow.models.program.files import ProgramStore
from avow.prover.config import from_environment
from avow.verifier.program.program import parse_program
from tests.conftest import ROOT
from tests.models.operator_graphs import graph
from tests.models.samples import ZOO_NAMES, linear, npz, write

PNG = b"\x89PNG\r\n\x1a\n"


class Terminal:
    """Runs commands in an empty home and keeps what they print."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self._capsys = capsys

    def good(self, *arguments: str) -> str:
        """Standard output of a command that must succeed; progress goes to stderr."""
        status = main(["model", *arguments])
        captured = self._capsys.readouterr()
        assert status == 0, captured.err
        return captured.out

    def refused(self, *arguments: str, command: str = "model") -> str:
        """The one line of a command that must be refused."""
        status = main([command, *arguments])
        captured = self._capsys.readouterr()
        assert (status, captured.out) == (2, "")
        lines = [line for line in captured.err.splitlines() if not line.startswith("  ")]
        assert len(lines) == 1 and lines[0].startswith("avow: error: ")
        return lines[0].removeprefix("avow: error: ")


@pytest.fixture
def terminal(avow_home: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(from_environment().home, capsys)


def add(terminal: Terminal, folder: Path, *more: str) -> None:
    """A linear model of 4 inputs with 3 rows; `more` are further arguments."""
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)
    write(folder / "line.onnx", linear().SerializeToString())
    write(folder / "cal.npz", npz(x=rows))
    terminal.good("add", str(folder / "line.onnx"), "--calibration", str(folder / "cal.npz"), *more)


@pytest.mark.parametrize("name", [*ZOO_NAMES, "lenet5"])
def test_compiles_a_model(terminal: Terminal, name: str) -> None:
    told = json.loads(terminal.good("compile", name, "--json"))
    assert told["fidelity"]["verdict"] == "kept"
    assert told["fidelity"]["rows"] >= 256
    assert f"{told['bits']} bits are the cheapest that keep" in told["reason"]
    assert [one["verdict"] for one in told["tried"][:-1]] == ["missed"] * (len(told["tried"]) - 1)
    if name == "lenet5":
        assert told["multiplications"] == 281_640
    # What is printed is what lies there.
    digest = bytes.fromhex(told["program_digest"][2:])
    program, blobs = ProgramStore.at(terminal.home).load(digest)
    assert parse_program((Path(told["folder"]) / "program.json").read_bytes()) == program
    assert len(program.encode()) == told["program_bytes"]
    assert sum(len(blob.data) for blob in blobs) == told["blob_bytes"]
    shown = terminal.good("show", name)
    assert f"    program_digest  {told['program_digest']}\n" in shown
    assert f"    fidelity        kept: {told['fidelity']['rows']} held-out rows, " in shown
    described = json.loads(terminal.good("show", name, "--json"))["program"]
    assert described["program_digest"] == told["program_digest"]
    assert len(described["operations"]) == len(program.steps)
    sizes = [blob.count * blob.element_type.width for blob in program.blobs]
    assert sum(row["constant_bytes"] for row in described["operations"]) >= sum(sizes)
    assert [row["scale"] for row in described["operations"]] == [one.scale for one in program.steps]


def test_what_compile_prints(terminal: Terminal) -> None:
    out = terminal.good("compile", "digits-mlp", "--bits", "12").splitlines()
    assert out[0].endswith("  digits-mlp@1.0.0")
    titles = [line.split()[0] for line in out[1:]]
    assert titles == ["program_digest", "folder", "bits", "fidelity", "size", "seconds"]
    assert out[3].endswith("12 bits were asked for")
    other = terminal.good("compile", "digits-mlp", "--bits", "16").splitlines()
    assert other[1] != out[1]
    # The last compilation is the one that counts; the first comes back to the byte.
    assert other[1].split()[1] in terminal.good("show", "digits-mlp")
    assert terminal.good("compile", "digits-mlp", "--bits", "12").splitlines()[1] == out[1]


def test_the_table_has_a_row_for_each_operation(terminal: Terminal) -> None:
    terminal.good("compile", "lenet5")
    shown = terminal.good("show", "lenet5").splitlines()
    (head,) = [at for at, line in enumerate(shown) if line.split()[:2] == ["#", "operation"]]
    rows = []
    for line in shown[head + 1 :]:
        if not line.split()[0].isdigit():
            break
        rows.append(line.split())
    program = json.loads(terminal.good("show", "lenet5", "--json"))["program"]
    assert [row[0] for row in rows] == [str(one["tensor"]) for one in program["operations"]]
    (first, *_) = rows
    assert first[1:5] == ["convolution", "1x6x24x24", "312", "86,400"]
    total = sum(one["multiplications"] for one in program["operations"])
    assert total == program["multiplications"] == 281_640


def test_few_rows_are_insufficient(terminal: Terminal, tmp_path: Path) -> None:
    add(terminal, tmp_path)
    out = terminal.good("compile", "line")
    assert "fidelity        insufficient: there are no held-out rows" in out
    assert "16 bits, the most precise" in out
    write(tmp_path / "held.npz", npz(x=np.full((2, 4), 0.5, np.float32)))
    add(terminal, tmp_path, "--heldout", str(tmp_path / "held.npz"), "--name", "measured")
    out = terminal.good("compile", "measured")
    assert "fidelity        insufficient: 2 held-out rows, " in out


def test_without_a_program_show_tells_how_to_get_one(terminal: Terminal, tmp_path: Path) -> None:
    assert "program  none yet: avow model compile digits-mlp" in terminal.good("show", "digits-mlp")
    assert "program" not in json.loads(terminal.good("show", "digits-mlp", "--json"))
    said = terminal.refused("show", "digits-mlp", "--plot", str(tmp_path / "a.png"))
    assert said == "digits-mlp has no program to draw; first: avow model compile digits-mlp"
    assert not (tmp_path / "a.png").exists()


def test_plot(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.good("compile", "digits-cnn")
    picture = tmp_path / "picture.png"
    terminal.good("show", "digits-cnn", "--plot", str(picture))
    data = picture.read_bytes()
    assert data.startswith(PNG) and len(data) > 20_000
    vector = tmp_path / "picture.svg"
    terminal.good("show", "digits-cnn", "--plot", str(vector))
    # Text becomes outlines, but its comments keep the words.
    assert "float model (onnxruntime float32)" in vector.read_text(encoding="utf-8")
    said = terminal.refused("show", "digits-cnn", "--plot", str(tmp_path / "picture.gif"))
    assert said == ("--plot: expected a file ending in .png, .svg, .pdf, got 'picture.gif'")
    said = terminal.refused("show", "digits-cnn", "--plot", str(tmp_path / "gone" / "a.png"))
    assert "No such file or directory" in said
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    said = terminal.refused("show", "digits-cnn", "--plot", str(tmp_path / "b.png"))
    assert said == "drawing needs matplotlib: pip install 'avow[plot]'"


def test_the_guide_can_be_followed(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "how-to" / "compile-to-the-integer-program.md").read_text()
    lines = "".join(re.findall(r"(?ms)^```sh\n(.*?)^```$", page)).splitlines()
    assert len(lines) == 3
    monkeypatch.chdir(tmp_path)
    for line in lines:
        words = shlex.split(line)
        assert words[:2] == ["avow", "model"]
        terminal.good(*words[2:])
    assert (tmp_path / "lenet5.png").read_bytes().startswith(PNG)


def test_refusals(terminal: Terminal, tmp_path: Path) -> None:
    assert "no model 'lenet-5'; known names: " in terminal.refused("compile", "lenet-5")
    assert "--bits" in terminal.refused("compile", "lenet5", "--bits", "9")
    assert "--bits" in terminal.refused("compile", "lenet5", "--bits", "many")
    assert "Missing argument 'MODEL'" in terminal.refused("compile")
    assert "found nothing" in terminal.refused("compile", str(tmp_path / "gone.onnx"))


def test_every_unsupported_node_is_named(terminal: Terminal, tmp_path: Path) -> None:
    """The store takes what onnxruntime runs; the program takes less, and says so at once."""
    proto = graph(
        [
            helper.make_node("Sigmoid", ["x"], ["a"], "fine"),
            helper.make_node("Pow", ["x", "a"], ["b"], "first"),
            helper.make_node("Pow", ["a", "a"], ["c"], "second"),
            helper.make_node("Add", ["b", "c"], ["y"], "joint"),
        ]
    )
    write(tmp_path / "odd.onnx", proto.SerializeToString())
    write(tmp_path / "cal.npz", npz(x=np.ones((2, 4), np.float32)))
    files = (str(tmp_path / "odd.onnx"), "--calibration", str(tmp_path / "cal.npz"))
    terminal.good("add", *files)
    said = terminal.refused("compile", "odd")
    assert "first" in said and "second" in said and "fine" not in said


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"program":"00"}', b'{"program":7,"report":{}}', b"[" * 9999]
)
def test_a_damaged_note_is_refused(terminal: Terminal, damage: bytes) -> None:
    terminal.good("compile", "digits-mlp")
    (note,) = (terminal.home / "programs" / "by-model").iterdir()
    note.write_bytes(damage)
    assert "is damaged; compile the model again" in terminal.refused("show", "digits-mlp", "--json")
    terminal.good("compile", "digits-mlp")
    terminal.good("show", "digits-mlp")


def test_another_program_does_not_pass_for_this_one(terminal: Terminal) -> None:
    told = json.loads(terminal.good("compile", "digits-mlp", "--json"))
    folder = Path(told["folder"])
    blob = next(path for path in (folder / "blobs").iterdir() if path.stat().st_size > 100)
    data = bytearray(blob.read_bytes())
    data[7] ^= 1
    blob.write_bytes(data)
    said = terminal.refused("show", "digits-mlp", "--json")
    assert "do not hash to the blob's name" in said
    (folder / "program.json").unlink()
    assert "is gone; compile the model again" in terminal.refused("show", "digits-mlp", "--json")
    # Compiling again makes it whole.
    assert json.loads(terminal.good("compile", "digits-mlp", "--json"))["folder"] == str(folder)
    terminal.good("show", "digits-mlp")


def test_every_command_knows_lenet5(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    assert "lenet5@1.0.0" in terminal.good("list")
    assert json.loads(terminal.good("show", "lenet5", "--json"))["parameters"] == 44_426
    # Past the name, both stop for want of an SRS or a system: no proof is made here.
    said = terminal.refused("lenet5", "--system", "ezkl", command="compile")
    assert said.startswith("an SRS is needed")
    said = terminal.refused("--models", "lenet5", "--systems", "none", command="bench")
    assert "--systems: expected ezkl" in said
    said = terminal.refused("--models", "lenet6", command="bench")
    assert "lenet5" in said
