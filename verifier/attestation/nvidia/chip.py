"""What kind of device it is, and the versions that it reports of its driver and VBIOS."""

import re
from enum import Enum

from avow.verifier.attestation.nvidia.spdm import Report
from avow.verifier.errors import VerificationError


class Architecture(Enum):
    """A family of devices; the value is how NVIDIA's tools name it."""

    HOPPER = "HOPPER"
    BLACKWELL = "BLACKWELL"
    NVSWITCH = "LS10"


# Types of NVIDIA's opaque fields.
DRIVER_VERSION = 3
VBIOS_VERSION = 6
NVDEC0_STATUS = 11
FIRMWARE_ID = 20

# NVIDIA's own certificate of a boot ROM names the chip.
_BOOT_ROM = re.compile(r"((GH|GB|LS_)[0-9]{2,3}) [A-Z][0-9]{2} (?:GSP|FSP) BROM")
_FAMILIES = {
    "GH": Architecture.HOPPER,
    "GB": Architecture.BLACKWELL,
    "LS_": Architecture.NVSWITCH,
}
_DRIVER_TEXT = re.compile(rb"[0-9]{1,8}(?:\.[0-9]{1,8}){1,3}\0")
_SWITCH_VBIOS_TEXT = re.compile(rb"[0-9A-F]{2}(?:\.[0-9A-F]{2}){4}")


def parse_chip(boot_rom: str) -> tuple[str, Architecture]:
    """The chip, as golden values name it, and its family, by the name of its boot ROM's key."""
    match = _BOOT_ROM.fullmatch(boot_rom)
    if match is None:
        raise VerificationError("parse", f"{boot_rom[:80]!r} is no boot ROM of a known device")
    return match[1].replace("_", ""), _FAMILIES[match[2]]


def driver_version(report: Report) -> str:
    """The driver's version as a GPU reports it: "550.90.07"."""
    text = _field(report, DRIVER_VERSION, "driver version")
    if not _DRIVER_TEXT.fullmatch(text):
        raise VerificationError("parse", f"report: {text[:40]!r} is no driver version")
    return text[:-1].decode("ascii")


def vbios_version(report: Report, architecture: Architecture) -> str:
    """The VBIOS's version: "96.00.9F.00.01", which a GPU packs and an NVSwitch writes out."""
    data = _field(report, VBIOS_VERSION, "VBIOS version")
    if architecture is Architecture.NVSWITCH:
        if not _SWITCH_VBIOS_TEXT.fullmatch(data):
            raise VerificationError("parse", f"report: {data[:40]!r} is no VBIOS version")
        return data.decode("ascii")
    if len(data) != 8 or data[5:] != bytes(3):
        raise VerificationError("parse", f"report: {data[:40].hex()} is no VBIOS version")
    # Two little-endian words: four parts, and the fifth in the second.
    return ".".join(f"{part:02X}" for part in (*data[3::-1], data[4]))


def _field(report: Report, kind: int, what: str) -> bytes:
    if kind not in report.opaque:
        raise VerificationError("parse", f"report: the {what} is missing")
    return report.opaque[kind]
