"""A chain of P-384 certificates from a signer to a root that is known by its digest."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from avow.verifier.attestation.certificates import check_chain, public_key, read_certificate
from avow.verifier.attestation.testroot import TestRoot
from avow.verifier.errors import VerificationError

# SHA-256 of "NVIDIA Device Identity CA" (2021 to 9999) and "NVIDIA CoRIM signing Root CA" (2023 to
# 2053), DER.
DEVICE_ROOT = bytes.fromhex("102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48")
GOLDEN_ROOT = bytes.fromhex("12977b5115acb0381179279fffeb5a8c4d264971ebb32298023a465fa41df5d1")
CURVE_BITS = 384


@dataclass(frozen=True, slots=True)
class Signer:
    """What the first certificate of a checked chain says, and what the second says of its maker.

    `issuer` is the second's common name, `issuer_key` its DER SubjectPublicKeyInfo. `extensions`
    holds the first's that are not X.509's own, by dotted number. `expires` is the Unix time at
    which a certificate of the chain ends first.
    """

    key: ec.EllipticCurvePublicKey
    serial: int
    issuer: str
    issuer_key: bytes
    extensions: dict[str, bytes]
    expires: int


def check_signer(
    chain: Sequence[bytes], pinned: bytes, test_root: TestRoot | None, at: int, step: str
) -> Signer:
    """Check `chain`, DER certificates from the signer's to the root, at the Unix time `at`.

    The root's SHA-256 is `pinned`, unless it is the test root that was given. Beyond what
    `check_chain` establishes: the signer is no authority and may sign, all keys are on P-384 and
    all signatures over SHA-384.
    """
    root = pinned if test_root is None else hashlib.sha256(test_root.certificate).digest()
    if len(chain) < 2 or hashlib.sha256(chain[-1]).digest() != root:
        raise VerificationError(step, "the chain does not end in the pinned root")
    check_chain(chain, chain[-1], at, step)
    parsed = [read_certificate(data, f"certificate {n}") for n, data in enumerate(chain)]
    for number, certificate in enumerate(parsed):
        if public_key(certificate, step).curve.key_size != CURVE_BITS or not isinstance(
            certificate.signature_hash_algorithm, hashes.SHA384
        ):
            raise VerificationError(step, f"certificate {number} is not of P-384 and SHA-384")
    first = {one.oid: one.value for one in parsed[0].extensions}
    usage = first.get(x509.KeyUsage.oid)
    if not isinstance(usage, x509.KeyUsage) or not usage.digital_signature:
        raise VerificationError(step, "certificate 0 may not sign evidence")
    basic = first.get(x509.BasicConstraints.oid)
    if isinstance(basic, x509.BasicConstraints) and basic.ca:
        raise VerificationError(step, "certificate 0 is an authority's, not a signer's")
    return Signer(
        key=public_key(parsed[0], step),
        serial=parsed[0].serial_number,
        issuer=_common_name(parsed[1], step),
        issuer_key=public_key(parsed[1], step).public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        ),
        extensions={
            oid.dotted_string: value.value
            for oid, value in first.items()
            if isinstance(value, x509.UnrecognizedExtension)
        },
        expires=min(int(one.not_valid_after_utc.timestamp()) for one in parsed),
    )


def chain_detail(chain: Sequence[bytes], test_root: TestRoot | None, at: int) -> str:
    """What a checked chain's step says."""
    root = "NVIDIA's root" if test_root is None else "a SIMULATED root"
    return f"{len(chain)} certificates to {root}, valid at {at}"


def _common_name(certificate: x509.Certificate, step: str) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1 or not isinstance(names[0].value, str):
        raise VerificationError(step, "a certificate's subject needs one common name")
    return names[0].value
