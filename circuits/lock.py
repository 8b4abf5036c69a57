"""The folder that a compilation makes its artifact in: one at a time, and out of sight."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from avow.circuits.errors import CircuitError
from avow.circuits.files import make_folder

LOCK = ".lock"
# A folder that is renamed so often in a row is somebody else's.
_TRIES = 8


@contextmanager
def building(artifacts: Path, name: str, take_up: bool = False) -> Iterator[Path]:
    """Hold `.building-NAME` beside the artifacts: empty, or as a stopped compilation left it.

    Whoever finishes gives the folder its artifact's name (`place`). What does not finish stays,
    for the next to clear or with `take_up` to go on with. Raises `CircuitError` where another
    process holds it.
    """
    make_folder(artifacts)
    folder = artifacts / f".building-{name}"
    with _exclusive(folder):
        if not take_up:
            _clear(folder)
        yield folder


def building_of(artifacts: Path, system: str, model: bytes) -> AbstractContextManager[Path]:
    """`building` for a model, by its record's digest, under one of the systems, as in `tee/v1`."""
    name = system.partition("/")[0]
    return building(artifacts, f"{name}-{hashlib.sha256(model).hexdigest()[:32]}")


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    descriptor = _held(folder)
    try:
        yield
    finally:
        os.close(descriptor)


def _held(folder: Path) -> int:
    """A descriptor that holds the folder's lock until it is closed."""
    for _ in range(_TRIES):
        make_folder(folder)
        try:
            descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:
            # Whoever held the folder has just given it the artifact's name.
            continue
        except OSError as error:
            raise CircuitError(f"cannot hold {folder}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Or has while this file was opened: then the lock is one of another folder.
            if os.path.samestat(os.fstat(descriptor), os.stat(folder / LOCK)):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            break
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise CircuitError("another process is compiling the same model right now")


def _clear(folder: Path) -> None:
    # But for what holds it.
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink(missing_ok=True)
