"""`avow plan --legs`: the cheapest system for each leg, and what cannot be met."""

import json
from pathlib import Path

import pytest

from avow.api.errors import ApiError
from avow.api.leg_plan import CLAIM_GAS, Option, plan_legs, suggested_shares
from avow.circuits.forecast import Forecast
from avow.prover.asked_legs import AskedLeg
from tests.api.test_compile_commands import Avow, refused
from tests.api.test_compile_commands import avow as avow
from tests.conftest import ROOT

TEE, CLAIM, PROOF, OTHER = "tee/v1", "optimistic/v1", "sumcheck/v1", "ezkl/v1"
FAST = Forecast(PROOF, "time", 1, "nothing", "at once", warm_seconds=2.0, gas=900_000)
LEAN = Forecast(PROOF, "gas", 1, "nothing", "at once", warm_seconds=20.0, gas=360_000)
SIGNED = Forecast(TEE, None, 1, "nothing", "at once", warm_seconds=0.01, gas=53_000)
CLAIMED = Forecast(CLAIM, None, 1, "nothing", "after a window", proof_bytes=1000)


def test_the_cheapest_that_meets_the_deadline_is_chosen() -> None:
    for within, key in ((3600, "gas"), (5, "time")):
        (leg,) = plan_legs([AskedLeg((PROOF,), within)], [FAST, LEAN])
        assert leg.chosen.key == key
    (leg,) = plan_legs([AskedLeg((PROOF, CLAIM, TEE), 5)], [FAST, LEAN, CLAIMED, SIGNED])
    assert leg.chosen.system == TEE and leg.chosen.gas == 53_000
    unable = {one.name: one.unable for one in leg.options}
    assert unable["sumcheck/v1 for gas"] == "takes about 20 s"
    assert unable["sumcheck/v1 for time"] == ""


def test_a_leg_that_cannot_be_met_is_one_line_with_its_reasons() -> None:
    with pytest.raises(ApiError) as caught:
        plan_legs([AskedLeg((TEE,), 1, 3000), AskedLeg((PROOF,), 1, 7000)], [FAST, LEAN, SIGNED])
    assert str(caught.value) == (
        "legs[1]: nothing of sumcheck/v1 can be there within 1 s "
        "(sumcheck/v1 for time: takes about 2 s; sumcheck/v1 for gas: takes about 20 s)"
    )


def test_systems_that_cannot_have_the_same_answer_are_refused() -> None:
    with pytest.raises(ApiError, match="all legs of a job must have the same answer"):
        plan_legs([AskedLeg((OTHER,), 9, 5000), AskedLeg((PROOF,), 9, 5000)], [FAST])


def option(gas: int | None) -> Option:
    return Option("x/v1", "", 1.0, "", gas)


def test_shares_follow_gas_and_are_whole() -> None:
    assert suggested_shares([option(100), option(300)]) == [2500, 7500]
    assert suggested_shares([option(1), option(1), option(1)]) == [3334, 3333, 3333]
    assert suggested_shares([option(1), option(10**9)]) == [1, 9999]
    assert suggested_shares([option(None), option(5)]) == [5000, 5000]


def test_what_is_said_of_gas_is_what_was_measured() -> None:
    snapshots = ROOT / "contracts" / "snapshots" / "claims.json"
    measured = int(json.loads(snapshots.read_text("utf-8"))["claim an answer"])
    assert measured == pytest.approx(CLAIM_GAS, rel=0.1)


@pytest.mark.usefixtures("avow_home")
def test_the_command(avow: Avow, tmp_path: Path) -> None:
    legs = [
        {"any_of": ["tee/v1", "optimistic"], "within_seconds": 1},
        {"any_of": ["sumcheck"], "within_seconds": 3600},
    ]
    said = avow("plan", "digits-mlp", "--legs", json.dumps(legs))
    assert said.status == 0, said
    assert "leg 0, within 1 s:" in said.out and "leg 1, within 3600 s:" in said.out
    assert "suggested shares: " in said.out and "cheapest: " in said.out
    path = tmp_path / "request.json"
    path.write_text(json.dumps({"legs": legs}))
    value = json.loads(avow("plan", "digits-mlp", "--legs", str(path), "--json").out)
    assert [leg["chosen"]["system"] for leg in value["legs"]] == ["tee/v1", "sumcheck/v1"]
    assert sum(leg["suggested_share_bps"] for leg in value["legs"]) == 10_000
    refused(avow("plan", "digits-mlp", "--legs", "[]"), "--legs: legs: expected a list of 1 to 4")
    refused(avow("plan", "digits-mlp", "--legs", "[1"), "--legs: the text is not JSON")
    beside = json.dumps({"legs": legs, "system": "sumcheck/v1"})
    refused(avow("plan", "digits-mlp", "--legs", beside), "'legs' alone, got 'legs', 'system'")
    refused(avow("plan", "digits-mlp", "--legs", "{}"), "'legs' alone, got none")
    refused(avow("plan", "digits-mlp", "--legs", ""), "--legs: expected JSON, or a file")
    path.write_bytes(b"\xff")
    refused(avow("plan", "digits-mlp", "--legs", str(path)), "--legs: the file is not UTF-8")
    for option, value in (("--systems", "ezkl"), ("--token-price", "3000")):
        said = avow("plan", "digits-mlp", "--legs", json.dumps(legs), option, value)
        refused(said, f"{option} is not for --legs")
    refused(avow("plan", "digits-mlp", "--legs", str(tmp_path / "no.json")), "no.json")
    legs[0] = {"any_of": ["magic/v1"]}
    refused(avow("plan", "digits-mlp", "--legs", json.dumps(legs)), "unknown system 'magic/v1'")
