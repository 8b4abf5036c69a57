"""Drafts: bundles that nobody has checked yet, as files of this machine."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from avow.prover.errors import TryAgain
from avow.prover.stores.store import SUFFIX

_ROOM_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_PREFIX = ".draft-"
_KEPT_SECONDS = 24 * 3600.0


class Drafts:
    """A folder with drafts in it, and perhaps other files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, data: bytes) -> Path:
        """A new draft, safe on disk; raises TryAgain when the disk is full or refuses."""
        path = self.folder / f"{_PREFIX}{secrets.token_hex(8)}{SUFFIX}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            with suppress(OSError):
                path.unlink()
            raise refused(error, len(data)) from error
        return path

    def free(self) -> int:
        """Bytes that the disk has left; raises TryAgain when it refuses."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return shutil.disk_usage(self.folder).free
        except OSError as error:
            raise refused(error) from error

    def sweep(self, now: float | None = None) -> int:
        """Deletes drafts that a crash left a day ago or more; returns how many."""
        limit = (time.time() if now is None else now) - _KEPT_SECONDS
        count = 0
        for path in self.folder.glob(f"{_PREFIX}*"):
            try:
                if path.stat().st_mtime < limit:
                    path.unlink()
                    count += 1
            except FileNotFoundError:
                continue
        return count


def refused(error: OSError, size: int = 0) -> TryAgain:
    """What a disk's refusal becomes; `size` is that of the bundle in bytes, where it matters."""
    if error.errno in _ROOM_ERRORS:
        wanted = f" for a bundle of {size} bytes" if size else ""
        return TryAgain(f"the disk of the bundle store is full: no room{wanted}")
    return TryAgain(f"the bundle store refused: {error.strerror or type(error).__name__}")
