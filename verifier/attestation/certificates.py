"""A chain of X.509 certificates up to a pinned root, at a time that the caller gives."""

import warnings
from collections.abc import Sequence

from avow.verifier.errors import VerificationError

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
except ImportError as error:
    raise VerificationError(
        "setup", "attestation needs the extra tee: pip install 'avow-verifier[tee]'"
    ) from error

MAX_CERTIFICATES = 8
MAX_BYTES = 8192
_HASHES = {256: hashes.SHA256, 384: hashes.SHA384}


def read_certificate(data: bytes, what: str) -> x509.Certificate:
    """One DER certificate, with nothing behind it."""
    if len(data) > MAX_BYTES:
        raise VerificationError("parse", f"{what} has {len(data)} bytes, more than {MAX_BYTES}")
    try:
        with warnings.catch_warnings():
            # The library still reads what RFC 5280 forbids, with a warning.
            warnings.simplefilter("error")
            certificate = x509.load_der_x509_certificate(data)
            # Parsed late by the library: nothing malformed may be left for later.
            certificate.extensions, certificate.subject, certificate.issuer  # noqa: B018
            certificate.not_valid_after_utc, certificate.not_valid_before_utc  # noqa: B018
    except Exception as error:
        raise VerificationError("parse", f"{what} is no certificate: {_line(error)}") from error
    # The library takes a signature whose last bits are said not to count, where they are zero.
    if not data.endswith(b"\0" + certificate.signature):
        raise VerificationError("parse", f"{what} is no certificate: its signature is cut short")
    return certificate


def check_chain(
    chain: Sequence[bytes], root: bytes, at: int, step: str = "chain"
) -> ec.EllipticCurvePublicKey:
    """The public key of `chain[0]`, which `root` vouches for at the Unix time `at`.

    `chain` holds DER certificates from the leaf to the last one below the root, or to the root
    itself. Each is within its validity, signed (ECDSA) by the next, and each issuer is an
    authority whose path length allows what is below it. Revocation is not asked about.
    """
    if not 1 <= len(chain) <= MAX_CERTIFICATES:
        raise VerificationError(
            step, f"a chain has 1 to {MAX_CERTIFICATES} certificates, got {len(chain)}"
        )
    whole = list(chain) if chain[-1] == root else [*chain, root]
    if len(whole) < 2:
        raise VerificationError(step, "the root itself signs nothing here")
    parsed = [read_certificate(data, f"certificate {n}") for n, data in enumerate(whole)]
    for number, certificate in enumerate(parsed):
        _check_extensions(certificate, number, step)
        start = certificate.not_valid_before_utc.timestamp()
        end = certificate.not_valid_after_utc.timestamp()
        if not start <= at <= end:
            raise VerificationError(
                step,
                f"certificate {number} is valid from {start:.0f} to {end:.0f}, not at {at}",
            )
        issuer = parsed[min(number + 1, len(parsed) - 1)]
        if certificate.issuer.public_bytes() != issuer.subject.public_bytes():
            raise VerificationError(step, f"certificate {number} names another issuer")
        check_signature(
            public_key(issuer, step),
            _der_signature_scheme(certificate, step),
            certificate.signature,
            certificate.tbs_certificate_bytes,
            step,
        )
    return public_key(parsed[0], step)


def public_key(certificate: x509.Certificate, step: str) -> ec.EllipticCurvePublicKey:
    """The certificate's key, which must lie on P-256 or P-384."""
    try:
        key = certificate.public_key()
    except Exception as error:
        raise VerificationError(step, f"a certificate's key: {_line(error)}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(
        key.curve, ec.SECP256R1 | ec.SECP384R1
    ):
        raise VerificationError(step, "a certificate's key is not on P-256 or P-384")
    return key


def check_signature(
    key: ec.EllipticCurvePublicKey,
    algorithm: hashes.HashAlgorithm,
    signature: bytes,
    message: bytes,
    step: str,
) -> None:
    """Refuse a DER signature that is not the key's under the message."""
    try:
        key.verify(signature, message, ec.ECDSA(algorithm))
    except (InvalidSignature, ValueError, TypeError) as error:
        raise VerificationError(step, "a signature does not verify") from error


def check_raw_signature(
    key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes, step: str
) -> None:
    """The same for r || s, under the hash that goes with the curve (SHA-256, SHA-384)."""
    bits = key.curve.key_size
    if len(signature) != bits // 4:
        raise VerificationError(
            step, f"a signature has {bits // 4} bytes, this one {len(signature)}"
        )
    half = len(signature) // 2
    r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
    check_signature(key, _HASHES[bits](), encode_dss_signature(r, s), message, step)


def _der_signature_scheme(certificate: x509.Certificate, step: str) -> hashes.HashAlgorithm:
    try:
        algorithm = certificate.signature_hash_algorithm
    except Exception as error:
        raise VerificationError(step, f"a certificate's signature: {_line(error)}") from error
    if not isinstance(algorithm, hashes.SHA256 | hashes.SHA384):
        raise VerificationError(step, "a certificate is not signed with SHA-256 or SHA-384")
    return algorithm


def _check_extensions(certificate: x509.Certificate, number: int, step: str) -> None:
    extensions = {one.oid: one for one in certificate.extensions}
    understood = {
        x509.BasicConstraints.oid,
        x509.KeyUsage.oid,
        x509.ExtendedKeyUsage.oid,
        x509.SubjectAlternativeName.oid,
    }
    for oid, extension in extensions.items():
        if extension.critical and oid not in understood:
            raise VerificationError(
                step, f"certificate {number} has a critical extension {oid.dotted_string}"
            )
    if number == 0:
        return
    basic = extensions.get(x509.BasicConstraints.oid)
    constraints = basic.value if basic is not None else None
    if not isinstance(constraints, x509.BasicConstraints) or not constraints.ca:
        raise VerificationError(step, f"certificate {number} is no authority, yet it signs another")
    if constraints.path_length is not None and number - 1 > constraints.path_length:
        raise VerificationError(step, f"certificate {number} does not allow so long a chain")
    usage = extensions.get(x509.KeyUsage.oid)
    if (
        usage is not None
        and isinstance(usage.value, x509.KeyUsage)
        and not usage.value.key_cert_sign
    ):
        raise VerificationError(step, f"certificate {number} may not sign certificates")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
