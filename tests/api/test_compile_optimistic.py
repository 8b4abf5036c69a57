"""`avow compile`, `model check` and `plan` for optimistic: what they print, make and refuse."""

import json
from pathlib import Path

import pytest

from tests.api.test_compile_commands import Avow, refused
from tests.api.test_compile_commands import avow as avow

pytestmark = pytest.mark.usefixtures("avow_home")
COMPILE = ("compile", "digits-mlp", "--system", "optimistic")


def test_a_program_is_all_that_is_made(avow_home: Path, avow: Avow) -> None:
    said = avow(*COMPILE, "--window", "600")
    assert said.status == 0, said
    assert "for optimistic/v1, input public, weights fixed" in said.err
    assert "600 s in which a claim may be challenged" in said.out
    assert "gas predicted for a contract to check one element" in said.out
    assert "srs" not in said.out
    digest = said.out.split()[0]
    folder = avow_home / "artifacts" / digest[2:]
    assert (folder / "program.json").is_file() and not (folder / "powers.bin").exists()

    value = json.loads(avow("compile", "digits-mlp", "--system", "optimistic/v1", "--json").out)
    assert value["record"]["details"]["window"] == "3600"
    assert value["heaviest_element"]["operation"] == "dense"
    assert "srs" not in value["record"]

    checked = avow("model", "check", "digits-mlp", digest)
    assert checked.status == 0 and f"CHECKED: record {digest}" in checked.out
    assert "SRS" not in checked.out
    other = avow("model", "check", "tumour-risk", digest)
    assert other.status == 1 and "DIFFERS     program" in other.out
    refused(avow("model", "check", "digits-mlp", digest, "--srs", "some.srs"), "needs no string")


def test_what_means_nothing_is_refused(avow: Avow) -> None:
    for option in (
        ("--unsafe-srs",),
        ("--srs", "some.srs"),
        ("--batch", "4"),
        ("--optimize", "gas"),
        ("--no-evm",),
        ("--memory", "100"),
    ):
        refused(avow(*COMPILE, *option), f"{option[0]} means nothing to --system optimistic")
    refused(avow(*COMPILE, "--input", "private"), "optimistic hides nothing")
    refused(
        avow("compile", "digits-mlp", "--unsafe-srs", "--window", "60"), "--window means nothing"
    )
    refused(avow("compile", "digits-mlp", "--system", "other"), "sumcheck, ezkl, optimistic or tee")


def test_a_plan_says_what_a_verifier_recomputes(avow: Avow) -> None:
    said = avow("plan", "lenet5", "--systems", "optimistic", "--json")
    (one,) = json.loads(said.out)["forecasts"]
    assert one["system"] == "optimistic/v1" and one["gas"] is None
    assert one["off_chain"] is None and "gas at most to refute" in one["setup"]
    assert one["verify_seconds"] > 1 and one["proof_bytes"] > 10**5
