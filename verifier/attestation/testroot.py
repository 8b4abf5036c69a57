"""A root of simulated enclaves: named as such, and never believed unasked."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass

from avow.verifier.errors import VerificationError

MARK = b"SIMULATED"
ENVIRONMENT = "AVOW_ENVIRONMENT"
# Made by `allow_test_root` alone, so that nobody skips its checks by accident.
_ALLOWED = object()


@dataclass(frozen=True, slots=True)
class TestRoot:
    """A certificate (DER) that the caller has explicitly allowed to vouch for simulations."""

    __test__ = False  # pytest: this is no test

    certificate: bytes
    allowed: object

    def __post_init__(self) -> None:
        if self.allowed is not _ALLOWED:
            raise VerificationError("root", "a test root is made by allow_test_root alone")


def allow_test_root(
    certificate: bytes, fingerprint: bytes, environment: Mapping[str, str] = os.environ
) -> TestRoot:
    """Believe simulations under `certificate`, whose SHA-256 must be `fingerprint`.

    Refused when the environment's AVOW_ENVIRONMENT says production, and for a certificate whose
    name does not say SIMULATED.
    """
    from avow.verifier.attestation.certificates import read_certificate

    if environment.get(ENVIRONMENT, "").strip().lower() == "production":
        raise VerificationError("root", f"{ENVIRONMENT} is production: no test root is believed")
    found = hashlib.sha256(certificate).digest()
    if found != fingerprint:
        raise VerificationError(
            "root", f"the test root has the fingerprint {found.hex()}, not {fingerprint.hex()}"
        )
    name = read_certificate(certificate, "the test root").subject.rfc4514_string()
    if MARK.decode() not in name:
        raise VerificationError("root", f"a test root's name says {MARK.decode()}, not {name!r}")
    return TestRoot(certificate, _ALLOWED)
