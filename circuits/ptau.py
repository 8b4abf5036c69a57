"""Reading a snarkjs powers-of-tau file, and turning it into the SRS file that ezkl reads."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from avow.circuits.errors import CircuitError
from avow.circuits.points import ROOT_LOGROWS, root_of
from avow.circuits.srs import SrsFile, inspect, tau_of, unsafe_note
from avow.verifier.curves import curve_order, field_modulus
from avow.verifier.srs import G2Coordinates

MAGIC = b"ptau"
_HEADER, _TAU_G1, _TAU_G2, _LAGRANGE_G1 = 1, 2, 3, 12
_G1_BYTES, _G2_BYTES = 64, 128
_CHUNK = 2**20
# snarkjs takes its roots of unity from another generator of the field than halo2.
_SNARKJS_ROOT = pow(5, curve_order >> ROOT_LOGROWS, curve_order)


@dataclass(frozen=True, slots=True)
class _Section:
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class PtauFile:
    """Where the powers stand in a .ptau file: 2^`logrows` points in G1 from byte `offset` on."""

    offset: int
    logrows: int
    tau_g2: G2Coordinates


def inspect_ptau(path: Path) -> PtauFile:
    """Read the ends of the powers; nothing needs to be prepared for phase 2.

    Establishes that both generators are BN254's and tau G2 is in its group. Raises `CircuitError`.
    """
    try:
        with path.open("rb") as stream:
            sections = _sections(stream, path.name)
            power = _power(stream, sections, path.name, {_HEADER, _TAU_G1, _TAU_G2})
            points = _part(sections, _TAU_G1, 0, 2**power * _G1_BYTES)
            second = _part(sections, _TAU_G2, 0, 2 * _G2_BYTES)
            stream.seek(points.offset)
            first = stream.read(_G1_BYTES)
            stream.seek(second.offset)
            tail = stream.read(2 * _G2_BYTES)
            stream.seek(points.offset + points.size - 1)
            if len(stream.read(1)) != 1 or len(tail) != 2 * _G2_BYTES:
                raise CircuitError(f"{path.name} is cut off")
    except OSError as error:
        raise CircuitError(f"cannot read {path}: {error.strerror}") from error
    return PtauFile(points.offset, power, tau_of(first, tail, path.name))


def convert(source: Path, target: Path, logrows: int | None = None) -> SrsFile:
    """Write the first 2^logrows powers of a prepared .ptau file (phase 2) as an SRS.

    snarkjs stores points in the form that halo2 uses (Montgomery, little-endian), and Lagrange
    points for every power of two, so that nothing is computed; but its roots of unity are other
    ones, so the Lagrange points are put in halo2's order. The result is inspected before it gets
    its name. Raises `CircuitError`.
    """
    if target.exists() or unsafe_note(target).exists():
        raise CircuitError(f"{target} exists already; choose another name")
    draft = target.with_name(f".{target.name}.draft")
    try:
        with source.open("rb") as stream, draft.open("wb") as output:
            sections = _sections(stream, source.name)
            wanted = {_HEADER, _TAU_G1, _TAU_G2, _LAGRANGE_G1}
            power = _power(stream, sections, source.name, wanted)
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
            _reorder(source, output, lagrange, chosen)
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
    if len(head) != 12 or head[:4] != MAGIC:
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


def _power(stream: BinaryIO, sections: dict[int, _Section], name: str, wanted: set[int]) -> int:
    if missing := wanted - sections.keys():
        raise CircuitError(
            f"{name} is not prepared for phase 2 (no Lagrange points)"
            if missing == {_LAGRANGE_G1}
            else f"{name} is damaged: it lacks powers"
        )
    stream.seek(sections[_HEADER].offset)
    header = stream.read(44)
    if len(header) != 44 or header[:4] != struct.pack("<I", 32):
        raise CircuitError(f"{name} is damaged: its header is not that of a 32-byte field")
    if int.from_bytes(header[4:36], "little") != field_modulus:
        raise CircuitError(f"{name} belongs to another curve, BN254 is needed")
    power = int(struct.unpack("<I", header[36:40])[0])
    if not 1 <= power <= ROOT_LOGROWS:
        raise CircuitError(f"{name} is damaged: it claims 2^{power} powers")
    return power


def _part(sections: dict[int, _Section], kind: int, start: int, size: int) -> _Section:
    whole = sections[kind]
    if start + size > whole.size:
        raise CircuitError(f"the .ptau file's section {kind} is shorter than its powers need")
    return _Section(whole.offset + start, size)


def _reorder(source: Path, output: BinaryIO, part: _Section, logrows: int) -> None:
    rows = 2**logrows
    if source.stat().st_size < part.offset + part.size:
        raise CircuitError("the .ptau file is cut off")
    points = np.memmap(source, np.uint8, "r", part.offset, (rows, _G1_BYTES))
    step = _logarithm(logrows)
    for start in range(0, rows, _CHUNK):
        places = np.arange(start, min(start + _CHUNK, rows), dtype=np.uint64) * np.uint64(step)
        output.write(points[(places % rows).astype(np.int64)].tobytes())


def _logarithm(logrows: int) -> int:
    """The s for which snarkjs's root of order 2^logrows, to the power s, is halo2's."""
    theirs = pow(_SNARKJS_ROOT, 2 ** (ROOT_LOGROWS - logrows), curve_order)
    ours = root_of(logrows)
    found = 0
    for bit in range(logrows):
        rest = ours * pow(theirs, -found, curve_order) % curve_order
        if pow(rest, 2 ** (logrows - 1 - bit), curve_order) != 1:
            found += 2**bit
    return found


def _copy(stream: BinaryIO, output: BinaryIO, part: _Section) -> None:
    stream.seek(part.offset)
    left = part.size
    while left:
        chunk = stream.read(min(left, _CHUNK))
        if not chunk:
            raise CircuitError("the .ptau file is cut off")
        output.write(chunk)
        left -= len(chunk)
