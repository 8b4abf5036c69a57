"""Who holds a lease: one process of one boot of one machine, recognisable after its death."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process. `worker` names the `avow worker` that it belongs to; `started` is in ms."""

    machine: str
    worker: str
    pid: int
    started: int

    def text(self) -> str:
        """The form that a lease row stores and `parse_holder` reads."""
        return f"{self.machine}|{self.worker}|{self.pid}|{self.started}"


def parse_holder(text: str) -> Holder | None:
    """Reads a lease row's holder; None when it was written by something else."""
    parts = text.split("|")
    if len(parts) != 4 or not parts[2].isdigit() or not parts[3].isdigit():
        return None
    return Holder(parts[0], parts[1], int(parts[2]), int(parts[3]))


def this_process(worker: str) -> Holder:
    """The holder that stands for the calling process."""
    return Holder(_machine(), worker, os.getpid(), _started(psutil.Process()))


def is_gone(text: str) -> bool:
    """Whether a holder certainly no longer runs: a process of this machine that has ended.

    A holder elsewhere is never certainly gone; its lease ends by time.
    """
    holder = parse_holder(text)
    if holder is None or holder.machine != _machine():
        return False
    try:
        process = psutil.Process(holder.pid)
        return _started(process) != holder.started or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


def _started(process: psutil.Process) -> int:
    return round(process.create_time() * 1000)


def _machine() -> str:
    # Containers share the boot id but not process numbers, so their host name belongs to it.
    try:
        boot = _BOOT_ID.read_text("ascii").strip()[:8]
    except OSError:
        boot = "unknown"
    return f"{socket.gethostname()[:64].replace('|', '-')}-{boot}"
