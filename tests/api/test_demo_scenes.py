"""Demos of scenes: wrong arguments, the accounts of a scene, and the report however it ends."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest

from avow.api.demo import attested, disputes
from avow.api.demo.scenes import Ledger, Outcome, Scenes
from avow.api.errors import DemoError
from avow.api.local.steps import Steps
from avow.models.errors import ModelError
from avow.verifier.chain.client import Chain
from tests.full_disk import full_disk

DEMOS = (attested.main, disputes.main)


@dataclass
class Head:
    """A block that nothing follows."""

    number: int = 7
    timestamp: int = 1_000


class Still:
    """A chain on which nothing happens."""

    def head(self) -> Head:
        """Always the same."""
        return Head()

    @contextmanager
    def speaking(self, about: str) -> Iterator[None]:
        """Nothing is asked."""
        yield


def quiet(nothing: object) -> str:
    """Something is played."""
    return "played"


def scenes(folder: Path) -> Scenes:
    """With a report beside the scratch folder."""
    return Scenes(folder / "work", folder / "report.json", Steps(StringIO()))


def ledger(*held: dict[str, int]) -> Ledger:
    """Reads one of `held` after the other."""
    readings = iter(held)
    return Ledger(cast(Chain, Still()), {"a": b"\1" * 20, "b": b"\2" * 20}, lambda: next(readings))


@pytest.mark.parametrize("main", DEMOS)
def test_help_is_shown_and_nothing_is_made(
    main: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert f"usage: {main.__module__} " in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("main", DEMOS)
@pytest.mark.parametrize("arguments", [["a", "b", "c"], ["--nonsense"], ["-x", "a"]])
def test_wrong_arguments_are_usage_errors_and_nothing_is_made(
    main: Any,
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "error: unrecognized arguments" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_scene_is_reported_with_what_it_changed(tmp_path: Path) -> None:
    played = scenes(tmp_path)
    before, after = {"a": 3, "b": 0}, {"a": 1, "b": 2}
    with played.reported():
        outcome = Outcome("done", {"rounds": 4}, ", 4 rounds")
        played.play(quiet, ledger(before, after), lambda: outcome)
    found = json.loads((tmp_path / "report.json").read_text())
    assert found["error"] is None and found["seconds"] >= 0
    assert found["scenarios"] == [
        {
            "name": "quiet",
            "outcome": "done",
            "rounds": 4,
            "transactions": [],
            "gas": {},
            "before": before,
            "after": after,
            "chain_seconds": 0,
        }
    ]
    said = cast(StringIO, played.steps.out).getvalue()
    assert "Something is played." in said and "done; 0 transactions, 4 rounds" in said


def test_a_scene_that_makes_tokens_ends_the_demo_and_the_report_says_so(tmp_path: Path) -> None:
    played = scenes(tmp_path)
    with pytest.raises(DemoError, match="quiet: tokens were lost or made"), played.reported():
        made = ledger({"a": 3, "b": 0}, {"a": 3, "b": 1})
        played.play(quiet, made, lambda: Outcome("done"))
    found = json.loads((tmp_path / "report.json").read_text())
    assert found["scenarios"] == [] and found["error"] == "quiet: tokens were lost or made"


def test_a_report_that_cannot_be_written_leaves_the_last_one(tmp_path: Path) -> None:
    with scenes(tmp_path).reported():
        pass
    before = (tmp_path / "report.json").read_bytes()
    played = scenes(tmp_path)
    with pytest.raises(ModelError, match="File too large"), full_disk(), played.reported():
        pass
    assert (tmp_path / "report.json").read_bytes() == before
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"report.json", "work", ".work.lock"}
