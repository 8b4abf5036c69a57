"""Bundles in a folder, on one machine or on a file system that several share."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from avow.models.files import keep_names
from avow.prover.errors import NotReady
from avow.prover.stores.drafts import Drafts, refused
from avow.prover.stores.store import SUFFIX, CheckedObjects, StoredAlready, StoredFile


class FolderStore:
    """A folder of bundles, named by their statement's digest; see `BundleStore`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._drafts = Drafts(folder)
        self._checked = CheckedObjects()

    def draft(self, data: bytes) -> Path:
        """Writes unpublished bytes beside the bundles."""
        return self._drafts.write(data)

    def publish(self, draft: Path, statement: bytes) -> StoredFile:
        """Gives a checked draft its name."""
        target = self._folder / f"{statement.hex()}{SUFFIX}"
        try:
            wanted = _describe(draft, target.name)
            try:
                os.link(draft, target)
            except FileExistsError:
                there = _describe(target, target.name)
                if there != wanted:
                    raise StoredAlready(there) from None
            draft.unlink()
            keep_names(self._folder)
        except OSError as error:
            raise refused(error) from error
        return wanted

    def find(self, statement: bytes) -> StoredFile | None:
        """The bundle of a statement; its digest is that of the bytes as they are now."""
        target = self._folder / f"{statement.hex()}{SUFFIX}"
        try:
            return _describe(target, target.name)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise refused(error) from error

    def read(self, name: str, sha256: bytes, span: range | None = None) -> bytes:
        """As `BundleStore.read`; a checked file is known by its inode, size and time."""
        try:
            with (self._folder / name).open("rb") as stream:
                about = os.fstat(stream.fileno())
                version = f"{about.st_dev}:{about.st_ino}:{about.st_size}:{about.st_mtime_ns}"

                def part(wanted: range) -> bytes:
                    stream.seek(wanted.start)
                    return stream.read(len(wanted))

                return self._checked.read(name, sha256, span, version, stream.read, part)
        except OSError as error:
            raise NotReady(f"the stored bundle {name} cannot be read: {error.strerror}") from error

    def free(self) -> int:
        """Bytes that the disk has left."""
        return self._drafts.free()

    def sweep(self, now: float | None = None) -> int:
        """Deletes drafts that a crash left a day ago or more; returns how many."""
        return self._drafts.sweep(now)


def _describe(path: Path, name: str) -> StoredFile:
    data = path.read_bytes()
    return StoredFile(name, hashlib.sha256(data).digest(), len(data))
