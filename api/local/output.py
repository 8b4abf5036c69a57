"""Files that a command was asked to write: whole, or as they were before."""

import errno
import os
from pathlib import Path

from avow.models.files import write_whole


def write_output(path: Path, data: bytes) -> None:
    """Write all of `data`, or leave what was there, also on a full disk or a crash.

    A link is followed; to a pipe or a device, which keeps nothing, the bytes are written as they
    are. No folder is made. Raises `OSError` or `ModelError`.
    """
    if path.is_file() or not path.exists():
        place = path.resolve()
        # Said before anything is written; a folder that a slip of the pen names is not wanted.
        place.parent.stat()
        write_whole(place, data)
    else:
        path.write_bytes(data)


def check_output(path: Path) -> None:
    """Refuse what `write_output` would refuse later, before anybody waits for what is written.

    A disk that is full by then is not seen. Raises `OSError`.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.is_file() or not path.exists():
        folder = path.resolve().parent
        folder.stat()
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
