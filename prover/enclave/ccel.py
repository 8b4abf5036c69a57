"""The log of a TDX guest's firmware: which digests extended RTMR0 to 2 before the kernel ran.

Source: UEFI 2.10, 38.4 (registers of a CC measurement: 0 is MRTD, 1 to 4 are RTMR0 to 3); TCG PC
Client Platform Firmware Profile, 10.2 (the log: one event of the old form, which names algorithms
and their sizes, then events with one digest for each of them).
"""

from __future__ import annotations

from dataclasses import dataclass

from avow.verifier.attestation.reader import Reader
from avow.verifier.errors import VerificationError

PATH = "sys/firmware/acpi/tables/data/CCEL"
_WHAT = "the firmware's event log"
_NO_ACTION = 3
_SIGNATURE = b"Spec ID Event03\0"
_SHA384, _SHA384_BYTES = 0x0C, 48
_MOST_EVENTS, _MOST_BYTES = 4096, 2**20


@dataclass(frozen=True, slots=True)
class FirmwareEvent:
    """An extension of RTMR `register` by a SHA-384 `digest`."""

    register: int
    kind: int
    digest: bytes


def parse_ccel(data: bytes) -> tuple[FirmwareEvent, ...]:
    """Read the log; what the firmware left of its buffer may be zeros or ones.

    Raises `VerificationError`. Nothing is believed of it before its replay leads to the registers.
    """
    reader = Reader(data, _WHAT)
    sizes = _algorithms(reader)
    found: list[FirmwareEvent] = []
    while reader.left and not _is_filling(data[reader.at :]):
        register, kind, count = reader.unsigned(4), reader.unsigned(4), reader.unsigned(4)
        if register > 4 or not 1 <= count <= len(sizes) or len(found) >= _MOST_EVENTS:
            raise VerificationError("parse", f"{_WHAT}: an event of register {register}")
        digest = b""
        for _ in range(count):
            algorithm = reader.unsigned(2)
            if algorithm not in sizes:
                raise VerificationError("parse", f"{_WHAT}: algorithm 0x{algorithm:x} has no size")
            value = reader.take(sizes[algorithm])
            digest = value if algorithm == _SHA384 else digest
        reader.take(_bounded(reader.unsigned(4)))
        # What is noted without action extends nothing, and MRTD is no register that grows.
        if kind == _NO_ACTION or register == 0:
            continue
        if len(digest) != _SHA384_BYTES:
            raise VerificationError("parse", f"{_WHAT}: an event without SHA-384")
        found.append(FirmwareEvent(register - 1, kind, digest))
    return tuple(found)


def _algorithms(reader: Reader) -> dict[int, int]:
    reader.unsigned(4)
    kind = reader.unsigned(4)
    reader.take(20)
    head = Reader(reader.take(_bounded(reader.unsigned(4))), _WHAT)
    if kind != _NO_ACTION or head.take(16) != _SIGNATURE:
        raise VerificationError("parse", f"{_WHAT} does not begin with {_SIGNATURE[:-1].decode()}")
    head.take(8)
    count = head.unsigned(4)
    if not 1 <= count <= 16:
        raise VerificationError("parse", f"{_WHAT} names {count} algorithms")
    return {head.unsigned(2): _bounded(head.unsigned(2)) for _ in range(count)}


def _bounded(size: int) -> int:
    if size > _MOST_BYTES:
        raise VerificationError("parse", f"{_WHAT}: {size:,} bytes in one part")
    return size


def _is_filling(rest: bytes) -> bool:
    return not rest.strip(b"\0") or not rest.strip(b"\xff")
