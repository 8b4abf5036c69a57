"""How much memory this process may count on, within the machine and its control group."""

from __future__ import annotations

from pathlib import Path

import psutil

_GROUP = Path("/sys/fs/cgroup")


def total() -> int:
    """Bytes of memory that the machine or the control group has."""
    machine = int(psutil.virtual_memory().total)
    limit = _number(_GROUP / "memory.max")
    return machine if limit is None else min(machine, limit)


def available() -> int:
    """Bytes that can be taken now without swapping."""
    machine = int(psutil.virtual_memory().available)
    limit, used = _number(_GROUP / "memory.max"), _number(_GROUP / "memory.current")
    if limit is None or used is None:
        return machine
    return min(machine, max(0, limit - used))


def _number(path: Path) -> int | None:
    try:
        text = path.read_text("ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
