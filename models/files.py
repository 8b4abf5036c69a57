"""Reading files of a bounded size and writing files that are whole or not there."""

import os
import tempfile
from pathlib import Path

from avow.models.errors import ModelError, one_line


def read_bounded(path: Path, limit: int, what: str) -> bytes:
    """The bytes of a regular file of at most `limit` bytes.

    Raises `ModelError` for a missing, unreadable, special or oversized file.
    """
    try:
        # A FIFO or device would block or never end, so the kind is looked at before opening.
        if not path.is_file():
            found = "a folder or special file" if path.exists() else "nothing"
            raise ModelError(f"{what}: expected a file at {path}, found {found}")
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except (OSError, ValueError) as error:
        raise ModelError(f"{what}: cannot read {path}: {reason(error)}") from error
    if len(data) > limit:
        raise ModelError(f"{what}: {path} has more than {limit} bytes, the most that is read")
    return data


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` so that `path` holds either what it held before or all of it, even on a crash.

    Raises `ModelError` when the disk is full or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise ModelError(f"cannot write {path}: {reason(error)}") from error
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes the file private; a model is as readable as any other file.
        Path(name).chmod(0o644)
        os.replace(name, path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise ModelError(f"cannot write {path}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """What the operating system said, without its number and path."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return one_line(error)
