"""Turning a snarkjs powers-of-tau file into the SRS file that ezkl reads."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from avow.circuits.errors import CircuitError
from avow.circuits.srs import SrsFile, inspect, unsafe_note
from avow.verifier.curves import field_modulus

_MAGIC = b"ptau"
_HEADER, _TAU_G1, _TAU_G2, _LAGRANGE_G1 = 1, 2, 3, 12
_G1_BYTES, _G2_BYTES = 64, 128
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class _Section:
    offset: int
    size: int


def convert(source: Path, target: Path, logrows: int | None = None) -> SrsFile:
    """Write the first 2^logrows powers of a prepared .ptau file (phase 2) as an SRS.

    snarkjs stores points in the form that halo2 uses (Montgomery, little-endian), and Lagrange
    points for every power of two, so that bytes are copied and nothing is computed. The result
    is inspected before it gets its name. Raises `CircuitError`.
    """
    if target.exists() or unsafe_note(target).exists():
        raise CircuitError(f"{target} exists already; choose another name")
    draft = target.with_name(f".{target.name}.draft")
    try:
        with source.open("rb") as stream, draft.open("wb") as output:
            sections = _sections(stream, source.name)
            power = _power(stream, sections, source.name)
            chosen = power if logrows is None else logrows
            if not 1 <= chosen <= power:
                raise CircuitError(
                    f"{source.name} holds powers up to 2^{power}, asked for 2^{chosen}"
                )
            rows = 2**chosen
            # Levels 0..power lie behind one another: that of 2^k begins after 2^k - 1 points.
            lagrange = _part(sections, _LAGRANGE_G1, (rows - 1) * _G1_BYTES, rows * _G1_BYTES)
            output.write(struct.pack("<I", chosen))
            _copy(stream, output, _part(sections, _TAU_G1, 0, rows * _G1_BYTES))
            _copy(stream, output, lagrange)
            _copy(stream, output, _part(sections, _TAU_G2, 0, 2 * _G2_BYTES))
        inspect(draft)
        draft.replace(target)
    except OSError as error:
        raise CircuitError(f"cannot convert {source}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    return inspect(target)


def _sections(stream: BinaryIO, name: str) -> dict[int, _Section]:
    head = stream.read(12)
    if len(head) != 12 or head[:4] != _MAGIC:
        raise CircuitError(f"{name} is no .ptau file")
    version, count = struct.unpack("<II", head[4:])
    if version != 1 or count > 64:
        raise CircuitError(f"{name}: .ptau version 1 expected, got {version} with {count} sections")
    found: dict[int, _Section] = {}
    for _ in range(count):
        entry = stream.read(12)
        if len(entry) != 12:
            raise CircuitError(f"{name} is cut off")
        kind, size = struct.unpack("<IQ", entry)
        if kind in found or size > 2**40:
            raise CircuitError(f"{name} is damaged: section {kind} of {size} bytes")
        found[kind] = _Section(stream.tell(), size)
        stream.seek(size, 1)
    return found


def _power(stream: BinaryIO, sections: dict[int, _Section], name: str) -> int:
    if not {_HEADER, _TAU_G1, _TAU_G2, _LAGRANGE_G1} <= sections.keys():
        raise CircuitError(f"{name} is not prepared for phase 2 (no Lagrange points)")
    stream.seek(sections[_HEADER].offset)
    header = stream.read(44)
    if len(header) != 44 or header[:4] != struct.pack("<I", 32):
        raise CircuitError(f"{name} is damaged: its header is not that of a 32-byte field")
    if int.from_bytes(header[4:36], "little") != field_modulus:
        raise CircuitError(f"{name} belongs to another curve, BN254 is needed")
    return int(struct.unpack("<I", header[36:40])[0])


def _part(sections: dict[int, _Section], kind: int, start: int, size: int) -> _Section:
    whole = sections[kind]
    if start + size > whole.size:
        raise CircuitError(f"the .ptau file's section {kind} is shorter than its powers need")
    return _Section(whole.offset + start, size)


def _copy(stream: BinaryIO, output: BinaryIO, part: _Section) -> None:
    stream.seek(part.offset)
    left = part.size
    while left:
        chunk = stream.read(min(left, _CHUNK))
        if not chunk:
            raise CircuitError("the .ptau file is cut off")
        output.write(chunk)
        left -= len(chunk)
