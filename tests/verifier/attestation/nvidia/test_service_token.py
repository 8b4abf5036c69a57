"""A token of NVIDIA's service counts with its keys only, and never one without a signature."""

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier.attestation.nvidia.service_token import (
    DIGESTS,
    NONCE,
    RESULT,
    SIGNATURE,
    TIME,
    ServiceToken,
    check_service_token,
)
from avow.verifier.attestation.steps import State
from avow.verifier.errors import VerificationError
from tests.verifier.attestation.nvidia.simulated import AT, raw_signature
from tests.verifier.attestation.nvidia.simulated import NONCE as ASKED
from tests.verifier.attestation.vectors import read

KEY = ec.generate_private_key(ec.SECP384R1())
STEPS = (SIGNATURE, DIGESTS, NONCE, TIME, RESULT)
ISSUED, ENDS = 1_749_601_858, 1_749_605_458
ANSWER = bytes.fromhex("931d8dd0add203ac3d8b4fbde75e115278eefcdceac5b87671a748f32364dfcb")


def url64(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    """Claims signed by the simulated service."""
    head = {"kid": "SIMULATED", "alg": "ES384"} if header is None else header
    signed = f"{url64(json.dumps(head).encode())}.{url64(json.dumps(claims).encode())}"
    return f"{signed}.{url64(raw_signature(KEY, signed.encode()))}"


def keys(kid: str = "SIMULATED", key: ec.EllipticCurvePrivateKey = KEY, **other: Any) -> bytes:
    """The service's keys as a JWKS."""
    numbers = key.public_key().public_numbers()
    x, y = (url64(number.to_bytes(48, "big")) for number in (numbers.x, numbers.y))
    one = {"kty": "EC", "crv": "P-384", "kid": kid, "x": x, "y": y}
    return json.dumps({"keys": [one | other]}).encode()


TIMES = {"nbf": AT - 10, "exp": AT + 10, "eat_nonce": ASKED.hex()}
DEVICE = TIMES | {"measres": "success", "hwmodel": "GH100 A01 GSP BROM", "warning": None}


def token(
    device: dict[str, Any] | None = None,
    overall: dict[str, Any] | None = None,
    header: dict[str, Any] | None = None,
) -> bytes:
    """A detached EAT of one device, with some claims replaced."""
    inner = jwt(DEVICE | (device or {}), header)
    digest = ["DIGEST", ["SHA-256", hashlib.sha256(inner.encode()).hexdigest()]]
    claims = TIMES | {"submods": {"GPU-0": digest}, "x-nvidia-overall-att-result": True}
    return json.dumps([["JWT", jwt(claims | (overall or {}), header)], {"GPU-0": inner}]).encode()


def check(data: bytes, jwks: bytes | None = None) -> ServiceToken:
    """Check a token with the service's keys, or with others."""
    return check_service_token(data, ASKED, AT, keys() if jwks is None else jwks)


def test_with_the_services_keys_every_step_is_passed() -> None:
    found = check(token())
    assert [(step.name, step.state) for step in found.steps] == [
        (name, State.PASSED) for name in STEPS
    ]
    assert found.devices == {"GPU-0": DEVICE}


def test_without_keys_no_step_is_passed() -> None:
    found = check_service_token(token(), ASKED, AT)
    assert {step.state for step in found.steps} == {State.NOT_CHECKED}


def test_a_real_token_cannot_be_checked_offline() -> None:
    data = read("gpu/hopperClaimsv3_detached_eat.json")
    found = check_service_token(data, ANSWER, ISSUED)
    assert [(step.name, step.state) for step in found.steps] == [
        (name, State.NOT_CHECKED) for name in STEPS
    ]
    assert found.devices == json.loads(read("gpu/hopperClaimsv3_decoded.json"))
    with pytest.raises(VerificationError, match=f"^{SIGNATURE}: no key 'nv-eat-kid-prod-"):
        check_service_token(data, ANSWER, ISSUED, keys())
    for at in (ISSUED - 1, ENDS):
        with pytest.raises(VerificationError, match=f"^{TIME}: "):
            check_service_token(data, ANSWER, at)
    with pytest.raises(VerificationError, match=f"^{NONCE}: "):
        check_service_token(data, ASKED, ISSUED)


def test_a_real_token_of_a_tool_without_a_signature_is_refused() -> None:
    found = json.loads(read("dstack/gpu_attestation_h100.json"))
    data = json.dumps(found["detached_eat"]).encode()
    with pytest.raises(VerificationError, match=r"^parse: .*ES384"):
        check_service_token(data, bytes.fromhex("11" * 32), found_time(found))


def found_time(found: dict[str, Any]) -> int:
    """The time at which an unsigned token was made."""
    body = found["detached_eat"][0][1].split(".")[1]
    return int(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["iat"])


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"device": {"eat_nonce": "00" * 32}}, NONCE),
        ({"overall": {"eat_nonce": "00" * 32}}, NONCE),
        ({"device": {"exp": AT}}, TIME),
        ({"overall": {"exp": AT - 1}}, TIME),
        ({"overall": {"nbf": AT + 1}}, TIME),
        ({"overall": {"nbf": None}}, TIME),
        ({"device": {"measres": "fail"}}, RESULT),
        ({"overall": {"x-nvidia-overall-att-result": False}}, RESULT),
        ({"overall": {"x-nvidia-overall-att-result": 1}}, RESULT),
        ({"overall": {"submods": {}}}, DIGESTS),
        ({"overall": {"submods": None}}, DIGESTS),
        ({"overall": {"submods": {"GPU-0": ["DIGEST", ["SHA-256", "00" * 32]]}}}, DIGESTS),
        ({"header": {"alg": "none"}}, "parse"),
        ({"header": {"kid": "SIMULATED", "alg": "HS384"}}, "parse"),
        ({"header": {"kid": "SIMULATED", "alg": "ES384", "jwk": {}}}, "parse"),
        ({"header": {"kid": "other", "alg": "ES384"}}, SIGNATURE),
        ({"header": {"kid": 1, "alg": "ES384"}}, SIGNATURE),
    ],
)
def test_a_token_that_says_something_else_is_refused(changes: dict[str, Any], step: str) -> None:
    with pytest.raises(VerificationError, match=f"^{step}: "):
        check(token(**changes))


def test_a_token_of_another_key_is_refused() -> None:
    with pytest.raises(VerificationError, match=f"^{SIGNATURE}: "):
        check(token(), keys(key=ec.generate_private_key(ec.SECP384R1())))


@pytest.mark.parametrize("which", [0, 1])
def test_claims_cannot_be_exchanged_under_a_signature(which: int) -> None:
    head, inner = json.loads(token())
    other = json.loads(token(device={"hwmodel": "other"}))
    texts = (head[1], inner["GPU-0"])
    others = (other[0][1], other[1]["GPU-0"])
    signature = texts[which].split(".")[2]
    mixed = ".".join([*others[which].split(".")[:2], signature])
    pair = [["JWT", mixed], inner] if which == 0 else [head, {"GPU-0": mixed}]
    with pytest.raises(VerificationError, match=f"^{SIGNATURE}: "):
        check(json.dumps(pair).encode())


def test_devices_cannot_be_exchanged() -> None:
    head, _ = json.loads(token())
    _, other = json.loads(token(device={"hwmodel": "other"}))
    with pytest.raises(VerificationError, match=f"^{DIGESTS}: "):
        check(json.dumps([head, other]).encode())
    _, inner = json.loads(token())
    for changed in ({"GPU-1": inner["GPU-0"]}, inner | {"GPU-1": inner["GPU-0"]}):
        with pytest.raises(VerificationError, match=f"^{DIGESTS}: "):
            check(json.dumps([head, changed]).encode())


@pytest.mark.parametrize(
    "jwks",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys":[]}',
        b'{"keys":[1]}',
        keys(kty="oct"),
        keys(crv="P-256"),
        keys(x="AA"),
        keys(x="A" * 64),
        keys(x=1),
        keys()[:-2] + b"," + keys()[10:],
    ],
)
def test_keys_that_are_none_are_refused(jwks: bytes) -> None:
    with pytest.raises(VerificationError, match=r"^parse: keys"):
        check(token(), jwks)


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b'[["JWT","a.b.c"],{}]',
        b'[["JWT","a.b.c"],{"GPU-0":"a.b.c"}]',
        b'[["JWT",1],{"GPU-0":1}]',
        b'{"JWT":1}',
        b"[1.5]",
        b"[NaN]",
        b'[{"a":1,"a":2}]',
        b"[" * 9000,
        b"[" + b"9" * 9000 + b"]",
        token().replace(b"GPU-0", b"GPU\\n0"),
        token().replace(b'"JWT"', b'"CWT"'),
        b'[["JWT","' + b"!" * 200 + b'"],{"GPU-0":"x"}]',
    ],
)
def test_what_is_no_token_is_refused(data: bytes) -> None:
    with pytest.raises(VerificationError, match=r"^parse: "):
        check(data)


GENUINE = token()


@given(st.integers(0, len(GENUINE) - 1), st.binary(max_size=4))
def test_damage_is_refused_or_changes_nothing(at: int, octets: bytes) -> None:
    damaged = GENUINE[:at] + octets + GENUINE[at + len(octets) :]
    try:
        found = check(damaged)
    except VerificationError:
        return
    assert found == check(GENUINE)
