"""Which structured reference string a compilation uses, and whether it counts as safe."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from avow.circuits.curve import Curve
from avow.circuits.errors import CircuitError
from avow.circuits.files import make_folder, read_json
from avow.circuits.points import check_powers
from avow.circuits.powers import Powers, read_powers
from avow.circuits.srs import SrsFile, check, generate, inspect, unsafe_note

_SAMPLES = 2


@dataclass(frozen=True, slots=True)
class PinnedSrs:
    """A file whose SHA-256 the caller knows from elsewhere: a halo2 or, for powers, a .ptau one."""

    path: Path
    sha256: bytes

    def identity(self) -> str:
        """What a resumed compilation compares."""
        return self.sha256.hex()


@dataclass(frozen=True, slots=True)
class UnsafeSrs:
    """Strings made on this machine and kept in `folder`: for development only."""

    folder: Path
    curve: Curve

    def identity(self) -> str:
        """What a resumed compilation compares."""
        return "unsafe"


Srs = PinnedSrs | UnsafeSrs


@dataclass(frozen=True, slots=True)
class ObtainedSrs:
    """A checked file that is large enough, and what the record says about its safety."""

    file: SrsFile
    safe: bool


@dataclass(frozen=True, slots=True)
class ObtainedPowers:
    """Powers of one tau, and what the record says about their safety."""

    powers: Powers
    safe: bool


def obtain(choice: Srs, logrows: int) -> ObtainedSrs:
    """The file to make keys with. A generated one, under whatever name, is never called safe."""
    found = _pinned(choice) if isinstance(choice, PinnedSrs) else _made(choice, logrows)
    if found.logrows < logrows:
        raise CircuitError(
            f"this circuit needs an SRS of 2^{logrows} powers, {found.path.name} has "
            f"2^{found.logrows}"
        )
    return ObtainedSrs(found, safe=isinstance(choice, PinnedSrs) and not found.made_here)


def most_powers(choice: Srs) -> int | None:
    """The largest k for which the choice can give 2^k powers; None where nothing bounds it."""
    return read_powers(choice.path).logrows if isinstance(choice, PinnedSrs) else None


def obtain_powers(choice: Srs, logrows: int, curve: Curve) -> ObtainedPowers:
    """2^logrows powers of tau: made here, or every one of them checked. Raises `CircuitError`."""
    if isinstance(choice, PinnedSrs):
        found = read_powers(choice.path)
        _same(choice, found.sha256)
        check_powers(found.first(logrows), found.tau_g2, curve, found.path.name)
    else:
        found = read_powers(_made(choice, logrows).path)
    return ObtainedPowers(found, safe=isinstance(choice, PinnedSrs) and not found.made_here)


def _pinned(choice: PinnedSrs) -> SrsFile:
    found = inspect(choice.path)
    _same(choice, found.sha256)
    check(found, samples=_SAMPLES)
    return found


def _same(choice: PinnedSrs, sha256: bytes) -> None:
    if sha256 != choice.sha256:
        raise CircuitError(
            f"{choice.path.name} is another file: SHA-256 {choice.sha256.hex()} expected, "
            f"it has {sha256.hex()}"
        )


def _made(choice: UnsafeSrs, logrows: int) -> SrsFile:
    folder = make_folder(choice.folder)
    path = folder / f"unsafe-{logrows}.srs"
    # Several compilations may want the same string at once; one of them makes it.
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if not path.exists():
            return generate(path, logrows, choice.curve)
        found = inspect(path)
        if read_json(unsafe_note(path)).get("sha256") != found.sha256.hex():
            raise CircuitError(f"{path} was altered since it was made: delete it and compile again")
        return found
    finally:
        os.close(descriptor)
