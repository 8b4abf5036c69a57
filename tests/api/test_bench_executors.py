"""`avow bench --executors`: real measurements, refusals, and a page that nobody typed."""

import json
from pathlib import Path

import pytest

from avow.api.bench.executors import PROMISED_RATIO, cells, check_names, table
from avow.api.bench.performance import load_of, page
from avow.api.bench.performance import main as write_page
from avow.api.cli.main import main
from avow.api.errors import BenchError
from avow.models.bench import executors
from avow.models.bench.executors import measure_model
from avow.models.bench.registry import bench_names
from avow.models.catalogue import resolve
from avow.models.errors import ModelError
from avow.models.program.fast import FastExecutor
from avow.models.store import ModelStore
from tests.conftest import ROOT


def test_measures_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report, chart = tmp_path / "r.json", tmp_path / "c.svg"
    files = ("--json", str(report), "--plot", str(chart))
    given = ("bench", "--executors", "--models", "mlp-784-64-10,lenet5", "--runs", "2", *files)
    assert main(given) == 0
    printed = capsys.readouterr().out
    found = json.loads(report.read_text())
    rows = found["rows"]
    assert [(row["model"], row["bits"]) for row in rows] == [
        (name, bits) for name in ("mlp-784-64-10", "lenet5") for bits in (8, 12, 16)
    ]
    for row in rows:
        assert 0 < row["exact_ms"] < row["reference_ms"]
        # Medians of quotients and quotients of medians differ, but tell the same story.
        assert row["ratio"] == pytest.approx(row["exact_ms"] / row["float_ms"], rel=0.8)
        assert row["fidelity"]["verdict"] == "kept"
    assert [row["chosen"] for row in rows] == [True, False, False] * 2
    assert len({row["program_digest"] for row in rows}) == 6
    assert all(line in printed for line in table(rows))
    assert found["rounds"] == 2 and found["machine"]["cpu"] in printed
    assert "mlp-784-64-10" in chart.read_text()
    (tmp_path / "performance.json").write_text(json.dumps(found))
    assert write_page([str(tmp_path)]) == 0
    text = (tmp_path / "performance.md").read_text()
    assert all("| " + " | ".join(cells(row)) + " |" in text for row in rows)
    assert (tmp_path / "performance.svg").stat().st_size > 5_000


def test_an_executor_that_differs_is_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong(FastExecutor):
        def run(self, inputs):  # type: ignore[no-untyped-def]
            return [array + 1 for array in super().run(inputs)]

    monkeypatch.setattr(executors, "FastExecutor", Wrong)
    stored = resolve(ModelStore.at(tmp_path), "digits-mlp")
    with pytest.raises(ModelError, match="digits-mlp: the executors differ on this machine"):
        next(measure_model(stored, 1, 1, lambda _: None))


def test_the_page_says_which_rows_are_above_the_mark() -> None:
    found = json.loads((ROOT / "docs" / "performance.json").read_text())
    for row in found["rows"]:
        row["ratio"] = PROMISED_RATIO
    assert "no row is above it" in page(found)
    found["rows"][3]["ratio"] = 9.5
    name, bits = found["rows"][3]["model"], found["rows"][3]["bits"]
    assert f"above it: `{name}` at {bits} bits." in page(found)
    assert f"The largest ratio is 9.50 (`{name}` at {bits} bits)" in page(found)


def test_the_committed_page_is_the_committed_report() -> None:
    folder = ROOT / "docs"
    found = json.loads((folder / "performance.json").read_text())
    assert (folder / "performance.md").read_text() == page(found, load_of(folder))
    assert {row["model"] for row in found["rows"]} == set(bench_names())
    chart = (folder / "performance.svg").read_text()
    assert all(name in chart for name in bench_names())


def test_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*arguments: str) -> str:
        assert main(["bench", "--executors", *arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == "" and captured.err.count("\n") == 1
        return captured.err

    assert "got 'lenet6'" in refused("--models", "lenet5,lenet6")
    assert "--runs" in refused("--runs", "0")
    assert ".png, .svg, .pdf" in refused("--plot", str(tmp_path / "a.gif"))
    (tmp_path / "file").write_text("not a folder")
    assert "file" in refused("--json", str(tmp_path / "file" / "a.json"))
    assert check_names(()) == bench_names()
    with pytest.raises(BenchError):
        check_names(("",))
