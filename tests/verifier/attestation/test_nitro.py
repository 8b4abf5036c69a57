"""Nitro documents, real and simulated: what passes, when, and every lie that is refused."""

import random
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.prover.enclave.simulated.document import SecurityModule, encode, make_security_module
from avow.verifier.attestation.established import Attested, Simulated, measurement_digest
from avow.verifier.attestation.nitro.cbor import parse_cbor
from avow.verifier.attestation.nitro.document import (
    Document,
    document_of_dstack,
    parse_document,
    sig_structure,
)
from avow.verifier.attestation.nitro.verify import verify_document, verify_simulated_document
from avow.verifier.attestation.policy import AttestationPolicy, NitroPolicy
from avow.verifier.attestation.steps import State
from avow.verifier.attestation.testroot import TestRoot, allow_test_root
from avow.verifier.errors import VerificationError
from tests.sampling import sampled
from tests.verifier.attestation.examples import AT, platform, root_of, td_policy
from tests.verifier.attestation.vectors import read

FRAMED = ("nsm-qvl_nitro_attestation.bin", "dstack-attest_nitro_attestation.bin")
DEBUG = "dstack-attest_nitro_attestation_dbg.bin"
BARE = "op-enclave_sample_attestation.bin"
TIMES = {FRAMED[0]: 1_766_668_537, FRAMED[1]: 1_766_678_659, BARE: 1_708_930_921}
PCRS = {0: b"\1" * 48, 1: b"\2" * 48, 2: b"\3" * 48, 3: bytes(48)}


def real(name: str) -> bytes:
    """The document in a file, taken out of its frame."""
    data = read(f"nitro/{name}")
    return data if name == BARE else document_of_dstack(data)


def policy_of(document: Document, *platforms: str) -> AttestationPolicy:
    """What accepts this document's registers."""
    row = tuple(document.pcrs[number] for number in range(3))
    return AttestationPolicy(nitro=NitroPolicy((row,), platforms or None))


@pytest.mark.parametrize("name", TIMES)
def test_a_genuine_document_verifies_at_its_time(name: str) -> None:
    data, at = real(name), TIMES[name]
    document = parse_document(data)
    found = verify_document(data, at, policy_of(document))
    assert isinstance(found, Attested)
    assert found.kind == "nitro"
    assert found.measurement == measurement_digest(
        "nitro", *(document.pcrs[number] for number in range(3))
    )
    assert found.report_data == document.user_data
    assert at < found.expires <= at + 3 * 3600
    states = {step.name: step.state for step in found.steps}
    assert states["chain"] is State.PASSED
    assert states["revocation"] is State.NOT_CHECKED
    # The leaf lives for three hours; the caller's time decides.
    for other in (AT, at - 3600, at + 4 * 3600, -1, 2**70):
        with pytest.raises(VerificationError, match="is valid from"):
            verify_document(data, other, policy_of(document))


@pytest.mark.parametrize("name", [*FRAMED, DEBUG])
def test_a_frame_is_no_document(name: str) -> None:
    data = read(f"nitro/{name}")
    with pytest.raises(VerificationError):
        parse_document(data)
    document = document_of_dstack(data)
    assert document.startswith(bytes.fromhex("8444a1013822"))
    assert document in data
    assert parse_document(document).pcrs
    for wrong in (data[:3], data[:4000], b"\1" + data[1:], b"\0\1" + data[2:], document, b""):
        with pytest.raises(VerificationError):
            document_of_dstack(wrong)


def test_a_debug_enclave_is_refused() -> None:
    data = real(DEBUG)
    document = parse_document(data)
    with pytest.raises(VerificationError, match="debug mode") as refusal:
        verify_document(data, document.time // 1000, policy_of(document))
    assert refusal.value.step == "attributes"


@pytest.mark.parametrize("name", TIMES)
def test_every_byte_of_a_genuine_document_counts(name: str) -> None:
    data, at = real(name), TIMES[name]
    policy = policy_of(parse_document(data))
    for place in sampled(range(len(data)), 250):
        changed = bytearray(data)
        changed[place] ^= 1 << random.randrange(8)
        with pytest.raises(VerificationError):
            verify_document(bytes(changed), at, policy)


@cache
def module() -> SecurityModule:
    """One security module for all tests."""
    return make_security_module(AT)


def allowed() -> TestRoot:
    """Its root."""
    return allow_test_root(module().authority.der, module().authority.fingerprint, {})


def simulated_policy(*platforms: str) -> AttestationPolicy:
    """What accepts `PCRS`."""
    row = tuple(PCRS[number] for number in range(3))
    return AttestationPolicy(nitro=NitroPolicy((row,), platforms or None))


def payload(**changes: Any) -> dict[str, Any]:
    """A payload as the simulated module would sign it."""
    found = parse_document(module().document(PCRS, b"user"))
    value: dict[str, Any] = {
        "module_id": found.module_id,
        "digest": "SHA384",
        "timestamp": found.time,
        "pcrs": dict(PCRS),
        "certificate": found.chain[0],
        "cabundle": list(reversed(found.chain[1:])),
        "public_key": None,
        "user_data": b"user",
        "nonce": None,
    }
    return {key: one for key, one in (value | changes).items() if one != "absent"}


def check(data: bytes, at: int = AT, policy: AttestationPolicy | None = None) -> Simulated:
    """Check a document of the simulated module."""
    return verify_simulated_document(data, at, policy or simulated_policy(), allowed())


def test_a_simulated_document_is_simulated_and_nothing_more() -> None:
    found = check(module().document(PCRS, b"user"))
    assert isinstance(found, Simulated)
    assert not isinstance(found, Attested)
    assert found.report_data == b"user"
    with pytest.raises(VerificationError, match="SIMULATED document"):
        verify_document(module().document(PCRS, b"user"), AT, simulated_policy())
    # Without the mark it leads to no vendor, and is no simulation either.
    bare = module().sign(encode(payload(module_id="i-0")))
    with pytest.raises(VerificationError) as refusal:
        verify_document(bare, AT, simulated_policy())
    assert refusal.value.step == "chain"
    with pytest.raises(VerificationError, match="must say SIMULATED"):
        check(bare)


def test_a_root_of_another_kind_vouches_for_nothing() -> None:
    with pytest.raises(VerificationError) as refusal:
        verify_simulated_document(
            module().document(PCRS, b""), AT, simulated_policy(), root_of(platform())
        )
    assert refusal.value.step == "chain"


def test_a_genuine_document_means_nothing_under_a_test_root() -> None:
    data = real(BARE)
    with pytest.raises(VerificationError, match="must say SIMULATED"):
        check(data, TIMES[BARE], policy_of(parse_document(data)))


@pytest.mark.parametrize("pcrs", [{}, {0: bytes(48)}, {1: bytes(48)}, {2: bytes(48)}])
def test_zero_registers_are_a_debug_enclave(pcrs: dict[int, bytes]) -> None:
    registers = PCRS | pcrs if pcrs else {3: bytes(48)}
    with pytest.raises(VerificationError, match="debug mode" if pcrs else "lacks one") as refusal:
        check(module().document(registers, b""))
    assert refusal.value.step == "attributes"


def test_registers_platform_and_time_are_the_policys_and_the_callers() -> None:
    for number in range(3):
        with pytest.raises(VerificationError) as refusal:
            check(module().document(PCRS | {number: b"\x9a" * 48}, b""))
        assert refusal.value.step == "measurements"
    data = module().document(PCRS, b"")
    here = module().module_id.partition("-enc")[0]
    assert check(data, policy=simulated_policy(here))
    with pytest.raises(VerificationError) as refusal:
        check(data, policy=simulated_policy("i-0123", here + "0"))
    assert refusal.value.step == "platform"
    with pytest.raises(VerificationError, match="no reference values for nitro"):
        check(data, policy=td_policy())
    late = module().sign(encode(payload(timestamp=(AT - 4 * 3600) * 1000)))
    with pytest.raises(VerificationError) as refusal:
        check(late)
    assert refusal.value.step == "time"


def test_a_signature_by_another_key_is_refused() -> None:
    other = make_security_module(AT)
    signed = parse_document(module().document(PCRS, b"user")).signed
    lying = encode(payload())
    assert sig_structure(lying) == signed
    forged = b"\x84" + bytes.fromhex("44a1013822a0") + encode(lying)
    with pytest.raises(VerificationError) as refusal:
        check(forged + encode(other.enclave.sign(signed)))
    assert refusal.value.step == "signature"
    assert check(forged + encode(module().enclave.sign(signed)))


@pytest.mark.parametrize(
    "change",
    [
        {"module_id": ""},
        {"module_id": b"SIMULATED"},
        {"module_id": "absent"},
        {"digest": "SHA256"},
        {"timestamp": 0},
        {"timestamp": 2**48},
        {"timestamp": "now"},
        {"pcrs": {}},
        {"pcrs": {0: b"\1" * 32, 1: b"\1" * 48, 2: b"\1" * 48}},
        {"pcrs": {32: b"\1" * 48}},
        {"pcrs": {"0": b"\1" * 48}},
        {"certificate": b""},
        {"certificate": None},
        {"cabundle": []},
        {"cabundle": [None]},
        {"cabundle": b""},
        {"user_data": "text"},
        {"user_data": bytes(2000)},
        {"public_key": bytes(2000)},
        {"more": 1},
    ],
)
def test_a_payload_of_another_layout_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(VerificationError) as refusal:
        check(module().sign(encode(payload(**change))))
    assert refusal.value.step == "parse"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda data: data + b"\0",
        lambda data: data[:-1],
        lambda data: b"\xd2" + data,
        lambda data: b"\x85" + data[1:] + b"\0",
        lambda data: data.replace(bytes.fromhex("44a1013822a0"), bytes.fromhex("44a1013823a0")),
        lambda data: data.replace(bytes.fromhex("44a1013822a0"), bytes.fromhex("44a1013822a10000")),
        lambda data: bytes(40_000),
    ],
)
def test_another_frame_is_refused(wrong: Callable[[bytes], bytes]) -> None:
    with pytest.raises(VerificationError) as refusal:
        check(wrong(module().document(PCRS, b"")))
    assert refusal.value.step == "parse"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("1800", "shortest form"),
        ("1817", "shortest form"),
        ("190001", "shortest form"),
        ("1a00000001", "shortest form"),
        ("1b0000000000000001", "shortest form"),
        ("5800", "shortest form"),
        ("a2000000f6", "twice"),
        ("bf000000f6ff", "twice"),
        ("a10000ff", "too many"),
        ("a14000", "no text or integer"),
        ("a1f500", "no text or integer"),
        ("c000", "tag"),
        ("fb3ff0000000000000", "kind 0xfb"),
        ("ff", "kind 0xff"),
        ("5f4100ff", "indefinite"),
        ("9f00ff", "indefinite"),
        ("62c3a9", "not ASCII"),
        ("818181818100", "deeper"),
        ("985000", "more than 64"),
        ("43", "ends after"),
        ("bf", "ends after"),
        ("", "ends after"),
    ],
)
def test_cbor_has_one_form(data: str, reason: str) -> None:
    with pytest.raises(VerificationError, match=reason):
        parse_cbor(bytes.fromhex(data), "it")


def test_cbor_is_read() -> None:
    assert parse_cbor(bytes.fromhex("84f4f5f620"), "it") == [False, True, None, -1]
    assert parse_cbor(bytes.fromhex("bf0001616102ff"), "it") == {0: 1, "a": 2}
    assert parse_cbor(encode({1: [b"x" * 300, "y", 2**40]}), "it") == {1: [b"x" * 300, "y", 2**40]}


@given(st.binary(max_size=200))
def test_bytes_are_no_document(data: bytes) -> None:
    for run in (parse_document, document_of_dstack, lambda one: parse_cbor(one, "it")):
        try:
            run(data)
        except VerificationError as refusal:
            assert refusal.step == "parse"


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=6),
    st.integers(-200, 20),
)
def test_broken_documents_are_refused_in_one_way(
    changes: list[tuple[int, int]], length: int
) -> None:
    data = module().document(PCRS, b"user")
    changed = bytearray(data)
    for place, value in changes:
        changed[place % len(changed)] = value
    cut = bytes(changed)[:length] if length < 0 else bytes(changed) + bytes(length)
    try:
        check(cut)
    except VerificationError as refusal:
        assert "\n" not in refusal.message
    else:
        assert cut == data
