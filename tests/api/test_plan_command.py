"""`avow plan`: what it prints for a stored model and for a file, and what it refuses."""

import json
import shutil
from pathlib import Path

import pytest

from tests.api.test_compile_commands import Avow, refused
from tests.api.test_compile_commands import avow as avow
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("avow_home")
ONNX = ROOT / "models" / "zoo" / "digits-mlp" / "model.onnx"


def test_every_system_has_a_row_or_a_reason(avow: Avow) -> None:
    said = avow("plan", "digits-mlp", "--gas-price", "2", "--token-price", "3000")
    assert said.status == 0, said
    titles, *rows = said.out.splitlines()[1:11]
    assert titles.split()[:4] == ["system", "for", "hides", "batch"]
    assert [row.split()[:4] for row in rows[:4]] == [
        ["sumcheck/v1", "time", "nothing", "1"],
        ["sumcheck/v1", "time", "nothing", "16"],
        ["sumcheck/v1", "gas", "nothing", "1"],
        ["sumcheck/v1", "gas", "nothing", "16"],
    ]
    assert [row.split()[:3] for row in rows[4:]] == [
        ["optimistic/v1", "nothing", "1"],
        ["tee/v1", "nothing", "1"],
        ["tee/v1", "nothing", "16"],
        ["ezkl/v1", "nothing", "1"],
        ["ezkl/v1", "input", "1"],
    ]
    assert "sumcheck/v1 and ezkl/v1: final with the block" in said.out
    assert "tee/v1: final at once, as far as the enclave is believed" in said.out
    assert "optimistic/v1: final when nobody refuted it" in said.out
    # Providers claim on a chain: nothing that says otherwise.
    assert "not on chain" not in said.out
    assert "gas at 2 gwei" in said.out


def test_json_has_every_field_and_the_price_of_its_gas(avow: Avow) -> None:
    said = avow(
        *("plan", "digits-mlp", "--systems", "sumcheck", "--batch", "4"),
        *("--gas-price", "2.5", "--token-price", "1000", "--json"),
    )
    value = json.loads(said.out)
    assert (value["gas_price_gwei"], value["token_price"]) == (2.5, 1000.0)
    assert value["model"] == "digits-mlp@1.0.0"
    assert [(one["optimize"], one["batch"]) for one in value["forecasts"]] == [
        ("time", 4),
        ("gas", 4),
    ]
    for one in value["forecasts"]:
        assert one["gas_per_answer"] == round(one["gas"] / 4)
        assert one["ether_per_answer"] == pytest.approx(one["gas_per_answer"] * 2.5e-9)
        assert one["price_per_answer"] == pytest.approx(1000 * one["ether_per_answer"])
        assert one["memory_bytes"] > 10**7 and one["setup_seconds"] > 0
        assert one["hides"] == "nothing" and one["missing"] is None


def test_a_file_in_no_store_is_planned_and_nothing_stays(
    avow: Avow, avow_home: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.onnx"
    shutil.copy(ONNX, mine)
    arguments = ("plan", str(mine), "--systems", "sumcheck", "--batch", "1")
    said = avow(*arguments)
    assert said.status == 0, said
    assert "mine@0.0.0" in said.out
    assert "made-up rows" in said.err
    ranged = avow(*arguments, "--range", "0:16")
    assert ranged.status == 0 and ranged.out != said.out
    rows = ONNX.parent / "calibration.npz"
    better = avow(*arguments, "--calibration", str(rows))
    assert better.status == 0 and "made-up" not in better.err
    assert not list((avow_home / "models").glob("*"))
    refused(avow("plan", str(tmp_path / "nowhere.onnx")), "nowhere.onnx")


def test_what_makes_no_sense_is_refused(avow: Avow) -> None:
    refused(avow("plan", "digits-mlp", "--systems", "sumcheck,other"), "--systems", "'other'")
    refused(avow("plan", "digits-mlp", "--range", "0:1"), "in no store")
    refused(avow("plan", "no-such-model"), "no model 'no-such-model'")
