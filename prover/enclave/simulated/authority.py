"""Certificates and revocation lists as vendors issue them, all named SIMULATED."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


def name(common: str) -> x509.Name:
    """A distinguished name whose common name begins with SIMULATED."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"SIMULATED {common}"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Avow development"),
        ]
    )


@dataclass(frozen=True, slots=True)
class Holder:
    """A key with the certificate that vouches for it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        """The certificate, as DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> str:
        """The certificate, as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the DER certificate."""
        return hashlib.sha256(self.der).digest()

    def sign(self, message: bytes) -> bytes:
        """r || s under the hash that goes with the curve."""
        return raw_signature(self.key, message)

    def public_bytes(self) -> bytes:
        """x || y."""
        return public_bytes(self.key)


def public_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """x || y of the public key."""
    encoding, form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    return key.public_key().public_bytes(encoding, form)[1:]


def raw_signature(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """r || s over `message`, hashed with SHA-256 (P-256) or SHA-384 (P-384)."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(_hash(key))))
    width = key.curve.key_size // 8
    return r.to_bytes(width, "big") + s.to_bytes(width, "big")


def root(common: str, at: int, curve: ec.EllipticCurve, path_length: int = 1) -> Holder:
    """A self-signed authority, valid from the day before the Unix time `at` for ten years."""
    key = ec.generate_private_key(curve)
    return Holder(key, _certificate(name(common), key, name(common), key, at, 3650, path_length))


def issue(
    issuer: Holder,
    common: str,
    at: int,
    days: int = 365,
    path_length: int | None = None,
    extension: tuple[str, bytes] | None = None,
) -> Holder:
    """A certificate under `issuer` on its curve; an authority where `path_length` is given.

    `extension` is an OID and its DER value.
    """
    key = ec.generate_private_key(issuer.key.curve)
    subject = issuer.certificate.subject
    return Holder(
        key,
        _certificate(name(common), key, subject, issuer.key, at, days, path_length, extension),
    )


def revocation_list(issuer: Holder, at: int, revoked: tuple[int, ...] = ()) -> bytes:
    """A list (DER) for 30 days from the day before `at`, with the serial numbers `revoked`."""
    now = _moment(at)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now - _DAY)
        .next_update(now + 30 * _DAY)
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(_authority_key(issuer.key), critical=False)
    )
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - _DAY)
        builder = builder.add_revoked_certificate(entry.build())
    signed = builder.sign(issuer.key, _hash(issuer.key))
    return signed.public_bytes(serialization.Encoding.DER)


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    at: int,
    days: int,
    path_length: int | None,
    extension: tuple[str, bytes] | None = None,
) -> x509.Certificate:
    now, authority = _moment(at), path_length is not None
    usage = x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + days * _DAY)
        .add_extension(_authority_key(issuer_key), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(usage, critical=True)
        .add_extension(x509.BasicConstraints(authority, path_length), critical=True)
    )
    if extension is not None:
        oid, value = extension
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
        builder = builder.add_extension(unknown, critical=False)
    return builder.sign(issuer_key, _hash(issuer_key))


def _authority_key(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _hash(key: ec.EllipticCurvePrivateKey) -> hashes.SHA256 | hashes.SHA384:
    return hashes.SHA384() if key.curve.key_size == 384 else hashes.SHA256()


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)
