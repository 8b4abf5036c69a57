"""A folder that only one compilation works in at a time."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avow.circuits.errors import CircuitError
from avow.circuits.files import make_folder

LOCK = ".lock"


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the folder against other compilations of the same thing; raises `CircuitError`."""
    make_folder(folder)
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CircuitError("another process is compiling the same model right now") from error
        yield
    finally:
        os.close(descriptor)


def clear(folder: Path) -> None:
    """Empty a folder that is held, but for what holds it."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink(missing_ok=True)
