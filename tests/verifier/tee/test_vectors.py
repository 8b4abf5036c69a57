"""The vectors that contracts share are what this code computes, and what it refuses."""

import json
from typing import Any

import pytest

from avow.verifier.errors import VerificationError
from avow.verifier.statement import Domain
from avow.verifier.systems.tee.receipt import Receipt
from tests.vectors.generate_tee import PATH, vectors

VECTORS: dict[str, Any] = json.loads(PATH.read_text(encoding="ascii"))


def test_the_file_is_what_is_generated() -> None:
    assert vectors() == VECTORS


@pytest.mark.parametrize("case", VECTORS["receipts"], ids=lambda case: case["name"])
def test_a_receipt_has_its_signer_or_none(case: dict[str, Any]) -> None:
    registry = Domain(int(case["chain_id"]), bytes.fromhex(case["registry"][2:]))
    receipt = Receipt(case["time"], bytes.fromhex(case["signature"][2:]))
    root = bytes.fromhex(case["root"][2:])
    if case["signer"] == "refused":
        with pytest.raises(VerificationError, match="not a canonical signature"):
            receipt.signer(root, registry)
    else:
        assert "0x" + receipt.signer(root, registry).hex() == case["signer"]
