"""Policy files."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier.errors import VerificationError
from avow.verifier.policy import Policy, parse_policy
from avow.verifier.statement import Domain
from avow.verifier.systems.optimistic.sample import Sample
from avow.verifier.tensor import ElementType, Tensor
from avow.verifier.verdict import Assurance, Hides

WORD = "0x" + "11" * 32
TENSOR = Tensor(ElementType.INT8, (1,), (1,))
FULL = {
    "format": "avow-policy/1",
    "minimum_assurance": "SETTLED",
    "model": WORD,
    "systems": ["ezkl/v1"],
    "record": WORD,
    "program": WORD,
    "domain": {"chain_id": "31337", "market": "0x" + "22" * 20},
    "order": WORD,
    "provider": "0x" + "33" * 20,
    "nonce": "12",
    "hides": "both",
    "inputs": [TENSOR.to_json()],
    "outputs": [TENSOR.to_json()],
    "checked_records": [WORD],
    "trusted_srs": [WORD],
    "measurements": ["0x" + "44" * 48],
    "sample": {"elements": 100, "seed": WORD},
    "require_owner_signature": True,
    "require_model_binding": True,
    "unsafe_allow_unsafe_srs": True,
}


def parse(**changes: object) -> Policy:
    return parse_policy(json.dumps({"format": "avow-policy/1", **changes}, indent=2).encode())


def test_an_empty_policy_is_the_default_and_refuses_what_is_unsafe() -> None:
    assert parse() == Policy()
    assert Policy().minimum_assurance is Assurance.PROVEN
    assert not Policy().unsafe_allow_unsafe_srs


def test_every_field_is_read() -> None:
    word = b"\x11" * 32
    assert parse_policy(json.dumps(FULL).encode()) == Policy(
        minimum_assurance=Assurance.SETTLED,
        model=word,
        systems=("ezkl/v1",),
        record=word,
        program=word,
        domain=Domain(31337, b"\x22" * 20),
        order=word,
        provider=b"\x33" * 20,
        nonce=12,
        hides=Hides.BOTH,
        inputs=(TENSOR,),
        outputs=(TENSOR,),
        checked_records=(word,),
        trusted_srs=(word,),
        measurements=(b"\x44" * 48,),
        sample=Sample(100, word),
        require_owner_signature=True,
        require_model_binding=True,
        unsafe_allow_unsafe_srs=True,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"modle": WORD},
        {"model": "0x11"},
        {"minimum_assurance": "VERY"},
        {"systems": []},
        {"sample": 100},
        {"sample": {"elements": 0, "seed": WORD}},
        {"sample": {"elements": 1, "seed": "0x11"}},
        {"sample": {"elements": 1}},
        {"systems": [1]},
        {"checked_records": []},
        {"hides": "none"},
        {"nonce": 12},
        {"require_owner_signature": 1},
        {"domain": {"chain_id": "0", "market": "0x" + "22" * 20}},
        {"inputs": []},
        {"format": "avow-policy/2"},
    ],
)
def test_unfit_policies_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(VerificationError):
        parse(**changes)


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    with pytest.raises(VerificationError):
        parse_policy(data)
