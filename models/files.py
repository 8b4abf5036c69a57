"""Reading files of a bounded size and writing files that are whole or not there."""

import os
import secrets
from pathlib import Path
from stat import S_IMODE

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
    draft = path.with_name(f".{secrets.token_hex(8)}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # As readable as any other new file, unless it takes the place of one.
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError as error:
        raise ModelError(f"cannot write {path}: {reason(error)}") from error
    try:
        with os.fdopen(handle, "wb") as stream:
            if path.is_file():
                os.fchmod(handle, S_IMODE(path.stat().st_mode))
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(draft, path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ModelError(f"cannot write {path}: {reason(error)}") from error


def keep_names(folder: Path) -> None:
    """Make the names of a folder's files as safe as the files; raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def reason(error: Exception) -> str:
    """What the operating system said, without its number and path."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return one_line(error)
