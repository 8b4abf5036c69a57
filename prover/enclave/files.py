"""Files that a kernel answers, read and written the way it expects."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_READ_BYTES = 2**20


class KernelFiles:
    """Files of sysfs and configfs: each is read whole and written in one piece."""

    def read(self, path: Path) -> bytes:
        """All bytes of a file; raises OSError."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            found = bytearray()
            while part := os.read(descriptor, _READ_BYTES):
                found += part
            return bytes(found)
        finally:
            os.close(descriptor)

    def write(self, path: Path, data: bytes) -> None:
        """One write from the start; a kernel that takes less of it is an OSError."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            written = os.write(descriptor, data)
        finally:
            os.close(descriptor)
        if written != len(data):
            raise OSError(0, f"took {written} of {len(data)} bytes", str(path))

    def make(self, path: Path) -> None:
        """A folder, which in configfs makes an object; raises OSError."""
        path.mkdir()

    def remove(self, path: Path) -> None:
        """The folder, with what the kernel put into it."""
        with suppress(OSError):
            path.rmdir()
