"""Files that a command was asked to write: whole, or as they were before."""

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
