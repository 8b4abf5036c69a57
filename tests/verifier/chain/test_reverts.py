"""Revert data becomes a name and arguments, whatever is in it."""

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier.chain import artifacts
from avow.verifier.chain.errors import ArtifactRefused, Reverted
from avow.verifier.chain.reverts import error_table
from avow.verifier.keccak import keccak256

TABLE = error_table(artifacts.known_abis())


def selector(signature: str) -> bytes:
    """The first four bytes of an error."""
    return keccak256(signature.encode())[:4]


def test_a_custom_error_is_named() -> None:
    order = keccak256(b"order")
    data = selector("OrderUnknown(bytes32)") + order
    assert TABLE.describe(data) == ("OrderUnknown", (order,))


def test_words_and_panics_are_named() -> None:
    assert TABLE.describe(selector("Error(string)") + encode(["string"], ["no"])) == (
        "Error",
        ("no",),
    )
    panic = selector("Panic(uint256)") + encode(["uint256"], [17])
    assert TABLE.describe(panic) == ("Panic", (17,))


def test_a_refusal_within_a_refusal_is_unfolded() -> None:
    inner = selector("BindingDiffers(uint256,uint256,uint256)") + encode(["uint256"] * 3, [1, 2, 3])
    outer = selector("ProofRefused(bytes)") + encode(["bytes"], [inner])
    assert TABLE.describe(outer) == ("ProofRefused", ("BindingDiffers(1, 2, 3)",))


def test_what_is_unknown_is_shown_as_it_is() -> None:
    assert TABLE.describe(b"") == ("", ())
    assert TABLE.describe(b"\x01\x02\x03\x04\x05") == ("", (b"\x01\x02\x03\x04\x05",))
    cut = selector("OrderUnknown(bytes32)") + b"\x01"
    assert TABLE.describe(cut) == ("OrderUnknown", (b"\x01",))


@given(st.sampled_from(sorted(TABLE.entries)), st.binary(max_size=300))
def test_any_data_makes_one_bounded_line(head: bytes, tail: bytes) -> None:
    name, arguments = TABLE.describe(head + tail)
    text = str(Reverted(name, arguments, "market"))
    assert name and name in text
    assert len(text) <= 600
    assert "\n" not in text


def test_a_contract_without_artifact_is_named() -> None:
    with pytest.raises(ArtifactRefused, match="contract Nothing: no compiled form"):
        artifacts.load("Nothing")


@pytest.mark.parametrize(
    "name", ["PaymentToken", "ModelRegistry", "EzklAdapter", "Timelock", "ProofRouter"]
)
def test_the_carried_contracts_can_be_deployed(name: str) -> None:
    artifact = artifacts.load(name)
    assert len(artifact.bytecode) > 500
    assert any(item["type"] == "constructor" for item in artifact.abi) or name == "ModelRegistry"
