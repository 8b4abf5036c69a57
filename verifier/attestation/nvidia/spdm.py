"""A device's measurements as SPDM 1.1 carries them: a request, and its signed response."""

from collections.abc import Mapping
from dataclasses import dataclass

from avow.verifier.attestation.nvidia.limits import LIMITS
from avow.verifier.attestation.reader import Reader
from avow.verifier.errors import VerificationError

VERSION = 0x11
GET_MEASUREMENTS = 0xE0
MEASUREMENTS = 0x60
WITH_SIGNATURE = 0x01
ALL_MEASUREMENTS = 0xFF
DMTF = 0x01
# A digest of mutable firmware, the only type of measurement that NVIDIA's devices give.
FIRMWARE_DIGEST = 0x01
NONCE_BYTES = 32
DIGEST_BYTES = 48
SIGNATURE_BYTES = 96


@dataclass(frozen=True, slots=True)
class Report:
    """A request with its response, taken apart and not yet believed.

    `nonce` is the asker's; the device's own is only signed over. `measurements` are SHA-384
    digests: the one at i is SPDM's index i + 1, which golden values call index i. `opaque` maps the
    types of NVIDIA's fields to their bytes. `signature`, r || s, is over `signed`: all that comes
    before it.
    """

    nonce: bytes
    measurements: tuple[bytes, ...]
    opaque: Mapping[int, bytes]
    signed: bytes
    signature: bytes


def parse_report(data: bytes) -> Report:
    """Read a GET_MEASUREMENTS request followed by the MEASUREMENTS response, and nothing after."""
    if len(data) > LIMITS.report_bytes:
        raise VerificationError(
            "parse",
            f"report may have at most {LIMITS.report_bytes} bytes, it has {len(data)}",
        )
    reader = Reader(data, "report")
    nonce = _request(reader)
    blocks = _response_head(reader)
    measurements = _measurements(
        Reader(reader.take(reader.unsigned(3)), "measurement record"), blocks
    )
    reader.take(NONCE_BYTES)
    opaque = _opaque(reader.take(reader.unsigned(2)))
    signed = data[: reader.at]
    signature = reader.take(SIGNATURE_BYTES)
    reader.end()
    return Report(nonce, measurements, opaque, signed, signature)


def _request(reader: Reader) -> bytes:
    head = tuple(reader.take(4))
    if head != (VERSION, GET_MEASUREMENTS, WITH_SIGNATURE, ALL_MEASUREMENTS):
        raise VerificationError(
            "parse", f"report: no SPDM 1.1 request of all signed measurements: {bytes(head).hex()}"
        )
    nonce = reader.take(NONCE_BYTES)
    _expect("slot", reader.unsigned(1), 0)
    return nonce


def _response_head(reader: Reader) -> int:
    head = tuple(reader.take(4))
    # Param1 is reserved, Param2 repeats the slot.
    if head != (VERSION, MEASUREMENTS, 0, 0):
        raise VerificationError(
            "parse", f"report: no SPDM 1.1 response with measurements: {bytes(head).hex()}"
        )
    return reader.unsigned(1)


def _measurements(reader: Reader, blocks: int) -> tuple[bytes, ...]:
    found = []
    for index in range(1, blocks + 1):
        _expect("index", reader.unsigned(1), index)
        _expect("specification", reader.unsigned(1), DMTF)
        _expect("size", reader.unsigned(2), 3 + DIGEST_BYTES)
        _expect("type", reader.unsigned(1), FIRMWARE_DIGEST)
        _expect("size of the value", reader.unsigned(2), DIGEST_BYTES)
        found.append(reader.take(DIGEST_BYTES))
    reader.end()
    return tuple(found)


def _opaque(data: bytes) -> dict[int, bytes]:
    reader = Reader(data, "opaque data")
    fields: dict[int, bytes] = {}
    while reader.at < len(data):
        kind = reader.unsigned(2)
        if kind in fields:
            raise VerificationError("parse", f"report: opaque field {kind} appears twice")
        fields[kind] = reader.take(reader.unsigned(2))
    return fields


def _expect(what: str, got: int, expected: int) -> None:
    if got != expected:
        raise VerificationError("parse", f"report: {what} must be {expected}, got {got}")
