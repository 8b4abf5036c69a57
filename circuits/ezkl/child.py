"""Running one ezkl step in a process of its own, with hard limits, progress and cancelling.

ezkl holds the interpreter's lock for whole proofs, panics with `BaseException` and aborts the
process when memory runs out, so nothing of it ever runs inside ours.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avow.circuits.errors import LimitExceeded, StepCancelled, StepFailed

TICK_SECONDS = 0.1
MAX_RESULT_BYTES = 64 * 2**20
_KEPT_VARIABLES = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR", "RAYON_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Limits:
    """Hard bounds of one step: wall clock seconds, and bytes of memory it may allocate."""

    seconds: float = 3600.0
    memory_bytes: int = 16 * 2**30


@dataclass(frozen=True, slots=True)
class Progress:
    """What a running step says of itself: seconds since it began and its resident bytes.

    ezkl reports no percentage; `note` is set when a step that works row by row says how far it is.
    """

    step: str
    seconds: float
    rss_bytes: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """A finished step: its JSON value, wall clock seconds, and peak resident bytes."""

    value: Any
    seconds: float
    peak_rss_bytes: int


def run(
    step: str,
    params: Mapping[str, Any],
    limits: Limits,
    on_progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Result:
    """Run a step of `avow.circuits.ezkl.inside` and return its result.

    `params` are JSON; paths in them must be absolute. `on_progress` is called about ten times a
    second; whatever it raises ends the step and is passed on, as does `cancelled` returning True
    (then `StepCancelled`). Raises `LimitExceeded` or `StepFailed`. No process is left behind,
    not even when this one is killed.
    """
    with tempfile.TemporaryDirectory(prefix="avow-ezkl-") as folder:
        request = Path(folder) / "request.json"
        request.write_text(
            json.dumps({"step": step, "params": params, "memory_bytes": limits.memory_bytes}),
            encoding="utf-8",
        )
        with (Path(folder) / "errors").open("w+b") as errors:
            process = _start(folder, errors.fileno())
            try:
                status = _watch(process, step, Path(folder), limits, on_progress, cancelled)
            finally:
                _kill(process)
            errors.seek(max(0, errors.tell() - 8192))
            said = errors.read().decode("utf-8", "replace")
        return _outcome(step, status, Path(folder), said, limits)


def _start(folder: str, errors: int) -> subprocess.Popen[bytes]:
    environment = {key: os.environ[key] for key in _KEPT_VARIABLES if key in os.environ}
    if "PYTHONPATH" in environment:
        # The child works in another folder, where relative entries would mean something else.
        parts = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, parts))
    try:
        return subprocess.Popen(  # noqa: S603 - our own module, fixed arguments
            [sys.executable, "-P", "-m", "avow.circuits.ezkl.inside", str(os.getpid())],
            cwd=folder,
            # A home of its own: ezkl writes a cache there, and finds no secrets.
            env=environment | {"HOME": folder, "RUST_BACKTRACE": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
    except OSError as error:
        raise StepFailed(f"cannot start a process for ezkl: {error.strerror}") from error


def _watch(
    process: subprocess.Popen[bytes],
    step: str,
    folder: Path,
    limits: Limits,
    on_progress: Callable[[Progress], None] | None,
    cancelled: Callable[[], bool] | None,
) -> int:
    began = time.monotonic()
    while True:
        try:
            return process.wait(timeout=TICK_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        elapsed = time.monotonic() - began
        if elapsed > limits.seconds:
            raise LimitExceeded(f"ezkl {step} did not end within {limits.seconds:g} s")
        if cancelled is not None and cancelled():
            raise StepCancelled(f"ezkl {step} was cancelled after {elapsed:.1f} s")
        if on_progress is not None:
            on_progress(Progress(step, elapsed, resident_bytes(process.pid), _note(folder)))


def resident_bytes(pid: int) -> int:
    """Resident bytes of a process; 0 when it is gone or the system does not say."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _note(folder: Path) -> str:
    try:
        return (folder / "note").read_text(encoding="utf-8")[:200]
    except OSError:
        return ""


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def _outcome(step: str, status: int, folder: Path, said: str, limits: Limits) -> Result:
    result = folder / "result.json"
    if status == 0 and result.is_file() and result.stat().st_size <= MAX_RESULT_BYTES:
        document = json.loads(result.read_bytes())
        if "error" in document:
            raise StepFailed(f"ezkl {step} failed: {document['error']}")
        return Result(document["value"], document["seconds"], document["peak_rss_bytes"])
    if "memory allocation of" in said or "MemoryError" in said:
        raise LimitExceeded(
            f"ezkl {step} needs more than the {limits.memory_bytes // 2**20} MiB it may use"
        )
    if status == -signal.SIGKILL:
        raise StepFailed(f"ezkl {step} was killed from outside, perhaps for want of memory")
    if status == -signal.SIGXFSZ or "No space left" in said or "File too large" in said:
        raise StepFailed(f"ezkl {step} could not write its files: the disk is full")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = lines[-1][:200] if lines else "it said nothing"
    raise StepFailed(f"ezkl {step} broke off (status {status}): {last}")
