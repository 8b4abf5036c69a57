"""Which structured reference string a compilation uses, and whether it counts as safe."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from avow.circuits.errors import CircuitError
from avow.circuits.ezkl.artifact import SrsReference
from avow.circuits.ezkl.child import Limits
from avow.circuits.files import make_folder, read_json
from avow.circuits.srs import SrsFile, check, generate, inspect, unsafe_note

_SAMPLES = 2


@dataclass(frozen=True, slots=True)
class PinnedSrs:
    """A file whose SHA-256 the caller knows from elsewhere."""

    path: Path
    sha256: bytes

    def identity(self) -> str:
        """What a resumed compilation compares."""
        return self.sha256.hex()


@dataclass(frozen=True, slots=True)
class UnsafeSrs:
    """Strings made on this machine and kept in `folder`: for development only."""

    folder: Path

    def identity(self) -> str:
        """What a resumed compilation compares."""
        return "unsafe"


Srs = PinnedSrs | UnsafeSrs


@dataclass(frozen=True, slots=True)
class ObtainedSrs:
    """A checked file that is large enough, and what the record says about its safety."""

    reference: SrsReference
    safe: bool


def obtain(choice: Srs, logrows: int, limits: Limits) -> ObtainedSrs:
    """The file to make keys with. A generated one, under whatever name, is never called safe."""
    found = _pinned(choice) if isinstance(choice, PinnedSrs) else _made(choice, logrows, limits)
    if found.logrows < logrows:
        raise CircuitError(
            f"this circuit needs an SRS of 2^{logrows} powers, {found.path.name} has "
            f"2^{found.logrows}"
        )
    reference = SrsReference(found.path.absolute(), found.sha256, found.tau_g2)
    return ObtainedSrs(reference, safe=isinstance(choice, PinnedSrs) and not found.made_here)


def _pinned(choice: PinnedSrs) -> SrsFile:
    found = inspect(choice.path)
    if found.sha256 != choice.sha256:
        raise CircuitError(
            f"{choice.path.name} is another file: SHA-256 {choice.sha256.hex()} expected, "
            f"it has {found.sha256.hex()}"
        )
    check(found, samples=_SAMPLES)
    return found


def _made(choice: UnsafeSrs, logrows: int, limits: Limits) -> SrsFile:
    folder = make_folder(choice.folder)
    path = folder / f"unsafe-{logrows}.srs"
    # Several compilations may want the same string at once; one of them makes it.
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if not path.exists():
            return generate(path, logrows, limits)
        found = inspect(path)
        if read_json(unsafe_note(path)).get("sha256") != found.sha256.hex():
            raise CircuitError(f"{path} was altered since it was made: delete it and compile again")
        return found
    finally:
        os.close(descriptor)
