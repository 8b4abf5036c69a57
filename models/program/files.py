"""Programs on disk: a folder named by the program's digest, checked whenever it is read.

`program.json` holds the canonical bytes, `blobs/<digest>.bin` the elements of each constant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from avow.models.errors import ModelError
from avow.models.files import read_bounded, write_whole
from avow.verifier.errors import VerificationError
from avow.verifier.limits import LIMITS
from avow.verifier.program.blob import Blob, BlobRef
from avow.verifier.program.program import Program, parse_program

PROGRAM = "program.json"
BLOBS = "blobs"


@dataclass(frozen=True, slots=True)
class ProgramStore:
    """Programs under `root`, each in a folder named by the 64 hex digits of its digest."""

    root: Path

    @classmethod
    def at(cls, home: Path) -> "ProgramStore":
        """The store of an Avow home folder."""
        return cls(home / "programs")

    def folder(self, digest: bytes) -> Path:
        """Where the program of that digest lies, if it does."""
        return self.root / digest.hex()

    def has(self, digest: bytes) -> bool:
        """Whether the program was stored completely."""
        return (self.folder(digest) / PROGRAM).is_file()

    def add(self, program: Program, blobs: Sequence[Blob]) -> bytes:
        """Store a program and return its digest; doing it again changes nothing.

        Raises `ModelError` where the blobs are not the program's or nothing can be written.
        """
        digest = program.digest()
        write_program(self.folder(digest), program, blobs)
        return digest

    def load(self, digest: bytes) -> tuple[Program, list[Blob]]:
        """Read a program and its blobs, as in `load_program`."""
        return load_program(self.folder(digest), digest)


def write_program(folder: Path, program: Program, blobs: Sequence[Blob]) -> None:
    """Write what `load_program` reads into a folder; what is there already stays.

    Raises `ModelError` where the blobs are not the program's or nothing can be written.
    """
    if [blob.ref() for blob in blobs] != list(program.blobs):
        raise ModelError("the blobs are not those that the program names")
    for ref, blob in zip(program.blobs, blobs, strict=True):
        path = _blob_path(folder, ref)
        if not path.is_file() or path.read_bytes() != blob.data:
            write_whole(path, blob.data)
    # Written last: a program that is there has its blobs.
    write_whole(folder / PROGRAM, program.encode())


def load_program(folder: Path, digest: bytes) -> tuple[Program, list[Blob]]:
    """Read the program of that digest and its blobs from a folder.

    Establishes that the bytes hash to `digest` and each blob to the name that the program gives
    it; not yet that every input has an answer (`intervals.check`). Raises `ModelError`.
    """
    path = folder / PROGRAM
    data = read_bounded(path, LIMITS.program_bytes, "program")
    try:
        program = parse_program(data)
    except VerificationError as error:
        raise ModelError(f"{path}: {error}") from error
    if program.digest() != digest:
        raise ModelError(
            f"{path}: expected the program {digest.hex()}, found {program.digest().hex()}"
        )
    return program, [_load_blob(folder, ref) for ref in program.blobs]


def _load_blob(folder: Path, ref: BlobRef) -> Blob:
    path, expected = _blob_path(folder, ref), ref.count * ref.element_type.width
    data = read_bounded(path, expected, "blob")
    if len(data) != expected:
        raise ModelError(f"{path}: expected {expected} bytes, found {len(data)}")
    blob = Blob(ref.element_type, ref.shape, data)
    if blob.digest() != ref.digest:
        raise ModelError(f"{path}: the elements do not hash to the blob's name")
    return blob


def _blob_path(folder: Path, ref: BlobRef) -> Path:
    return folder / BLOBS / f"{ref.digest.hex()}.bin"
