"""Policies of attestation: read back as written, and refused where they say too little."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier.attestation.policy import (
    STATUSES,
    AttestationPolicy,
    IntelTcb,
    NitroPolicy,
    RequiredEvent,
    SgxPolicy,
    TdxPolicy,
    parse_attestation_policy,
)
from avow.verifier.canonical import encode
from avow.verifier.errors import VerificationError

TCB = IntelTcb(("UpToDate", "SWHardeningNeeded"), ("INTEL-SA-00615",), 17, (b"\5" * 16,))
WHOLE = AttestationPolicy(
    tdx=TdxPolicy(
        ((b"\1" * 48, b"\2" * 48, b"\3" * 48, bytes(48)),),
        TCB,
        b"\7" * 48,
        (RequiredEvent("app-id", None), RequiredEvent("avow-program", b"\6" * 32)),
    ),
    sgx=SgxPolicy(((b"\1" * 32, b"\2" * 32, 3),), 4, TCB),
    nitro=NitroPolicy(((b"\1" * 48, b"\2" * 48, b"\3" * 48),), ("i-0123",)),
)


def text() -> dict[str, Any]:
    """The policy as parsed JSON, to be changed."""
    value: dict[str, Any] = json.loads(WHOLE.encode())
    return value


def test_a_policy_is_read_back_as_written() -> None:
    assert parse_attestation_policy(WHOLE.encode()) == WHOLE
    assert len(set(WHOLE.measurement_digests())) == 3
    assert {len(one) for one in WHOLE.measurement_digests()} == {48}
    assert len(WHOLE.digest()) == 32
    assert replace(WHOLE, sgx=None).digest() != WHOLE.digest()
    any_platform = replace(WHOLE, nitro=NitroPolicy(WHOLE.nitro.measurements, None))  # type: ignore[union-attr]
    assert parse_attestation_policy(any_platform.encode()) == any_platform


def test_no_policy_can_allow_what_is_revoked() -> None:
    assert "Revoked" not in STATUSES


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), "avow-attestation-policy/2"),
        (("more",), 1),
        (("tdx", "more"), 1),
        (("tdx", "measurements"), []),
        (("tdx", "measurements"), None),
        (("tdx", "statuses"), []),
        (("tdx", "statuses"), ["Revoked"]),
        (("tdx", "statuses"), ["uptodate"]),
        (("tdx", "minimum_evaluation"), 0),
        (("tdx", "platforms"), []),
        (("tdx", "platforms"), ["0x00"]),
        (("tdx", "mr_config_id"), "0x"),
        (("tdx", "events"), [{"name": ""}]),
        (("tdx", "events"), [{"name": "a"}, {"name": "a"}]),
        (("tdx", "events"), [{"name": "a", "payload": "0xAB"}]),
        (("tdx", "events"), [{"name": "a", "payload": "ab"}]),
        (("tdx", "measurements", 0, "mr_td"), "0x" + "00" * 48),
        (("tdx", "measurements", 0, "rtmr0"), "0x" + "11" * 32),
        (("tdx", "measurements", 0, "rtmr3"), "0x" + "11" * 48),
        (("sgx", "minimum_isv_svn"), -1),
        (("sgx", "minimum_isv_svn"), None),
        (("sgx", "measurements", 0, "mr_signer"), None),
        (("sgx", "measurements", 0, "isv_prod_id"), 2**16),
        (("nitro", "measurements", 0, "pcr0"), "0x" + "00" * 48),
        (("nitro", "platforms"), []),
        (("nitro", "statuses"), ["UpToDate"]),
    ],
)
def test_what_is_unknown_missing_or_empty_is_refused(
    path: tuple[str | int, ...], value: object
) -> None:
    policy = text()
    place: Any = policy
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    with pytest.raises(VerificationError) as refusal:
        parse_attestation_policy(encode(policy))
    assert refusal.value.step == "parse"


def test_a_policy_without_reference_values_is_refused() -> None:
    with pytest.raises(VerificationError, match="without reference values"):
        parse_attestation_policy(AttestationPolicy().encode())


def test_a_policy_is_written_by_people_in_any_spacing_and_nothing_twice() -> None:
    spaced = json.dumps(text(), indent=1).encode() + b"\n"
    found = parse_attestation_policy(spaced)
    assert (found, found.digest()) == (WHOLE, WHOLE.digest())
    with pytest.raises(VerificationError, match="twice"):
        parse_attestation_policy(b'{"format": "avow-attestation-policy/1",' + spaced[1:])


@given(st.binary(max_size=200), st.integers(0, 1200), st.integers(0, 5))
def test_broken_policies_are_refused_in_one_way(put: bytes, place: int, cut: int) -> None:
    data = WHOLE.encode()
    changed = data[:place] + put + data[place + cut :]
    try:
        found = parse_attestation_policy(changed)
    except VerificationError as refusal:
        assert refusal.step == "parse"
    else:
        assert json.loads(found.encode()) == json.loads(changed.decode())
        assert parse_attestation_policy(found.encode()) == found
