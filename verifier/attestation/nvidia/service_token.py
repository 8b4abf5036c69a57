"""What NVIDIA's remote attestation service (NRAS) signed about devices: a detached EAT.

It says what `device` says here, after asking about revocation, on the word of the service. Its
keys change every few weeks and no root vouches for them, so without keys from the caller nothing
in it is established.
"""

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from typing import NoReturn

from cryptography.hazmat.primitives.asymmetric import ec

from avow.verifier.attestation.certificates import check_raw_signature
from avow.verifier.attestation.nvidia.limits import LIMITS
from avow.verifier.attestation.steps import Step, not_checked, passed
from avow.verifier.canonical import check_nesting
from avow.verifier.errors import VerificationError

SIGNATURE = "service token signature"
DIGESTS = "service token digests"
NONCE = "service token nonce"
TIME = "service token time"
RESULT = "service token result"

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,2048}\.[A-Za-z0-9_-]{1,32768}\.[A-Za-z0-9_-]{128}")
_NAME = re.compile(r"[A-Z]{1,16}-[0-9]{1,3}")
_COORDINATE = re.compile(r"[A-Za-z0-9_-]{64}")

Claims = dict[str, object]
Keys = dict[str, ec.EllipticCurvePublicKey]


@dataclass(frozen=True, slots=True)
class ServiceToken:
    """Claims about devices by their name ("GPU-0"), believed only if every step has passed."""

    devices: dict[str, Claims]
    steps: tuple[Step, ...]


def check_service_token(
    data: bytes, nonce: bytes, at: int, keys: bytes | None = None
) -> ServiceToken:
    """Check a detached EAT for `nonce` (32 bytes) at the Unix time `at`.

    `keys` is a JWKS (RFC 7517) that the caller has from NVIDIA. Without it everything is compared
    all the same, so that what is wrong is refused, but no step is passed.
    """
    outer, inner = _take_apart(data)
    known = None if keys is None else _parse_keys(keys)
    overall = _claims(outer, known)
    devices = {name: _claims(token, known) for name, token in inner.items()}
    expected = {
        name: ["DIGEST", ["SHA-256", hashlib.sha256(token.encode("ascii")).hexdigest()]]
        for name, token in inner.items()
    }
    if overall.get("submods") != expected:
        raise VerificationError(DIGESTS, "the devices' tokens are not those of the overall one")
    for claims in (overall, *devices.values()):
        if claims.get("eat_nonce") != nonce.hex():
            raise VerificationError(NONCE, f"{nonce.hex()[:64]} was asked, another one answered")
        start, end = claims.get("nbf"), claims.get("exp")
        if not isinstance(start, int) or not isinstance(end, int) or not start <= at < end:
            raise VerificationError(TIME, f"valid from {start!r:.40} to {end!r:.40}, not at {at}")
    failed = [name for name, claims in devices.items() if claims.get("measres") != "success"]
    if failed or overall.get("x-nvidia-overall-att-result") is not True:
        raise VerificationError(RESULT, f"the service refused {', '.join(failed) or 'it'}")
    ended = [(SIGNATURE, "ES384 by a key of the service"), (DIGESTS, f"{len(devices)} devices")]
    ended += [(NONCE, nonce.hex()), (TIME, str(at)), (RESULT, "success for every device")]
    unsigned = "no keys of the service were given"
    return ServiceToken(
        devices,
        tuple(
            not_checked(name, unsigned) if known is None else passed(name, detail)
            for name, detail in ended
        ),
    )


def _take_apart(data: bytes) -> tuple[str, dict[str, str]]:
    value = _json(data, "service token")
    if not isinstance(value, list) or len(value) != 2:
        raise VerificationError("parse", "service token: a pair was expected")
    head, devices = value
    if not isinstance(head, list) or len(head) != 2 or head[0] != "JWT":
        raise VerificationError("parse", "service token: a JWT was expected first")
    if not isinstance(devices, dict) or not 1 <= len(devices) <= LIMITS.devices:
        raise VerificationError("parse", f"service token: 1 to {LIMITS.devices} devices expected")
    if not all(_NAME.fullmatch(name) for name in devices):
        raise VerificationError("parse", "service token: devices are named like GPU-0")
    for token in (head[1], *devices.values()):
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise VerificationError("parse", "service token: no JWT with an ES384 signature")
    return head[1], devices


def _claims(token: str, keys: Keys | None) -> Claims:
    head, body, signature = token.split(".")
    header, claims = (_json(_octets(part), "service token") for part in (head, body))
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise VerificationError("parse", "service token: objects were expected in a JWT")
    # An algorithm that the token chooses, `none` above all, is not followed.
    if header.keys() != {"kid", "alg"} or header["alg"] != "ES384":
        raise VerificationError("parse", "service token: a JWT is not signed by ES384 and a kid")
    if keys is not None:
        if (key := keys.get(str(header["kid"]))) is None:
            raise VerificationError(SIGNATURE, f"no key {str(header['kid'])[:80]!r} was given")
        signed = f"{head}.{body}".encode("ascii")
        check_raw_signature(key, _octets(signature), signed, SIGNATURE)
    return claims


def _parse_keys(data: bytes) -> Keys:
    value = _json(data, "keys")
    listed = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(listed, list) or not listed:
        raise VerificationError("parse", "keys: a JWKS with keys was expected")
    keys: Keys = {}
    for item in listed:
        if not isinstance(item, dict) or (item.get("kty"), item.get("crv")) != ("EC", "P-384"):
            raise VerificationError("parse", "keys: keys on P-384 were expected")
        x, y, kid = (item.get(name) for name in ("x", "y", "kid"))
        if not (isinstance(x, str) and isinstance(y, str) and isinstance(kid, str)):
            raise VerificationError("parse", "keys: x, y and kid were expected")
        if not (_COORDINATE.fullmatch(x) and _COORDINATE.fullmatch(y)) or kid in keys:
            raise VerificationError("parse", "keys: coordinates of 48 bytes and one key for a kid")
        point = b"\x04" + _octets(x) + _octets(y)
        try:
            keys[kid] = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point)
        except ValueError as error:
            raise VerificationError("parse", "keys: a point that is not on P-384") from error
    return keys


def _json(data: bytes, what: str) -> object:
    if len(data) > LIMITS.evidence_bytes:
        raise VerificationError(
            "parse", f"{what} may have {LIMITS.evidence_bytes} bytes, it has {len(data)}"
        )
    check_nesting(data, what)
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_refuse,
            parse_constant=_refuse,
        )
    except ValueError as error:
        raise VerificationError("parse", f"{what} is not JSON: {str(error)[:200]}") from error


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key appears twice")
    return dict(pairs)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"only integers are expected, got {text[:40]!r}")


def _octets(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationError("parse", "service token: not base64url") from error
