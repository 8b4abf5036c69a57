"""The demo of disputes as a stranger runs it: to its end, and stopped on its way."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.processes import ROOT, Run, sockets, start

MODULE = (sys.executable, "-P", "-m", "avow.api.demo.disputes")
UNIT = 10**18
CLAIM_BOND, CHALLENGE_BOND, BOND, PRICE = 50 * UNIT, 10 * UNIT, 20 * UNIT, 100 * UNIT
Demo = Callable[[], Run]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """`demo()` starts it in a scratch folder."""
    runs: list[Run] = []

    def begin() -> Run:
        places = [str(tmp_path / "dispute"), str(tmp_path / "dispute.json")]
        runs.append(start(places, tmp_path, ROOT, MODULE))
        return runs[-1]

    yield begin
    for run in runs:
        run.end()


def gained(scene: dict[str, Any]) -> dict[str, int]:
    """What each party has more afterwards."""
    return {party: scene["after"][party] - held for party, held in scene["before"].items()}


def test_five_disputes_end_as_they_must(demo: Demo, tmp_path: Path) -> None:
    run = demo()
    assert run.wait() == 0, run.text()
    assert run.survivors() == [] and sockets(tmp_path) == []
    found = json.loads((tmp_path / "dispute.json").read_text())
    assert found["error"] is None
    honest, shot, game, griefed, proven = found["scenarios"]
    for scene in found["scenarios"]:
        assert sum(gained(scene).values()) == 0
        assert scene["gas"] and all(one["gas"] > 21_000 for one in scene["transactions"])
        total = sum(one["gas"] for one in scene["transactions"])
        assert total == sum(scene["gas"].values())

    functions = [[one["function"] for one in scene["transactions"]] for scene in found["scenarios"]]
    assert honest["outcome"] == "paid after the window"
    assert PRICE * 9 // 10 <= gained(honest)["provider"] < PRICE
    assert "Claims.open" not in functions[0] and honest["chain_seconds"] > 600

    assert shot["outcome"] == "overturned in one shot" and shot["rounds"] == 0
    assert {"Claims.commit", "Claims.refute", "Market.refute"} <= set(functions[1])
    assert "Claims.open" not in functions[1]
    assert game["outcome"] == "overturned by the game" and 1 <= game["rounds"] <= 8
    assert {"Claims.open", "Claims.pickTensor", "Claims.revealChunk"} <= set(functions[2])
    for scene in (shot, game):
        gain = gained(scene)
        assert gain["liar"] == -CLAIM_BOND - BOND
        assert gain["validator"] == gain["burned"] == CLAIM_BOND // 2
        assert gain["requester"] > 0

    assert griefed["outcome"] == "challenger lost its bond, provider paid"
    assert gained(griefed)["griefer"] == -CHALLENGE_BOND
    assert gained(griefed)["provider"] == gained(honest)["provider"] + CHALLENGE_BOND
    assert functions[3].count("Claims.timeout") == 1

    assert proven["outcome"] == "upheld by a proof, provider paid"
    assert functions[4].count("Claims.prove") == 1 and proven["rounds"] == 0
    assert gained(proven)["provider"] == gained(honest)["provider"]


def test_stopped_on_its_way_it_leaves_nothing_and_runs_again(demo: Demo, tmp_path: Path) -> None:
    run = demo()
    run.wait_for("contracts deployed")
    run.process.send_signal(signal.SIGINT)
    assert run.wait() == 130
    assert run.text().rstrip().endswith("avow: interrupted") and "Traceback" not in run.text()
    assert run.survivors() == [] and sockets(tmp_path) == []
    assert json.loads((tmp_path / "dispute.json").read_text())["error"] == "interrupted"
    again = demo()
    again.wait_for("contracts deployed")
    again.process.send_signal(signal.SIGTERM)
    assert again.wait() == 130
