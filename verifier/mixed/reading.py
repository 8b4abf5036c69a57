"""Reading what a command was given: files without trusting their size, times."""

import argparse
from pathlib import Path


def read_bounded(path: Path, limit: int) -> bytes:
    """A file's bytes, one more than `limit` where it has more."""
    # One byte more than allowed is enough to refuse a file without reading all of it.
    with path.open("rb") as stream:
        return stream.read(limit + 1)


def moment(text: str) -> int:
    """A time as an option has it: Unix seconds, in [0, 2^53)."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 16 and int(text) < 2**53):
        raise argparse.ArgumentTypeError(f"expected Unix seconds below 2^53, got {text[:40]!r}")
    return int(text)
