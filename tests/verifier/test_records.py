"""Records, their digests and their signatures."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier import canonical
from avow.verifier.errors import VerificationError
from avow.verifier.records import parse_model_record, parse_system_record
from avow.verifier.signature import recover
from tests.verifier import examples
from tests.verifier.leaves import leaves, mutations

MODEL = examples.model_record()
SYSTEM = examples.system_record()


def test_round_trip() -> None:
    assert parse_model_record(MODEL.to_json()) == MODEL
    assert parse_system_record(SYSTEM.to_json()) == SYSTEM


@pytest.mark.parametrize("record", [MODEL, SYSTEM])
def test_every_leaf_is_part_of_the_digest(record: examples.ModelRecord) -> None:
    parse = parse_model_record if record is MODEL else parse_system_record
    whole = record.to_json()
    for path in leaves(whole):
        for mutated in mutations(whole, path):
            try:
                changed = parse(mutated)
            except VerificationError:
                continue
            assert changed.digest() != record.digest(), path


@pytest.mark.parametrize("field", ["name", "version", "licence"])
def test_an_empty_name_is_refused(field: str) -> None:
    with pytest.raises(VerificationError, match="empty"):
        parse_model_record(replace(MODEL, **{field: ""}).to_json())  # type: ignore[arg-type]


def test_two_tensors_of_one_name_are_refused() -> None:
    with pytest.raises(VerificationError, match="twice"):
        parse_model_record(replace(MODEL, inputs=MODEL.inputs * 2).to_json())
    with pytest.raises(VerificationError, match="twice"):
        parse_system_record(replace(SYSTEM, outputs=SYSTEM.outputs * 2).to_json())


def test_the_owner_is_recovered_from_a_wallets_signature() -> None:
    assert recover(SYSTEM.digest(), examples.sign(SYSTEM.digest())) == MODEL.owner


@given(st.integers(0, 64), st.integers(1, 255))
def test_a_changed_signature_is_not_the_owners(at: int, flip: int) -> None:
    signature = bytearray(examples.sign(SYSTEM.digest()))
    signature[at] ^= flip
    try:
        signer = recover(SYSTEM.digest(), bytes(signature))
    except VerificationError:
        return
    assert signer != MODEL.owner


def test_the_other_root_of_a_signature_is_refused() -> None:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    signature = examples.sign(SYSTEM.digest())
    s = order - int.from_bytes(signature[32:64], "big")
    high = signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
    with pytest.raises(VerificationError, match="canonical signature"):
        recover(SYSTEM.digest(), high)


@pytest.mark.parametrize("length", [0, 64, 66])
def test_a_signature_has_65_bytes(length: int) -> None:
    with pytest.raises(VerificationError, match="65 bytes"):
        recover(SYSTEM.digest(), bytes(length))


@given(st.binary(min_size=65, max_size=65))
def test_random_signatures_raise_nothing_else(signature: bytes) -> None:
    try:
        recover(SYSTEM.digest(), signature)
    except VerificationError:
        pass


def test_records_are_canonical() -> None:
    assert canonical.parse(canonical.encode(MODEL.to_json()), 2**20, "record") == MODEL.to_json()
