"""The steps of a run: printed as they happen, timed, kept for the report."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

_INDENT = " " * 10


@dataclass(slots=True)
class Steps:
    """Prints `[  12.3s] title`, details below it, and one changing line for progress.

    `seconds` maps every ended step to its wall-clock duration.
    """

    out: TextIO = field(default_factory=lambda: sys.stdout)
    seconds: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _progress: str = ""

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[None]:
        """Announce a step and time it; a step that fails is not recorded."""
        self._clear()
        self._write(f"[{self.elapsed():6.1f}s] {title}\n")
        began = time.monotonic()
        yield
        self._clear()
        self.seconds[name] = round(time.monotonic() - began, 3)

    def say(self, *lines: str) -> None:
        """Print details of the current step."""
        self._clear()
        for line in lines:
            self._write(f"{_INDENT}{line}\n")

    def progress(self, text: str) -> None:
        """Show how far the current step is: in place on a terminal, else a line per change."""
        text = text.strip()
        if text == self._progress:
            return
        if self.out.isatty():
            self._write(f"\r\x1b[K{_INDENT}{text}")
        else:
            self._write(f"{_INDENT}{text}\n")
        self._progress = text

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    def _clear(self) -> None:
        if self._progress and self.out.isatty():
            self._write("\r\x1b[K")
        self._progress = ""

    def _write(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()
