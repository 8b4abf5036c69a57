"""The layout of an AWS Nitro attestation document: COSE_Sign1 (RFC 9052) around a CBOR map.

Source: AWS Nitro Enclaves user guide, "Cryptographic attestation"; NSM API `AttestationDoc`.
"""

from dataclasses import dataclass

from avow.verifier.attestation.nitro.cbor import Value, parse_cbor
from avow.verifier.attestation.reader import Reader
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256

MAX_BYTES = 32 * 1024
# {alg: ES384}, the only signature of the Nitro security module.
_PROTECTED = bytes.fromhex("a1013822")
_SIGNATURE_BYTES = 96
_REQUIRED = {"module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle"}
_OPTIONAL = {"public_key", "user_data", "nonce"}
# What the security module takes at most.
_MAX_PUBLIC_KEY, _MAX_USER_DATA, _MAX_CERTIFICATE = 1024, 1024, 4096


@dataclass(frozen=True, slots=True)
class Document:
    """A document of the right layout, of which no signature was checked yet.

    `time` is the security module's, in milliseconds: a claim until the signature is checked, and
    never the time to check it at. `pcrs` have 48 bytes. `chain` holds DER certificates, leaf
    first. `signed` is the COSE Sig_structure, `signature` r || s.
    """

    module_id: str
    time: int
    pcrs: dict[int, bytes]
    chain: tuple[bytes, ...]
    public_key: bytes | None
    user_data: bytes | None
    nonce: bytes | None
    signed: bytes
    signature: bytes

    @property
    def identity(self) -> bytes:
        """Keccak-256 of what is signed."""
        return keccak256(self.signed)


def parse_document(data: bytes) -> Document:
    """Read a bare COSE_Sign1 document; anything else in or behind it is refused."""
    if len(data) > MAX_BYTES:
        raise VerificationError("parse", f"a document has at most {MAX_BYTES} bytes")
    parts = parse_cbor(data, "the document")
    if not isinstance(parts, list) or len(parts) != 4:
        raise VerificationError("parse", "the document is no COSE_Sign1 list of four")
    protected, unprotected, payload, signature = parts
    if protected != _PROTECTED or unprotected != {}:
        raise VerificationError("parse", "the document's headers are not those of ES384 alone")
    if not isinstance(payload, bytes) or not isinstance(signature, bytes):
        raise VerificationError("parse", "the document's payload and signature must be bytes")
    if len(signature) != _SIGNATURE_BYTES:
        raise VerificationError("parse", f"the document's signature has {len(signature)} bytes")
    return _read_payload(payload, signature)


def document_of_dstack(data: bytes) -> bytes:
    """The document inside an attestation of dstack on Nitro.

    Its frame: version 0, kind 2, the document's length as a SCALE compact integer, the document,
    then data of dstack's own, which nothing signs.
    """
    reader = Reader(data, "the frame")
    if reader.unsigned(1) != 0 or reader.unsigned(1) != 2:
        raise VerificationError("parse", "no attestation of dstack on Nitro")
    low = reader.unsigned(1)
    if low & 3 != 1:
        raise VerificationError("parse", "the frame's length is not one of two bytes")
    return reader.take((low | reader.unsigned(1) << 8) >> 2)


def sig_structure(payload: bytes) -> bytes:
    """The bytes that are signed: ["Signature1", protected, empty, payload] (RFC 9052, 4.4)."""
    head = b"\x84\x6aSignature1" + bytes([0x40 | len(_PROTECTED)]) + _PROTECTED + b"\x40"
    return head + _byte_string_head(len(payload)) + payload


def _byte_string_head(length: int) -> bytes:
    if length < 24:
        return bytes([0x40 | length])
    width = 1 if length < 2**8 else 2
    return bytes([0x58 + width - 1]) + length.to_bytes(width, "big")


def _read_payload(payload: bytes, signature: bytes) -> Document:
    value = parse_cbor(payload, "the payload")
    if not isinstance(value, dict):
        raise VerificationError("parse", "the payload is no map")
    keys = set(value)
    if missing := sorted(_REQUIRED - keys):
        raise VerificationError("parse", f"the payload lacks {missing[0]!r}")
    if unknown := sorted(map(str, keys - _REQUIRED - _OPTIONAL)):
        raise VerificationError("parse", f"the payload has an unknown {unknown[0][:60]!r}")
    module_id, time = value["module_id"], value["timestamp"]
    if not isinstance(module_id, str) or not module_id:
        raise VerificationError("parse", "the payload's module_id is no text")
    if value["digest"] != "SHA384":
        raise VerificationError("parse", "the payload's registers are not of SHA384")
    if isinstance(time, bool) or not isinstance(time, int) or not 0 < time < 2**48:
        raise VerificationError("parse", "the payload's timestamp is no time in milliseconds")
    bundle = value["cabundle"]
    if not isinstance(bundle, list) or not bundle:
        raise VerificationError("parse", "the payload's cabundle is empty")
    # The root comes first in the bundle.
    chain = (value["certificate"], *reversed(bundle))
    return Document(
        module_id=module_id,
        time=time,
        pcrs=_registers(value["pcrs"]),
        chain=tuple(_octets(one, "certificate", 1, _MAX_CERTIFICATE) for one in chain),
        public_key=_optional(value.get("public_key"), "public_key", _MAX_PUBLIC_KEY),
        user_data=_optional(value.get("user_data"), "user_data", _MAX_USER_DATA),
        nonce=_optional(value.get("nonce"), "nonce", _MAX_USER_DATA),
        signed=sig_structure(payload),
        signature=signature,
    )


def _registers(value: Value) -> dict[int, bytes]:
    if not isinstance(value, dict) or not 1 <= len(value) <= 32:
        raise VerificationError("parse", "the payload's pcrs are no map of 1 to 32 registers")
    found = {}
    for index, register in value.items():
        if isinstance(index, str) or not 0 <= index < 32:
            raise VerificationError("parse", "the payload's pcrs have a key that is no register")
        found[index] = _octets(register, f"PCR{index}", 48, 48)
    return found


def _octets(value: Value, what: str, low: int, high: int) -> bytes:
    if not isinstance(value, bytes) or not low <= len(value) <= high:
        raise VerificationError("parse", f"the payload's {what} must be {low} to {high} bytes")
    return value


def _optional(value: Value, what: str, high: int) -> bytes | None:
    return None if value is None else _octets(value, what, 0, high)
