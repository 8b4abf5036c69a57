"""`avow model`: what it prints, and the one line and status for every refusal."""

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from avow.api.cli.main import main
from avow.models.catalogue import ZOO, built_in_names
from avow.verifier.records import parse_model_record
from tests.models.operator_graphs import graph
from tests.models.samples import linear, npz, write

pytestmark = pytest.mark.usefixtures("avow_home")
CALIBRATION = np.arange(12, dtype=np.float32).reshape(3, 4)


class Terminal:
    """Runs commands and keeps what they print."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def good(self, *arguments: str) -> str:
        """Standard output of a command that must succeed and say nothing on stderr."""
        status = main(["model", *arguments])
        captured = self._capsys.readouterr()
        assert (status, captured.err) == (0, "")
        return captured.out

    def refused(self, *arguments: str) -> str:
        """The one line of a command that must be refused."""
        status = main(["model", *arguments])
        captured = self._capsys.readouterr()
        assert (status, captured.out) == (2, "")
        assert captured.err.count("\n") == 1
        assert captured.err.startswith("avow: error: ")
        return captured.err.removeprefix("avow: error: ").rstrip("\n")


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "line.onnx", linear().SerializeToString())
    write(tmp_path / "cal.npz", npz(x=CALIBRATION))
    write(tmp_path / "held.npz", npz(x=CALIBRATION + 0.5, labels=np.array([1, 1, 0])))
    return tmp_path


def add(folder: Path, *more: str) -> tuple[str, ...]:
    """Arguments that add the linear model."""
    files = ("--calibration", str(folder / "cal.npz"), "--heldout", str(folder / "held.npz"))
    return ("add", str(folder / "line.onnx"), *files, *more)


def test_add_show_list(terminal: Terminal, folder: Path) -> None:
    out = terminal.good(*add(folder, "--licence", "MIT", "--owner", "0x" + "Ab" * 20))
    digest = out.split()[0]
    assert out == (
        f"{digest}  line@1.0.0\n"
        "  input    x [1, 4] int8, integer = real * 2^0, real in [0, 14]\n"
        "  held out 2 of 3 rows right by the float model (66.67 %)\n"
    )
    assert terminal.good(*add(folder, "--licence", "MIT", "--owner", "0x" + "ab" * 20)) == out
    shown = terminal.good("show", "line")
    assert f"  digest   {digest}\n" in shown
    assert "  licence  MIT\n" in shown
    assert f"  owner    0x{'ab' * 20}\n" in shown
    assert "  nodes    1, 10 parameters\n    Gemm  [1, 2]" in shown
    listed = terminal.good("list").splitlines()
    assert listed[0] == f"{digest}  line@1.0.0  MIT"
    names = [line.split()[-1].removesuffix("@1.0.0") for line in listed[1:]]
    assert names == list(built_in_names())
    assert [line.split(",")[0] for line in listed[1:]] == ["(zoo"] * 3 + ["(bench"] * 6


def test_json_is_the_record(terminal: Terminal, folder: Path) -> None:
    added = json.loads(terminal.good(*add(folder, "--name", "mine", "--version", "7", "--json")))
    record = parse_model_record(added["record"])
    assert added["digest"] == "0x" + record.digest().hex()
    assert (record.name, record.version, record.licence) == ("mine", "7", "unspecified")
    assert json.loads(terminal.good("show", "mine@7", "--json")) == added


def test_zoo_under_an_owner(terminal: Terminal) -> None:
    owner = "0x" + "11" * 20
    out = terminal.good("add", "digits-mlp", "--owner", owner)
    assert "digits-mlp@1.0.0" in out
    assert f"  owner    {owner}\n" in terminal.good("show", "digits-mlp")
    assert terminal.refused("add", "digits-mlp", "--range", "0:2") == (
        "'digits-mlp' comes with Avow: only --owner can be chosen for it"
    )


def test_show_tells_that_rows_are_missing(terminal: Terminal, folder: Path) -> None:
    files = ("add", str(folder / "line.onnx"), "--calibration", str(folder / "cal.npz"))
    terminal.good(*files)
    assert "  held out no rows: " in terminal.good("show", "line")


def test_refusals(terminal: Terminal, folder: Path) -> None:
    onnx, cal = str(folder / "line.onnx"), str(folder / "cal.npz")
    assert terminal.refused("add", onnx) == (
        "a model needs --calibration FILE.npz (or name one that comes with Avow: "
        "digits-cnn, digits-mlp, tumour-risk, cnn-264k, dense-4m, lenet5, lstm-small, "
        "mlp-784-64-10, transformer-4)"
    )
    assert "--owner must have 20 bytes, got 1" in terminal.refused(*add(folder, "--owner", "0x11"))
    assert "--owner must be 0x" in terminal.refused(*add(folder, "--owner", "alice"))
    assert "a range is written lo:hi" in terminal.refused(*add(folder, "--range", "1"))
    assert "--scale" in terminal.refused(*add(folder, "--scale", "many"))
    assert "not an ONNX file, or damaged" in terminal.refused("add", cal, "--calibration", cal)
    assert "not an npz file, or damaged" in terminal.refused("add", onnx, "--calibration", onnx)
    gone = str(folder / "gone.onnx")
    assert "found nothing" in terminal.refused("add", gone, "--calibration", cal)
    other = str(ZOO / "digits-cnn" / "calibration.npz")
    assert terminal.refused("add", onnx, "--calibration", other) == (
        "calibration.npz: expected the arrays ['x'], got ['image']"
    )
    assert "known names: cnn-264k, " in terminal.refused("show", "nothing")
    assert "means" not in terminal.refused("show", "0x1234")
    shape = ("--input", "1x", "--output", str(folder / "o.onnx"))
    assert "an input is written like 1x64" in terminal.refused("export", "some:Class", *shape)


def test_where_an_export_cannot_be_written_nothing_of_the_module_runs(
    terminal: Terminal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a_module.py").write_text("from pathlib import Path\nPath('it_ran').touch()\n")
    monkeypatch.chdir(folder)
    export = ("export", "a_module:Class", "--input", "1x4", "--output")
    assert "Is a directory" in terminal.refused(*export, str(folder))
    assert "No such file" in terminal.refused(*export, str(folder / "slip" / "o.onnx"))
    assert not (folder / "slip").exists() and not (folder / "it_ran").exists()


def test_the_parts_of_a_cut_are_written_where_that_is_possible(
    terminal: Terminal, tmp_path: Path
) -> None:
    whole, cut = str(ZOO / "digits-mlp" / "model.onnx"), tmp_path / "new" / "cut"
    place = terminal.good("split", whole).split()[0]
    split = ("split", whole, "--at", place, "--output", str(cut))
    said = terminal.good(*split)
    files = sorted(cut.iterdir())
    assert [path.name for path in files] == ["first.onnx", "second.onnx"]
    assert all(f"wrote {path}\n" in said for path in files)
    # One of both cannot be written: the other one stays as it was.
    files[1].unlink()
    files[1].mkdir()
    files[0].write_bytes(b"as it was")
    assert "Is a directory" in terminal.refused(*split)
    assert files[0].read_bytes() == b"as it was" and sorted(cut.iterdir()) == files
    # A link is followed, as by other commands.
    files[1].rmdir()
    files[1].symlink_to("elsewhere.onnx")
    terminal.good(*split)
    assert files[1].is_symlink() and (cut / "elsewhere.onnx").stat().st_size


def test_every_unsupported_node_is_printed(terminal: Terminal, folder: Path) -> None:
    nodes = [helper.make_node("Trilu", ["x"], ["x0"], "step 0")]
    nodes += [helper.make_node("Trilu", [f"x{at}"], [f"x{at + 1}"], f"step {at + 1}")
              for at in range(98)]  # fmt: skip
    nodes.append(helper.make_node("Relu", ["x98"], ["y"], "last"))
    path = write(folder / "long.onnx", graph(nodes, (4, 4)).SerializeToString())
    line = terminal.refused("add", str(path), "--calibration", str(folder / "cal.npz"))
    assert line.startswith("long.onnx: 99 unsupported nodes: 'step 0' (Trilu: ")
    assert all(f"'step {at}' (Trilu: " in line for at in range(99))
    assert "last" not in line


def test_damaged_store_is_a_warning_in_the_list(
    terminal: Terminal, folder: Path, avow_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.good(*add(folder))
    (record,) = avow_home.glob("models/*/record.json")
    record.write_bytes(b"{}")
    assert main(["model", "list"]) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("avow: warning: ")
    assert "is damaged" in captured.err
    assert "digits-cnn@1.0.0" in captured.out
