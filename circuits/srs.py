"""Structured reference strings as files: reading, checking and making them."""

import secrets
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import BinaryIO

from avow.circuits.curve import Curve
from avow.circuits.errors import CircuitError
from avow.circuits.files import read_file, read_json, sha256_file, write_json
from avow.circuits.points import check_lagrange, check_powers, fractions, geometric, root_of
from avow.verifier.curves import (
    FQ,
    FQ2,
    G1,
    G2,
    Z1,
    add,
    b,
    curve_order,
    eq,
    equal_pairings,
    field_modulus,
    is_on_curve,
    multiply,
    normalize,
)
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.srs import G2Coordinates, ceremony, parse_tau_g2, srs_digest

MIN_LOGROWS, MAX_LOGROWS = 1, 26
_POINT = 64
_TAIL = 256
_FROM_MONTGOMERY = pow(2**256, -1, field_modulus)
_SAMPLES = 4
_FULL_SUM_LOGROWS = 15
_CHUNK = 2**16

Point = tuple[FQ, FQ, FQ]


@dataclass(frozen=True, slots=True)
class SrsFile:
    """A file of well-formed size whose G1, G2 and tau G2 are points as they should be.

    `digest` names the secret behind it and is the same for every truncation; `sha256` names this
    file. `made_here` means that a note beside the file says that it was generated locally.
    """

    path: Path
    logrows: int
    tau_g2: G2Coordinates
    digest: bytes
    sha256: bytes
    made_here: bool

    @property
    def ceremony(self) -> str | None:
        """The known ceremony that it comes from, if any."""
        return ceremony(self.digest)


def unsafe_note(path: Path) -> Path:
    """Where generating a string leaves word that its secret was known to this machine."""
    return path.with_name(f"{path.name}.unsafe.json")


def inspect(path: Path) -> SrsFile:
    """Read a halo2 ParamsKZG file's ends; raises `CircuitError` for anything malformed."""
    try:
        if not path.is_file():
            raise CircuitError(f"expected an SRS file at {path}, found none")
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(4)
            logrows = struct.unpack("<I", head)[0] if len(head) == 4 else -1
            if not MIN_LOGROWS <= logrows <= MAX_LOGROWS or size != _size(logrows):
                raise CircuitError(
                    f"{path.name} is no SRS: expected 4 + 2 * 2^k * 64 + 256 bytes with k first, "
                    f"got {size} bytes and k = {logrows}"
                )
            first = stream.read(_POINT)
            stream.seek(size - _TAIL)
            tail = stream.read(_TAIL)
    except OSError as error:
        raise CircuitError(f"cannot read {path}: {error.strerror}") from error
    tau_g2 = tau_of(first, tail, path.name)
    return SrsFile(
        path=path,
        logrows=logrows,
        tau_g2=tau_g2,
        digest=srs_digest(tau_g2),
        sha256=sha256_file(path),
        made_here=unsafe_note(path).exists(),
    )


def tau_of(first: bytes, second: bytes, name: str) -> G2Coordinates:
    """tau G2, from the first point in G1 (64 bytes) and the first two in G2 (256 bytes).

    Raises `CircuitError` where the generators are not BN254's.
    """
    if _coordinates(first) != [int(value) for value in normalize(G1)]:
        raise CircuitError(f"{name} is no SRS of BN254: its first point is not the generator")
    numbers = _coordinates(second)
    if numbers[:4] != _g2_numbers():
        raise CircuitError(f"{name} is no SRS of BN254: its G2 is not the generator")
    x0, x1, y0, y1 = numbers[4:]
    try:
        return parse_tau_g2((x0, x1, y0, y1))
    except VerificationError as error:
        raise CircuitError(f"{name} cannot be used: {error.message}") from error


def check(srs: SrsFile, samples: int = _SAMPLES, seed: int | None = None) -> list[str]:
    """Look whether the powers are powers of one tau; returns what was established, line by line.

    A pairing compares the first step and random pairs of neighbours; up to k = 15 the Lagrange
    points are added up, which must give the generator. A sample finds damage and mix-ups. It does
    not replace the pinned SHA-256, since a forger would leave the sampled points alone.
    """
    rows = 2**srs.logrows
    tau = _g2_point(srs.tau_g2)
    random = Random(seed)  # noqa: S311 - which points are sampled is no secret
    indices = [0, *(random.randrange(rows - 1) for _ in range(samples - 1))]
    try:
        with srs.path.open("rb") as stream:
            steps = [(_g1_at(stream, at, srs), _g1_at(stream, at + 1, srs)) for at in indices]
            if not _are_steps(steps, tau):
                # At least one is none, since a sum of steps is one.
                wrong = next(
                    at
                    for at, step in zip(indices, steps, strict=True)
                    if not _are_steps([step], tau)
                )
                raise CircuitError(
                    f"{srs.path.name} is damaged: power {wrong + 1} is not tau times power {wrong}"
                )
            said = [f"{len(indices)} of {rows - 1} steps between powers checked by a pairing"]
            if srs.logrows <= _FULL_SUM_LOGROWS:
                total = Z1
                for point in _points(stream, 4 + rows * _POINT, rows, srs):
                    total = add(total, point)
                if not eq(total, G1):
                    raise CircuitError(
                        f"{srs.path.name} is damaged: its Lagrange points do not add up to G1"
                    )
                said.append(f"{rows} Lagrange points are on the curve and add up to G1")
    except OSError as error:
        raise CircuitError(f"cannot read {srs.path}: {error.strerror}") from error
    return said


def _are_steps(pairs: Sequence[tuple[Point, Point]], tau: tuple[FQ2, FQ2, FQ2]) -> bool:
    """Whether each second point is tau times the first, but for a chance of 2^-128."""
    here = following = Z1
    for first, second in pairs:
        weight = 1 + secrets.randbelow(2**128)
        here, following = (
            add(here, multiply(first, weight)),
            add(following, multiply(second, weight)),
        )
    return equal_pairings((G2, following), (tau, here))


def check_all(srs: SrsFile, curve: Curve) -> list[str]:
    """Establish that every point is what it should be; returns that, line by line.

    All powers are of one tau, and the Lagrange points are theirs, but for a chance of about
    2^-220. Raises `CircuitError`.
    """
    size = 2**srs.logrows * _POINT
    data = read_file(srs.path, _size(srs.logrows))
    powers, lagrange = data[4 : 4 + size], data[4 + size : 4 + 2 * size]
    check_powers(powers, srs.tau_g2, curve, srs.path.name)
    check_lagrange(powers, lagrange, curve, srs.path.name)
    rows = 2**srs.logrows
    return [
        f"all {rows} powers are powers of one tau, by a pairing of random combinations",
        f"all {rows} Lagrange points belong to them, by a random combination",
    ]


def generate(path: Path, logrows: int, curve: Curve) -> SrsFile:
    """Make a string here, for development: whoever sees this process's memory can forge proofs.

    A note is left beside the file first, so that it is never taken for a safe one.
    """
    if not MIN_LOGROWS <= logrows <= MAX_LOGROWS:
        raise CircuitError(f"logrows lie in [{MIN_LOGROWS}, {MAX_LOGROWS}], got {logrows}")
    if path.exists():
        raise CircuitError(f"{path} exists already; choose another name")
    write_json(unsafe_note(path), {"safe": False, "why": "generated locally, secret was known"})
    draft = path.with_name(f".{path.name}.draft")
    try:
        _write(draft, logrows, curve)
        made = inspect(draft)
        # Before the file has its name: a string without its note could pass for a safe one.
        note = {"digest": to_hex(made.digest), "sha256": made.sha256.hex()}
        write_json(unsafe_note(path), read_json(unsafe_note(path)) | note)
        draft.replace(path)
    except OSError as error:
        raise CircuitError(f"cannot write {path}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    return inspect(path)


def _write(path: Path, logrows: int, curve: Curve) -> None:
    rows = 2**logrows
    tau = 2 + secrets.randbelow(curve_order - 2)
    # L_i(tau) = (tau^n - 1) / n * w^i / (tau - w^i)
    factor = (pow(tau, rows, curve_order) - 1) * pow(rows, -1, curve_order)
    x1, x0, y1, y0 = (
        int(part) for axis in normalize(multiply(G2, tau))[:2] for part in reversed(axis.coeffs)
    )
    with path.open("wb") as stream:
        stream.write(struct.pack("<I", logrows))
        for start in range(0, rows, _CHUNK):
            count = min(_CHUNK, rows - start)
            stream.write(curve.multiples(geometric(pow(tau, start, curve_order), tau, count)))
        for start in range(0, rows, _CHUNK):
            count = min(_CHUNK, rows - start)
            stream.write(curve.multiples(fractions(tau, factor, root_of(logrows), start, count)))
        for number in (*_g2_numbers(), x0, x1, y0, y1):
            stream.write((number * 2**256 % field_modulus).to_bytes(32, "little"))


def _size(logrows: int) -> int:
    return 4 + 2 * (1 << logrows) * _POINT + _TAIL


def _coordinates(data: bytes) -> list[int]:
    numbers = [int.from_bytes(data[at : at + 32], "little") for at in range(0, len(data), 32)]
    if any(number >= field_modulus for number in numbers):
        raise CircuitError("the SRS holds a coordinate beyond the field's modulus")
    return [number * _FROM_MONTGOMERY % field_modulus for number in numbers]


def _g2_numbers() -> list[int]:
    generator = normalize(G2)
    return [int(generator[axis].coeffs[part]) for axis in (0, 1) for part in (0, 1)]


def _g2_point(numbers: G2Coordinates) -> tuple[FQ2, FQ2, FQ2]:
    x0, x1, y0, y1 = numbers
    return FQ2([x0, x1]), FQ2([y0, y1]), FQ2.one()


def _g1_at(stream: BinaryIO, index: int, srs: SrsFile) -> Point:
    return next(_points(stream, 4 + index * _POINT, 1, srs))


def _points(stream: BinaryIO, offset: int, count: int, srs: SrsFile) -> Iterator[Point]:
    stream.seek(offset)
    for _ in range(count):
        x, y = _coordinates(stream.read(_POINT))
        point = (FQ(x), FQ(y), FQ(1))
        if not is_on_curve(point, b) or (x, y) == (0, 0):
            raise CircuitError(f"{srs.path.name} is damaged: it holds a point off the curve")
        yield point
