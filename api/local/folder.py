"""The folder of a run: made anew each time, never somebody else's, used by one run at a time."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avow.api.errors import DemoError

_MARK = ".made-by-avow"


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """An empty `folder`, held until the block ends.

    What an earlier run left there is removed; a folder without the mark of an earlier run is
    refused.
    """
    with held(folder) as own:
        _empty(own)
        yield own


@contextmanager
def held(folder: Path) -> Iterator[Path]:
    """The folder's absolute path, held against other runs until the block ends.

    The lock is the kernel's, so a run that was killed does not block the next one.
    """
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder.parent / f".{folder.name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoError(f"another run is using {folder}") from error
        yield folder
    finally:
        os.close(lock)


def _empty(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    mark = folder / _MARK
    left = [path for path in folder.iterdir() if path != mark]
    if left and not mark.is_file():
        raise DemoError(f"{folder} was not made by an earlier run; name an unused folder")
    # First of all and kept throughout, so that a run killed right here does not block the next.
    mark.touch()
    for path in left:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
