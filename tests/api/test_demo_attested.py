"""The demo of attested answers as a stranger runs it: to its end, and stopped on its way."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.processes import ROOT, Run, sockets, start
from tests.verifier.attestation.vectors import FOLDER, JULY_2025, read

MODULE = (sys.executable, "-P", "-m", "avow.api.demo.attested")
UNIT = 10**18
STAKE, BOND, PRICE = 100 * UNIT, 20 * UNIT, 100 * UNIT
Demo = Callable[..., Run]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """`demo(...)` starts it in a scratch folder."""
    runs: list[Run] = []

    def begin(*more: str) -> Run:
        places = [str(tmp_path / "tee"), str(tmp_path / "tee.json"), *more]
        runs.append(start(places, tmp_path, ROOT, MODULE))
        return runs[-1]

    yield begin
    for run in runs:
        run.end()


def gained(scene: dict[str, Any]) -> dict[str, int]:
    """What each party has more afterwards."""
    return {party: scene["after"][party] - held for party, held in scene["before"].items()}


def genuine() -> list[str]:
    """The arguments that name a genuine quote, which must be there."""
    quote, collateral = "tdx/tdx_quote", "collateral/tdx_quote_collateral.json"
    read(quote), read(collateral)
    paths = ["--evidence", str(FOLDER / quote), "--collateral", str(FOLDER / collateral)]
    return [*paths, "--at", str(JULY_2025)]


def test_four_scenarios_end_as_they_must(demo: Demo, tmp_path: Path) -> None:
    run = demo(*genuine())
    assert run.wait() == 0, run.text()
    assert run.survivors() == []
    assert sockets(tmp_path) == []
    found = json.loads((tmp_path / "tee.json").read_text())
    assert found["error"] is None
    simulated, quote, contradicted, legs = found["scenarios"]
    for scene in found["scenarios"]:
        assert sum(gained(scene).values()) == 0
        assert all(one["gas"] > 21_000 for one in scene["transactions"])
        total = sum(one["gas"] for one in scene["transactions"])
        assert total == sum(scene["gas"].values())
    functions = [[one["function"] for one in scene["transactions"]] for scene in found["scenarios"]]

    assert simulated["found"]["default_policy"].startswith("policy: ")
    assert "SIMULATED" in simulated["found"]["attested_asked_for"]
    assert simulated["found"]["explicit_policy"] == "SIMULATED"
    assert simulated["found"]["rests_on"] == [
        "nothing: a SIMULATED enclave, whose keys anybody can make"
    ]
    assert gained(simulated)["stakes"] == STAKE
    assert PRICE * 9 // 10 - STAKE <= gained(simulated)["provider"] < 0
    assert "AttestationKeys.registerSimulated" in functions[0]

    assert quote["outcome"] == "GENUINE"
    assert quote["found"]["kind"] == "tdx"
    assert quote["found"]["flipped_bit"] == "REFUSED"
    assert quote["transactions"] == []

    gain = gained(contradicted)
    assert contradicted["found"]["lie_before"] == "SIMULATED"
    assert {"AttestationKeys.contradictByProof", "Market.refute"} <= set(functions[2])
    assert {"AttestationKeys.commit", "AttestationKeys.withdraw"} <= set(functions[2])
    assert gain["liar"] == -STAKE - BOND
    assert gain["challenger"] == gain["burned"] == STAKE // 2
    assert gain["requester"] > 0
    assert gain["stakes"] == 0

    assert legs["outcome"] == "paid in two steps"
    first, second = legs["found"]["credited"]
    assert first * 7_000 == second * 3_000
    assert first + second == gained(legs)["provider"] + STAKE + BOND
    assert legs["found"]["assurances"] == ["SIMULATED", "PROVEN"]
    assert functions[3].count("Market.settle") == 2


def test_without_a_path_nothing_is_said_to_be_genuine_and_stopped_it_leaves_nothing(
    demo: Demo, tmp_path: Path
) -> None:
    run = demo()
    run.wait_for("NOT RUN; 0 transactions")
    run.process.send_signal(signal.SIGINT)
    assert run.wait() == 130
    assert run.text().rstrip().endswith("avow: interrupted")
    assert "Traceback" not in run.text()
    assert run.survivors() == []
    assert sockets(tmp_path) == []
    found = json.loads((tmp_path / "tee.json").read_text())
    assert found["error"] == "interrupted"
    assert [scene["outcome"] for scene in found["scenarios"]][1] == "NOT RUN"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--evidence", "absent"), "--evidence and --at go together"),
        (("--at", "7"), "--evidence and --at go together"),
        (("--evidence", "absent", "--at", "7"), "absent: No such file"),
        (("--evidence", __file__, "--at", "7"), "none that is known"),
    ],
)
def test_wrong_arguments_are_one_line_before_anything_starts(
    demo: Demo, more: tuple[str, ...], says: str
) -> None:
    run = demo(*more)
    assert run.wait() != 0
    assert says in run.text()
    assert "contracts deployed" not in run.text()
    assert "Traceback" not in run.text()
