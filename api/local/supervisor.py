"""Child processes that cannot outlive this one, however it ends."""

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from avow.api.errors import ApiError, one_line
from avow.api.local.interrupts import check_interrupted

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# The worker takes up to 20 s to give its work back.
_GRACE_SECONDS = 25.0
_KILL_SECONDS = 10.0
_WATCH_SECONDS = 0.1
_TAIL_BYTES = 4000


class ProcessError(ApiError):
    """A child could not be started, ended when it should run, or took too long."""


@dataclass(slots=True)
class Child:
    """One running program, in a process group of its own, writing to a log file."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Process number, also that of its group."""
        return self.process.pid

    def check(self) -> None:
        """Raise `ProcessError` with the end of its log when it has ended."""
        check_interrupted()
        status = self.process.poll()
        if status is not None:
            raise ProcessError(f"{self.name} ended with status {status}: {self.last_line()}")

    def text(self) -> str:
        """What it has written so far."""
        try:
            return self.log.read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def last_line(self) -> str:
        """The last line that says something, or where to look."""
        lines = [line for line in self.text()[-_TAIL_BYTES:].splitlines() if line.strip()]
        return one_line(lines[-1]) if lines else f"nothing was written to {self.log}"


@dataclass(slots=True)
class Supervisor:
    """Starts programs and, on leaving the block, ends them and everything they started.

    Children get SIGTERM when this process dies, even by SIGKILL. Orphans of children become
    ours (subreaper), so that nothing escapes by detaching itself. Ctrl-C in a terminal reaches
    this process only, which then ends the others in order.
    """

    folder: Path
    environment: Mapping[str, str]
    children: list[Child] = field(default_factory=list)

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            raise ProcessError("processes are supervised from the main thread only")
        self.folder.mkdir(parents=True, exist_ok=True)
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A second Ctrl-C must not leave half of the children behind; this ends by itself.
        with _ignoring(signal.SIGINT, signal.SIGTERM):
            self.stop()
            _prctl(_PR_SET_CHILD_SUBREAPER, 0)

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> Child:
        """Start a program that shall keep running; its output goes to `<folder>/<name>.log`."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as stream:
            process = self._popen(command, environment, stream.fileno(), subprocess.STDOUT)
        child = Child(name, process, log)
        self.children.append(child)
        return child

    def run(
        self,
        name: str,
        command: Sequence[str],
        seconds: float,
        environment: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end and return its status and output, whatever the status.

        `on_line` is called with every line that it writes to stderr, as it comes.
        """
        out, err = self.folder / f"{name}.out", self.folder / f"{name}.log"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = self._popen(command, environment, stdout.fileno(), stderr.fileno())
        try:
            status = _watch(process, err, time.monotonic() + seconds, on_line)
        except BaseException:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
            raise
        if status is None:
            raise ProcessError(f"{name} took longer than {seconds:.0f} s")
        return subprocess.CompletedProcess(
            list(command),
            status,
            out.read_text("utf-8", errors="replace"),
            err.read_text("utf-8", errors="replace"),
        )

    def check(self) -> None:
        """Raise `ProcessError` when a program that shall run has ended."""
        check_interrupted()
        for child in self.children:
            child.check()

    def stop(self) -> None:
        """End every child, last started first, then whatever they left behind."""
        for child in reversed(self.children):
            _signal_group(child.pid, signal.SIGTERM)
            try:
                child.process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                _signal_group(child.pid, signal.SIGKILL)
                child.process.wait()
            # What its group still holds has had its chance.
            _signal_group(child.pid, signal.SIGKILL)
        self.children.clear()
        _end_descendants()

    def _popen(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None,
        stdout: int,
        stderr: int,
    ) -> subprocess.Popen[bytes]:
        parent = os.getpid()

        def before_exec() -> None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            # The parent may have died before the line above took effect.
            if os.getppid() != parent:
                os._exit(1)

        try:
            return subprocess.Popen(  # noqa: S603 - our own commands, no shell
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env={**self.environment, **(environment or {})},
                process_group=0,
                # Loads nothing and takes no lock: the library is resolved above.
                preexec_fn=before_exec,
            )
        except OSError as error:
            raise ProcessError(f"cannot start {command[0]}: {error.strerror}") from error


def _watch(
    process: subprocess.Popen[bytes],
    log: Path,
    end: float,
    on_line: Callable[[str], None] | None,
) -> int | None:
    """The exit status; None, and the group killed, when `end` comes first."""
    told = 0
    while True:
        check_interrupted()
        try:
            status: int | None = process.wait(_WATCH_SECONDS)
        except subprocess.TimeoutExpired:
            status = None
        if on_line is not None:
            lines = log.read_text("utf-8", errors="replace").split("\n")
            # What follows the last line end may be half a line.
            for line in lines[told:-1]:
                on_line(line)
            told = max(told, len(lines) - 1)
        if status is not None:
            return status
        if time.monotonic() > end:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
            return None


def _end_descendants() -> None:
    end = time.monotonic() + _KILL_SECONDS
    while time.monotonic() < end:
        remaining = psutil.Process().children(recursive=True)
        if not remaining:
            return
        for process in remaining:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        _reap()
        time.sleep(0.02)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _prctl(option: int, value: int) -> None:
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise ProcessError(f"prctl({option}) failed: {os.strerror(ctypes.get_errno())}")


@contextlib.contextmanager
def _ignoring(*numbers: signal.Signals) -> Iterator[None]:
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
