"""The store of bundles: one immutable file per statement, there as a whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from avow.prover.errors import NotReady, TryAgain

_ROOM_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SUFFIX = ".avow.json"
_DRAFT = ".draft-"
_DRAFT_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the store: its name, SHA-256 and size in bytes."""

    name: str
    sha256: bytes
    size: int


class BundleStore:
    """A folder of bundles, named by their statement's digest; nothing is ever overwritten."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def draft(self, data: bytes) -> Path:
        """Writes unpublished bytes beside the bundles, safe on disk; the caller checks them.

        Raises TryAgain when the disk is full or refuses.
        """
        path = self._folder / f"{_DRAFT}{secrets.token_hex(8)}{_SUFFIX}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            with suppress(OSError):
                path.unlink()
            raise TryAgain(_said(error, len(data))) from error
        return path

    def publish(self, draft: Path, statement: bytes) -> StoredFile:
        """Gives a checked draft its name. A bundle already stored there stays and is returned."""
        target = self._folder / f"{statement.hex()}{_SUFFIX}"
        try:
            try:
                os.link(draft, target)
            except FileExistsError:
                pass
            draft.unlink()
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
            return _describe(target)
        except OSError as error:
            raise TryAgain(_said(error, 0)) from error

    def find(self, statement: bytes) -> StoredFile | None:
        """The bundle of a statement, when one is stored."""
        target = self._folder / f"{statement.hex()}{_SUFFIX}"
        try:
            return _describe(target)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TryAgain(_said(error, 0)) from error

    def read(self, name: str, sha256: bytes) -> bytes:
        """A stored bundle's bytes; raises NotReady when they are missing or were altered."""
        try:
            data = (self._folder / name).read_bytes()
        except OSError as error:
            raise NotReady(f"the stored bundle {name} cannot be read: {error.strerror}") from error
        if hashlib.sha256(data).digest() != sha256:
            raise NotReady(f"the stored bundle {name} was altered after it was written")
        return data

    def free(self) -> int:
        """Bytes that the disk under the store has left; raises TryAgain when it refuses."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return shutil.disk_usage(self._folder).free
        except OSError as error:
            raise TryAgain(_said(error, 0)) from error

    def path(self, stored: StoredFile) -> Path:
        """Where a stored bundle lies."""
        return self._folder / stored.name

    def sweep(self, now: float | None = None) -> int:
        """Deletes drafts that a crash left a day ago or more; returns how many."""
        limit = (time.time() if now is None else now) - _DRAFT_SECONDS
        count = 0
        for path in self._folder.glob(f"{_DRAFT}*"):
            try:
                if path.stat().st_mtime < limit:
                    path.unlink()
                    count += 1
            except FileNotFoundError:
                continue
        return count


def _describe(path: Path) -> StoredFile:
    data = path.read_bytes()
    return StoredFile(path.name, hashlib.sha256(data).digest(), len(data))


def _said(error: OSError, size: int) -> str:
    if error.errno in _ROOM_ERRORS:
        wanted = f" for a bundle of {size} bytes" if size else ""
        return f"the disk of the bundle store is full: no room{wanted}"
    return f"the bundle store refused: {error.strerror or type(error).__name__}"
