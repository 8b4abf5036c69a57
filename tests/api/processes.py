"""Starting `avow` in a session of its own and finding whatever it leaves behind."""

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-P", "-m", "avow.api.cli.main"]
# Not an AVOW_ variable, since those are not handed on.
_TRACE = "DESCENDANT_OF"
# Many times what any of it takes: only what hangs is given up.
_PATIENCE_SECONDS = 600.0


@dataclass(slots=True)
class Run:
    """A running command; every descendant carries its mark in the environment."""

    process: subprocess.Popen[bytes]
    mark: str
    output: Path

    def text(self) -> str:
        """What it wrote so far, stdout and stderr together."""
        return self.output.read_text("utf-8", errors="replace")

    def wait_for(self, words: str) -> str:
        """What it wrote, once that holds `words`."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while words not in (text := self.text()):
            assert self.process.poll() is None, text
            assert time.monotonic() < end, text
            time.sleep(0.02)
        return text

    def wait(self) -> int:
        """The exit status."""
        return self.process.wait(_PATIENCE_SECONDS)

    def survivors(self) -> list[str]:
        """Command lines of descendants that still run, wherever they hid."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(_TRACE) == self.mark and process.is_running():
                    if process.status() != psutil.STATUS_ZOMBIE:
                        found.append(" ".join(process.cmdline())[:200])
            except psutil.Error:
                continue
        return found

    def end(self) -> None:
        """Kill whatever is left, so that a failing test leaves nothing behind."""
        for process in psutil.process_iter():
            try:
                if process.environ().get(_TRACE) == self.mark:
                    process.kill()
            except psutil.Error:
                continue
        self.process.wait()


def start(
    arguments: Sequence[str],
    folder: Path,
    where: Path = ROOT,
    command: Sequence[str] = COMMAND,
    **environment: str,
) -> Run:
    """Start `avow`, or another `command`, by default in the checkout's root with its contracts."""
    mark = uuid.uuid4().hex
    output = folder / f"{mark}.txt"
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AVOW_")}
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=where,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**kept, **environment, _TRACE: mark, "PYTHONUNBUFFERED": "1"},
        )
    return Run(process, mark, output)


def sockets(folder: Path) -> list[Path]:
    """The unix sockets below a folder."""
    return [path for path in folder.rglob("*") if path.is_socket()]


def run_script(text: str, checkout: Path) -> str:
    """Run a shell script in a checkout with `avow` in its path; what it printed.

    Fails at the first command that fails.
    """
    bash = shutil.which("bash")
    assert bash
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AVOW_")}
    done = subprocess.run(
        [bash, "-c", "set -euo pipefail\n" + text],
        cwd=checkout,
        env={**kept, "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
