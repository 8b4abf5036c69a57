"""The demo as a stranger runs it: to its end, and stopped at any moment."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from avow.api.demo.digit import require_row
from avow.api.demo.run import MODEL
from avow.api.errors import ApiError
from avow.models.catalogue import add_zoo_model
from avow.models.store import ModelStore
from tests.api.processes import Run, sockets, start

STEPS = {
    "chain", "contracts", "nodes", "model", "compile", "register", "ready", "request", "lock",
    "answer", "prove", "deliver", "settle", "pay", "callback", "verify", "tamper", "stop",
}  # fmt: skip
GAS = {"deploy", "register", "reader", "request", "lock", "deliver", "settle", "withdraw"}

Demo = Callable[..., Run]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """`demo(...)` starts `avow demo` in a scratch folder."""
    runs: list[Run] = []

    def begin(*arguments: str) -> Run:
        folder = ["--folder", str(tmp_path / "demo"), "--json", str(tmp_path / "demo.json")]
        runs.append(start(["demo", *folder, *arguments], tmp_path))
        return runs[-1]

    yield begin
    for run in runs:
        run.end()


def report(tmp_path: Path) -> dict[str, Any]:
    """What the demo wrote."""
    value = json.loads((tmp_path / "demo.json").read_text())
    assert isinstance(value, dict)
    return value


def test_the_whole_line(demo: Demo, tmp_path: Path) -> None:
    run = demo()
    assert run.wait() == 0, run.text()
    found = report(tmp_path)
    assert found["error"] is None
    assert found["settled"] is True
    assert found["callback_value"] == found["expected_value"]
    assert set(found["payouts"]) == {"provider", "validator", "owner", "treasury"}
    assert sum(found["payouts"].values()) == found["price"] > 0
    assert all(amount > 0 for amount in found["payouts"].values())
    assert found["offline_verdict"] == "PROVEN"
    assert found["unsafe_srs_refused_by_default"] is True
    assert found["tampered_rejected"] is True
    assert len(found["tampered"]) >= 6
    assert {item["step"] for item in found["tampered"]} >= {"proof", "tensors", "parse"}
    assert set(found["steps"]) == STEPS
    assert all(seconds >= 0 for seconds in found["steps"].values())
    assert set(found["gas"]) == GAS
    assert all(gas > 21_000 for gas in found["gas"].values())
    assert "--allow-unsafe-srs" in run.text() and "UNSAFE" in run.text()
    assert run.survivors() == []
    assert sockets(tmp_path) == []


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("Start a development chain", signal.SIGINT),
        ("Deploy the contracts", signal.SIGTERM),
        ("program: done", signal.SIGINT),
        ("chain at", signal.SIGHUP),
    ],
)
def test_stopped_half_way_it_leaves_nothing(
    demo: Demo, tmp_path: Path, moment: str, number: signal.Signals
) -> None:
    run = demo()
    run.wait_for(moment)
    run.process.send_signal(number)
    assert run.wait() == 130
    assert run.text().rstrip().endswith("avow: interrupted")
    assert "Traceback" not in run.text()
    assert run.survivors() == []
    assert sockets(tmp_path) == []
    assert report(tmp_path)["settled"] is False
    assert report(tmp_path)["error"] == "interrupted"


def test_ctrl_c_twice_while_the_nodes_start(demo: Demo, tmp_path: Path) -> None:
    """As a terminal sends it: to the whole foreground group, and again while it cleans up."""
    run = demo()
    run.wait_for("Start API, provider and validator")
    time.sleep(2)
    os.killpg(run.process.pid, signal.SIGINT)
    time.sleep(0.3)
    os.killpg(run.process.pid, signal.SIGINT)
    assert run.wait() == 130
    assert "Traceback" not in run.text()
    assert run.survivors() == []
    assert sockets(tmp_path) == []


def test_killed_it_takes_its_children_with_it_and_can_be_run_again(
    demo: Demo, tmp_path: Path
) -> None:
    run = demo()
    run.wait_for("Deploy the contracts")
    time.sleep(1)
    run.process.kill()
    run.wait()
    end = time.monotonic() + 120
    while run.survivors() and time.monotonic() < end:
        time.sleep(0.1)
    assert run.survivors() == []
    assert sockets(tmp_path) == []
    again = demo()
    again.wait_for("gas ")
    second = demo()
    assert second.wait() == 1
    assert "another run is using" in second.text()
    again.process.send_signal(signal.SIGINT)
    assert again.wait() == 130


def test_a_folder_of_somebody_else_is_left_alone(demo: Demo, tmp_path: Path) -> None:
    precious = tmp_path / "demo" / "precious.txt"
    precious.parent.mkdir()
    precious.write_text("mine")
    run = demo()
    assert run.wait() == 1
    assert "was not made by an earlier run" in run.text()
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("row", ["400", "100000"])
def test_a_row_that_does_not_exist_is_refused_before_the_work(
    demo: Demo, tmp_path: Path, row: str
) -> None:
    run = demo("--row", row)
    assert run.wait() == 2
    assert run.text() == f"avow: error: --row: expected 0 to 399, got {row}\n"
    assert not (tmp_path / "demo").exists() and not (tmp_path / "demo.json").exists()
    assert run.survivors() == []


def test_every_row_that_the_card_promises_is_there(tmp_path: Path) -> None:
    stored = add_zoo_model(ModelStore.at(tmp_path), MODEL).stored
    rows = stored.held_out()
    assert rows is not None
    require_row(MODEL, len(rows) - 1)
    for row in (-1, len(rows)):
        with pytest.raises(ApiError, match="--row"):
            require_row(MODEL, row)


def test_a_report_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    report = str(tmp_path / "file" / "demo.json")
    run = start(["demo", "--folder", str(tmp_path / "demo"), "--json", report], tmp_path)
    try:
        assert run.wait() == 2
        assert run.text().startswith("avow: error: ")
        assert run.text().count("\n") == 1
        assert not (tmp_path / "demo").exists()
    finally:
        run.end()
