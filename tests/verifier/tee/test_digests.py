"""What is hashed and signed, against independent libraries and written-out bytes."""

from dataclasses import replace

from eth_account import Account
from eth_account.messages import encode_typed_data

from avow.verifier.attestation.established import measurement_digest
from avow.verifier.canonical import encode
from avow.verifier.keccak import keccak256
from avow.verifier.statement import OFF_CHAIN, Domain
from avow.verifier.systems.tee.receipt import Receipt, parse_receipt, receipt_digest
from avow.verifier.systems.tee.registration import (
    Registration,
    outputs_digest,
    parse_registration,
    read_report_data,
    record_key,
)
from avow.verifier.tensor import ElementType, TensorSpec
from tests.verifier.tee.enclave import KEY, REGISTRATION, address

REGISTRY = Domain(31_337, b"\x55" * 20)
ROOT = keccak256(b"root")


def test_a_receipt_is_what_a_wallet_signs_as_typed_data() -> None:
    typed = encode_typed_data(
        {
            "name": "Avow attestation",
            "version": "1",
            "chainId": 31_337,
            "verifyingContract": "0x" + "55" * 20,
        },
        {"Answers": [{"name": "root", "type": "bytes32"}, {"name": "time", "type": "uint64"}]},
        {"root": ROOT, "time": 1_795_176_000},
    )
    digest = keccak256(b"\x19\x01" + typed.header + typed.body)
    assert digest == receipt_digest(ROOT, 1_795_176_000, REGISTRY)
    signed = Account.sign_message(typed, KEY.key)
    receipt = Receipt(1_795_176_000, bytes(signed.signature))
    assert receipt.signer(ROOT, REGISTRY) == address()
    assert receipt.signer(ROOT, OFF_CHAIN) != address()
    assert receipt.signer(keccak256(b"another"), REGISTRY) != address()
    assert Receipt(1_795_176_001, receipt.signature).signer(ROOT, REGISTRY) != address()
    assert parse_receipt(receipt.to_json()) == receipt


def test_a_registration_is_eight_words() -> None:
    registration = Registration(
        b"\1" * 32, Domain(5, b"\2" * 20), b"\3" * 32, b"\4" * 32, b"\5" * 32, 6
    )
    words = b"".join(
        (
            (1).to_bytes(32, "big"),
            b"\1" * 32,
            (5).to_bytes(32, "big"),
            bytes(12) + b"\2" * 20,
            b"\3" * 32,
            b"\4" * 32,
            b"\5" * 32,
            (6).to_bytes(32, "big"),
        )
    )
    assert registration.digest() == keccak256(words)
    assert parse_registration(registration.to_json()) == registration
    bound = registration.report_data(b"\7" * 20)
    assert bound == b"\7" * 20 + keccak256(words) + bytes(12)
    assert read_report_data(bound) == (b"\7" * 20, keccak256(words))


def test_a_measurement_is_the_registrys_word_and_its_kind() -> None:
    registers = [bytes([number]) * 48 for number in range(1, 5)]
    assert measurement_digest("tdx", *registers) == keccak256(b"".join(registers)) + b"tdx" + bytes(
        13
    )
    assert measurement_digest("nitro", *registers) != measurement_digest("tdx", *registers)


def test_a_records_key_binds_program_outputs_and_measurements() -> None:
    one, two = b"\1" * 48, b"\2" * 48
    program = REGISTRATION.program
    spec = TensorSpec("y", ElementType.INT16, (3,), 4, -200, 200)
    others = (
        replace(spec, name="z"),
        replace(spec, element_type=ElementType.INT32),
        replace(spec, shape=(3, 1)),
        replace(spec, scale=5),
        replace(spec, minimum=-201),
        replace(spec, maximum=201),
    )
    keys = {
        record_key(program, (spec,), (one,)),
        record_key(program, (spec,), (two,)),
        record_key(program, (spec,), (one, two)),
        record_key(program, (spec,), (two, one)),
        record_key(bytes(32), (spec,), (one,)),
        record_key(program, (spec, others[0]), (one,)),
        record_key(program, (others[0], spec), (one,)),
        *(record_key(program, (other,), (one,)) for other in others),
    }
    assert len(keys) == 7 + len(others)
    digest = keccak256(encode([spec.to_json()]))
    assert outputs_digest((spec,)) == digest
    assert record_key(program, (spec,), (one, two)) == keccak256(
        keccak256(b"avow.enclave.key.v2") + program + digest + one + two
    )
