"""A disk on which a file has no room beyond a few bytes."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def full_disk(room: int = 16) -> Iterator[None]:
    """Every file that this process writes ends at `room` bytes: what is more is refused."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python has the signal ignored, so that the write itself is refused.
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
