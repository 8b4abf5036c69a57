"""Simulated devices and golden values in the real layout, under a root that calls itself SIMULATED.

The bytes are put together here from the formats' descriptions, by nothing that the verifier uses.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID, ObjectIdentifier

from avow.verifier.attestation.nvidia.golden_values import GoldenValues, check_golden_values
from avow.verifier.attestation.testroot import TestRoot, allow_test_root

AT = 1_800_000_000
NONCE = bytes(range(32))
BLOCKS = 64
FIRMWARE = hashlib.sha384(b"simulated firmware").digest()

COMPOSITE_DEVICE_ID = "2.23.133.5.4.1"
TCB_INFO = "2.23.133.5.4.1.1"
_SHA384_OID = bytes.fromhex("0609608648016503040202")


def measured(index: int) -> bytes:
    """What a simulated device measures at an index of golden values."""
    return hashlib.sha384(b"measurement %d" % index).digest()


def der(tag: int, content: bytes) -> bytes:
    """One DER value of fewer than 65,536 bytes."""
    size = len(content)
    if size < 0x80:
        length = bytes([size])
    elif size < 0x100:
        length = bytes([0x81, size])
    else:
        length = bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


def fwid(digest: bytes = FIRMWARE) -> bytes:
    """DICE's FWID: SHA-384 and a digest."""
    return der(0x30, _SHA384_OID + der(0x04, digest))


def composite_device_id(issuer_key: bytes, digest: bytes = FIRMWARE) -> bytes:
    """The extension of Hopper's and NVSwitch's leaves."""
    return der(0x30, b"\x02\x01\x01" + issuer_key + fwid(digest))


def tcb_info(digest: bytes = FIRMWARE) -> bytes:
    """The extension of Blackwell's leaves."""
    members = (
        *((0x80, b"SIMULATED"), (0x81, b"GB100 A01 GSP"), (0x82, b"01")),
        *((0x83, b"\1"), (0x84, b"\0"), (0x85, b"\0")),
        *((0xA6, fwid(digest) + fwid(bytes(48))), (0x87, bytes.fromhex("0080000001"))),
        *((0x88, b"\xc0"), (0x89, b"\0")),
    )
    return der(0x30, b"".join(der(tag, content) for tag, content in members))


@dataclass(frozen=True)
class Authority:
    """A certificate with its key."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def encoded(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def public(self) -> bytes:
        """The key in DER."""
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def certify(
    name: str,
    issuer: Authority | None,
    *,
    authority: bool = True,
    path_length: int | None = None,
    curve: ec.EllipticCurve | None = None,
    algorithm: hashes.HashAlgorithm | None = None,
    start: int = AT - 1000,
    end: int = AT + 1000,
    signs: bool | None = None,
    extension: tuple[str, bytes] | None = None,
) -> Authority:
    """A certificate, its own issuer without one; `signs` is whether its key may do its work."""
    key = ec.generate_private_key(curve or ec.SECP384R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    right = True if signs is None else signs
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))
        .not_valid_before(datetime.fromtimestamp(start, UTC))
        .not_valid_after(datetime.fromtimestamp(end, UTC))
        .add_extension(
            x509.KeyUsage(
                digital_signature=right,
                content_commitment=not right,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=right and authority,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(True, path_length), critical=True)
    if extension is not None:
        oid, value = extension
        builder = builder.add_extension(
            x509.UnrecognizedExtension(ObjectIdentifier(oid), value), critical=False
        )
    signer = key if issuer is None else issuer.key
    return Authority(key, builder.sign(signer, algorithm or hashes.SHA384()))


def raw_signature(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """r || s over SHA-384 of a message, as SPDM and XML signatures have it."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA384())))
    size = (key.curve.key_size + 7) // 8
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def pem(certificates: list[bytes]) -> bytes:
    """DER certificates as one text."""
    return b"".join(
        x509.load_der_x509_certificate(one).public_bytes(Encoding.PEM) for one in certificates
    )


@dataclass
class Maker:
    """One simulated maker of devices; every part of what it makes can be replaced."""

    root: Authority = field(default_factory=lambda: certify("SIMULATED Device Identity CA", None))

    def __post_init__(self) -> None:
        self.identity = certify("SIMULATED Identity", self.root)
        self.provisioner = certify("SIMULATED Provisioner ICA", self.identity)
        self.references = certify("SIMULATED Reference Value CA", self.root)
        self.references_3 = certify("SIMULATED Reference Value L3", self.references, path_length=0)
        self.golden_signer = certify("SIMULATED RIM Signer", self.references_3, authority=False)

    def trusted(self) -> TestRoot:
        """The explicit permission to believe this maker."""
        return allow_test_root(
            self.root.encoded, hashlib.sha256(self.root.encoded).digest(), environment={}
        )

    def device(
        self,
        boot_rom: str = "GH100 A01 GSP BROM",
        extension: Callable[[Authority], tuple[str, bytes] | None] | None = None,
    ) -> "MadeDevice":
        """A device of its own key; the chip is in the name of its boot ROM."""
        rom = certify(boot_rom, self.provisioner)
        if extension is not None:
            chosen = extension(rom)
        elif boot_rom.startswith("GB"):
            chosen = (TCB_INFO, tcb_info())
        else:
            chosen = (COMPOSITE_DEVICE_ID, composite_device_id(rom.public))
        leaf = certify("SIMULATED FMC LF", rom, authority=False, extension=chosen)
        above = [rom, self.provisioner, self.identity, self.root]
        return MadeDevice(leaf, [leaf.encoded, *(one.encoded for one in above)])

    def golden_values(
        self,
        version: str,
        measurements: Mapping[int, tuple[bytes, ...]],
        product: str = "GH100",
        **parts: str,
    ) -> bytes:
        """A manifest, written in its canonical form."""
        content = manifest(version, measurements, product, **parts)
        chain = [self.golden_signer, self.references_3, self.references, self.root]
        return sign_document(content, self.golden_signer.key, [one.encoded for one in chain])

    def checked(
        self, version: str, measurements: Mapping[int, tuple[bytes, ...]], product: str = "GH100"
    ) -> GoldenValues:
        """The same, read by the verifier."""
        data = self.golden_values(version, measurements, product)
        return check_golden_values(data, AT, self.trusted())


@dataclass(frozen=True)
class MadeDevice:
    """A device's key, and its chain in DER."""

    leaf: Authority
    chain: list[bytes]

    def report(
        self,
        nonce: bytes = NONCE,
        opaque: Mapping[int, bytes] | None = None,
        change: Callable[[bytes], bytes] = lambda data: data,
    ) -> bytes:
        """A signed report; `change` is made before it is signed."""
        unsigned = change(unsigned_report(nonce, opaque or OPAQUE))
        return unsigned + raw_signature(self.leaf.key, unsigned)

    def evidence(self, report: bytes | None = None, arch: str = "HOPPER", **other: str) -> bytes:
        """The JSON of one device, as the attestation SDK writes it."""
        made = self.report() if report is None else report
        item = {
            "arch": arch,
            "certificate": base64.b64encode(pem(self.chain)).decode(),
            "evidence": base64.b64encode(made).decode(),
            "nonce": made[4:36].hex(),
        }
        return json.dumps([item | other]).encode()


# Driver 570.1.2, VBIOS 96.00.5E.00.01, NVDEC0 off, and the firmware that the leaf names.
OPAQUE: Mapping[int, bytes] = {
    6: bytes.fromhex("005e009601000000"),
    17: b"1010\0",
    3: b"570.1.2\0",
    11: b"\x55",
    20: FIRMWARE,
}
SWITCH_OPAQUE: Mapping[int, bytes] = {6: b"96.10.55.00.01", 22: bytes(8)}


def unsigned_report(nonce: bytes, opaque: Mapping[int, bytes], blocks: int = BLOCKS) -> bytes:
    """A request and its response up to the signature."""
    record = b"".join(
        bytes([n + 1, 1]) + (51).to_bytes(2, "little") + b"\1\x30\0" + measured(n)
        for n in range(blocks)
    )
    fields = b"".join(
        kind.to_bytes(2, "little") + len(data).to_bytes(2, "little") + data
        for kind, data in opaque.items()
    )
    return (
        bytes.fromhex("11e001ff")
        + nonce
        + b"\0"
        + bytes.fromhex("11600000")
        + bytes([blocks])
        + len(record).to_bytes(3, "little")
        + record
        + hashlib.sha256(b"the device's own nonce").digest()
        + len(fields).to_bytes(2, "little")
        + fields
    )


SWID = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd"
HASH = "http://www.w3.org/2001/04/xmlenc#sha384"
RIM = "https://trustedcomputinggroup.org/resource/tcg-reference-integrity-manifest-rim-information-model/"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
C14N = "http://www.w3.org/2006/12/xml-c14n11"
_SCOPE = f' xmlns="{SWID}" xmlns:ns0="{SWID}" xmlns:ns2="{HASH}"'


def manifest(
    version: str,
    measurements: Mapping[int, tuple[bytes, ...]],
    product: str = "GH100",
    resources: str | None = None,
    before: str = "",
) -> str:
    """A software identity tag in canonical form; `resources` replaces the measurements."""
    lines = (
        resources
        if resources is not None
        else "".join(resource(index, measurements.get(index)) for index in range(BLOCKS))
    )
    return (
        f'<SoftwareIdentity{_SCOPE} name="{product}" tagId="00" version="1.0">\n'
        f'    <ns0:Entity name="SIMULATED" role="tagCreator"></ns0:Entity>\n'
        f'    <ns0:Meta xmlns:ns1="{RIM}" PayloadType="direct" colloquialVersion="{version}"'
        f' edition="GPU" product="{product}" ns1:PlatformModel="{product}"></ns0:Meta>\n'
        f'    <ns0:Payload xmlns:SHA384="{HASH}">\n{lines}    </ns0:Payload>\n'
        f"{before}</SoftwareIdentity>"
    )


def resource(index: int, digests: tuple[bytes, ...] | None) -> str:
    """One measurement; without digests it is not active."""
    values = digests or (bytes(48),)
    written = "".join(f' ns2:Hash{n}="{value.hex()}"' for n, value in enumerate(values))
    return (
        f'        <ns0:Resource active="{digests is not None}" alternatives="{len(values)}"'
        f' index="{index}" name="Measurement_{index}" size="48" type="Measurement"{written}>'
        "</ns0:Resource>\n"
    )


def sign_document(content: str, key: ec.EllipticCurvePrivateKey, chain: list[bytes]) -> bytes:
    """`content`, in canonical form, with its enveloped signature before the last tag."""
    digest = base64.b64encode(hashlib.sha384(content.encode()).digest()).decode()
    return enveloped(content, signature_element(digest, key, chain))


def enveloped(content: str, signature: str) -> bytes:
    """A document with a signature before its last tag."""
    body, end = content[: content.rindex("</")], content[content.rindex("</") :]
    return (body + signature + end).encode()


def signature_element(
    digest: str, key: ec.EllipticCurvePrivateKey, chain: list[bytes], info: str | None = None
) -> str:
    """The signature over a digest in base64; `info` replaces the inside of what is signed."""
    inside = info or (
        f'<ds:CanonicalizationMethod Algorithm="{C14N}"></ds:CanonicalizationMethod>'
        f'<ds:SignatureMethod Algorithm="{MORE}ecdsa-sha384"></ds:SignatureMethod>'
        '<ds:Reference URI=""><ds:Transforms>'
        f'<ds:Transform Algorithm="{DSIG}enveloped-signature"></ds:Transform>'
        f'<ds:Transform Algorithm="{C14N}"></ds:Transform></ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{MORE}sha384"></ds:DigestMethod>'
        f"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"
    )
    # In the document it inherits its namespaces; alone, as it is signed, it declares them.
    signed = (
        f'<ds:SignedInfo xmlns="{SWID}" xmlns:ds="{DSIG}" xmlns:ns0="{SWID}" xmlns:ns2="{HASH}">'
        f"{inside}</ds:SignedInfo>"
    )
    value = base64.b64encode(raw_signature(key, signed.encode())).decode()
    certificates = "".join(
        f"<ds:X509Certificate>{base64.b64encode(one).decode()}</ds:X509Certificate>"
        for one in chain
    )
    return (
        f'<ds:Signature xmlns:ds="{DSIG}"><ds:SignedInfo>{inside}</ds:SignedInfo>'
        f"<ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo><ds:X509Data>{certificates}"
        "</ds:X509Data></ds:KeyInfo></ds:Signature>"
    )
