"""Reading a file without trusting its size."""

from pathlib import Path


def read_bounded(path: Path, limit: int) -> bytes:
    """A file's bytes, one more than `limit` where it has more."""
    # One byte more than allowed is enough to refuse a file without reading all of it.
    with path.open("rb") as stream:
        return stream.read(limit + 1)
