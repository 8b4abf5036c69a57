"""Child processes that cannot outlive their parent, whatever kills it."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable

# What a worker tells its labourers: whose they are, and where to write when they can begin.
WORKER_ID = "AVOW_WORKER_ID"
READY_FD = "AVOW_READY_FD"
_PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec nothing may allocate or import.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Asks the kernel to send a signal to the calling process when its parent ends.

    Linux ties this to the parent's thread that made the child, so that thread must last.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def before_exec(memory: int | None = None) -> Callable[[], None]:
    """A `preexec_fn`: the child dies with its parent and has at most `memory` bytes of address
    space."""
    parent = os.getpid()

    def prepare() -> None:
        die_with_parent()
        if os.getppid() != parent:
            os._exit(1)
        if memory is not None:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    return prepare


def end_child(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Tells a child to end, kills it when it has not within so many seconds, and waits for it."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
