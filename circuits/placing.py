"""Giving a finished folder its artifact's name, so that whoever is killed meanwhile loses none."""

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avow.circuits.lock import LOCK

# What is being replaced, under the name that it had: the only copy, until the new one has it.
_ASIDE = re.compile(r"\.old-(?P<name>[0-9a-f]{64})")
# What was replaced and is nobody's any more.
_GONE = re.compile(r"\.gone-[0-9a-f]{64}-[0-9a-f]{16}")


def put(build: Path, target: Path) -> None:
    """Rename a folder to the artifact `target` beside it; what was there before is deleted.

    Waits for other processes that do so there. Raises `OSError`; then what was there still is.
    """
    with _held(target.parent, 0):
        _settle(target.parent)
        if target.exists():
            aside = target.with_name(f".old-{target.name}")
            os.rename(target, aside)
            try:
                os.rename(build, target)
            except OSError:
                os.rename(aside, target)
                raise
            _give_up(aside, target.name)
        else:
            os.rename(build, target)
    # Only now: large keys take a while, and whoever is killed meanwhile keeps an artifact.
    _sweep(target.parent)


def recover(artifacts: Path) -> None:
    """Clear up after replacements that were killed: an artifact that has no successor comes back.

    Does nothing while another process replaces one, or where nothing can be changed.
    """
    if not any(_ASIDE.fullmatch(name) or _GONE.fullmatch(name) for name in _names(artifacts)):
        return
    try:
        with _held(artifacts, fcntl.LOCK_NB):
            _settle(artifacts)
    except OSError:
        return
    _sweep(artifacts)


@contextmanager
def _held(artifacts: Path, how: int) -> Iterator[None]:
    """The lock of all replacements in a folder; the kernel's, so that it ends with its process."""
    descriptor = os.open(artifacts / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | how)
        yield
    finally:
        os.close(descriptor)


def _settle(artifacts: Path) -> None:
    """Under the lock, when whoever put something aside is no more."""
    for name in _names(artifacts):
        if (found := _ASIDE.fullmatch(name)) is None:
            continue
        if (artifacts / found["name"]).exists():
            _give_up(artifacts / name, found["name"])
        else:
            os.rename(artifacts / name, artifacts / found["name"])


def _give_up(aside: Path, name: str) -> None:
    # Half deleted it must not look like something to bring back.
    os.rename(aside, aside.with_name(f".gone-{name}-{secrets.token_hex(8)}"))


def _sweep(artifacts: Path) -> None:
    for name in _names(artifacts):
        if _GONE.fullmatch(name):
            shutil.rmtree(artifacts / name, ignore_errors=True)


def _names(artifacts: Path) -> list[str]:
    try:
        return sorted(os.listdir(artifacts))
    except OSError:
        return []
