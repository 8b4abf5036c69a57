"""The contract answers every recorded refutation as the readable verifier did."""

import json
from pathlib import Path

import pytest

from avow.verifier.fields import parse_hex
from avow.verifier.trace.refutation import TracedClaim
from tests.contracts.node import Refused, selector
from tests.contracts.optimistic.desk import Desk

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "optimistic.json"
VECTOR = json.loads(VECTORS.read_text())
FIELDS = ("key", "program", "statement", "trace", "input", "output")


def octets(text: str) -> bytes:
    """Bytes of a 0x string."""
    return bytes.fromhex(text.removeprefix("0x"))


@pytest.mark.parametrize("case", VECTOR["cases"], ids=lambda case: case["name"])
def test_every_case_is_answered_as_recorded(desk: Desk, case: dict[str, str]) -> None:
    claim = TracedClaim(**{name: parse_hex(case[name], 32, name) for name in FIELDS})
    assert desk.verdict(claim, octets(case["refutation"])) == case["answer"]


def test_the_sizes_of_every_tensor_are_those_recorded(desk: Desk) -> None:
    key, program = octets(VECTOR["key"]), octets(VECTOR["program_digest"])
    tensors = len(VECTOR["places"])
    depth = (tensors - 1).bit_length()
    for tensor, (place, size) in enumerate(zip(VECTOR["places"], VECTOR["octets"], strict=True)):
        chunks = (size + 255) // 256
        expected = (tensor, depth, (chunks - 1).bit_length(), tensors, size)
        assert desk.sizes(key, program + octets(place)) == expected


def test_a_place_of_another_key_or_with_other_bytes_is_refused(desk: Desk) -> None:
    key, program = octets(VECTOR["key"]), octets(VECTOR["program_digest"])
    place = program + octets(VECTOR["places"][3])
    wrong = "KeyDiffers(bytes32,bytes32)"
    refused = [(key, place + b"\0", "TrailingBytes(uint256)"), (bytes(32), place, wrong)]
    for at in range(0, len(place), 13):
        refused.append((key, place[:at] + bytes([place[at] ^ 1]) + place[at + 1 :], ""))
    for digest, octets_, error in refused:
        with pytest.raises(Refused) as caught:
            desk.sizes(digest, octets_)
        assert not error or caught.value.data[:4] == selector(error)
