"""The digest of the firmware that a device's certificate was made for (DICE's FWID)."""

from avow.verifier.attestation.reader import Reader
from avow.verifier.errors import VerificationError

# Hopper and NVSwitch: version 1, the issuer's key, and a FWID, as TCG's early DICE profile has it.
COMPOSITE_DEVICE_ID = "2.23.133.5.4.1"
# Blackwell: TCG's DiceTcbInfo.
TCB_INFO = "2.23.133.5.4.1.1"

_SHA384 = bytes.fromhex("06096086480165030402020430")
_DIGEST_BYTES = 48
_SEQUENCE = 0x30
_INTEGER_ONE = b"\x02\x01\x01"
_FWIDS = 0xA6


def certified_firmware(extensions: dict[str, bytes], issuer_key: bytes) -> bytes | None:
    """SHA-384 of the firmware named in a leaf's extensions, or None where none is.

    `issuer_key` is the DER key of the leaf's issuer, which a composite device id repeats.
    """
    found = extensions.keys() & {COMPOSITE_DEVICE_ID, TCB_INFO}
    if len(found) == 2:
        raise VerificationError("parse", "certificate 0 names its firmware in two ways")
    if COMPOSITE_DEVICE_ID in found:
        return _composite(extensions[COMPOSITE_DEVICE_ID], issuer_key)
    return _tcb_info(extensions[TCB_INFO]) if found else None


def _composite(data: bytes, issuer_key: bytes) -> bytes:
    outer = Reader(data, "device id", "big")
    reader = Reader(_value(outer, _SEQUENCE), "device id", "big")
    outer.end()
    if reader.take(len(_INTEGER_ONE)) != _INTEGER_ONE:
        raise VerificationError("parse", "device id: version 1 was expected")
    if reader.take(len(issuer_key)) != issuer_key:
        raise VerificationError("parse", "device id: another key than the issuer's")
    digest = _fwid(reader)
    reader.end()
    return digest


def _tcb_info(data: bytes) -> bytes:
    outer = Reader(data, "TCB info", "big")
    content = _value(outer, _SEQUENCE)
    outer.end()
    reader, last = Reader(content, "TCB info", "big"), -1
    digest: bytes | None = None
    while reader.at < len(content):
        tag = reader.unsigned(1)
        # Every member is optional, of a context tag, and they come in order.
        if tag & 0xC0 != 0x80 or tag & 0x1F == 0x1F or tag & 0x1F <= last:
            raise VerificationError("parse", f"TCB info: unexpected tag {tag:#x}")
        last = tag & 0x1F
        member = reader.take(_length(reader))
        if tag == _FWIDS:
            # The first is what the report repeats; others are of layers that may be empty.
            digests = Reader(member, "FWIDs", "big")
            digest = _fwid(digests)
            while digests.at < len(member):
                _fwid(digests)
    if digest is None:
        raise VerificationError("parse", "TCB info: no firmware is named")
    return digest


def _fwid(reader: Reader) -> bytes:
    value = _value(reader, _SEQUENCE)
    if not value.startswith(_SHA384) or len(value) != len(_SHA384) + _DIGEST_BYTES:
        raise VerificationError("parse", "FWID: one SHA-384 digest was expected")
    return value[len(_SHA384) :]


def _value(reader: Reader, tag: int) -> bytes:
    if (got := reader.unsigned(1)) != tag:
        raise VerificationError("parse", f"DER: tag {tag:#x} was expected, got {got:#x}")
    return reader.take(_length(reader))


def _length(reader: Reader) -> int:
    first = reader.unsigned(1)
    if first < 0x80:
        return first
    if first == 0x81 and (length := reader.unsigned(1)) >= 0x80:
        return length
    raise VerificationError("parse", "DER: a length in its shortest form, below 256, was expected")
