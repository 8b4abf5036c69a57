"""The recorded refutations, as every referee must answer them."""

import json
from typing import Any

import pytest

from avow.verifier.errors import VerificationError
from avow.verifier.fields import parse_hex
from avow.verifier.program.operations import NAMES
from avow.verifier.trace.refutation import TracedClaim, refutes
from tests.vectors.generate_optimistic import PATH, vector

FIELDS = ("key", "program", "statement", "trace", "input", "output")


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    value: dict[str, Any] = json.loads(PATH.read_text())
    return value


def answer(case: dict[str, Any]) -> str:
    claim = TracedClaim(*(parse_hex(case[name], 32, name) for name in FIELDS))
    try:
        return str(refutes(claim, bytes.fromhex(case["refutation"][2:]))).lower()
    except VerificationError:
        return "refused"


def test_every_case_is_answered_as_recorded(kept: dict[str, Any]) -> None:
    assert {case["name"]: answer(case) for case in kept["cases"]} == {
        case["name"]: case["answer"] for case in kept["cases"]
    }


def test_every_operation_is_shown_right_and_wrong(kept: dict[str, Any]) -> None:
    for name in NAMES:
        answers = {case["answer"] for case in kept["cases"] if case["name"].split(" ")[0] == name}
        assert answers >= {"true", "false"}, name


def test_the_definition_still_gives_the_recorded_vector(kept: dict[str, Any]) -> None:
    assert json.loads(json.dumps(vector())) == kept
