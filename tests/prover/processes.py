"""Starting a real worker for a test, and seeing to it that nothing of it remains."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from avow.prover.config import Config, as_environment
from avow.prover.database import Database, open_database
from avow.prover.job import Job
from avow.prover.queue import Queue
from avow.prover.stores.folder import FolderStore
from avow.verifier.lifecycle import JobState
from tests.prover.tiny import TinyCatalogue

ROOT = Path(__file__).resolve().parents[2]


def until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Waits until something holds; fails with `what` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        # Not more often: reading a job takes milliseconds of a processor that the worker waits for.
        time.sleep(0.1)


@dataclass
class RealWorker:
    """`avow worker` with the tiny system, as a process of its own, and a queue beside it."""

    config: Config
    name: str = "worker"
    process: subprocess.Popen[bytes] | None = None
    seen: set[psutil.Process] = field(default_factory=set)
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Where the system notes beginnings and ends of proofs."""
        return self.config.home / "tiny.log"

    @property
    def stderr(self) -> str:
        """What the worker logged."""
        return (self.config.home / f"{self.name}.stderr").read_text()

    def open_queue(self) -> tuple[Queue, Database]:
        """The queue over the worker's database."""
        database = open_database(self.config.database_url)
        store = FolderStore(self.config.bundles)
        return Queue(self.config, database, TinyCatalogue(), store), database

    def start(self, wait: bool = True) -> "RealWorker":
        """Starts the worker and waits until it is ready."""
        self.config.home.mkdir(parents=True, exist_ok=True)
        ready = self.config.home / f"{self.name}.ready"
        ready.unlink(missing_ok=True)
        paths = [str(ROOT), *(os.path.abspath(path) for path in sys.path if path)]
        environment = as_environment(self.config, os.environ) | {
            "READY_FILE": str(ready),
            "TINY_LOG": str(self.log),
            "PYTHONPATH": os.pathsep.join(paths),
            **self.variables,
        }
        with (self.config.home / f"{self.name}.stderr").open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "tests/prover/tiny_worker.py")],
                env=environment,
                stderr=stderr,
                stdin=subprocess.DEVNULL,
            )
        if wait:
            until(lambda: ready.exists() or self._ended(), 120, "the worker is ready")
            assert not self._ended(), self.stderr
        return self

    def family(self) -> list[psutil.Process]:
        """The worker and every process below it; remembered for `nothing_left`."""
        assert self.process is not None
        try:
            parent = psutil.Process(self.process.pid)
            found = [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            found = []
        self.seen |= set(found)
        return found

    def named(self, text: str) -> list[psutil.Process]:
        """Processes below the worker whose command line holds `text`."""
        found = []
        for process in self.family():
            try:
                if text in " ".join(process.cmdline()):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
        return found

    def stop(self, number: int = signal.SIGTERM, seconds: float = 120) -> int:
        """Sends a signal, waits, and checks that no process is left."""
        assert self.process is not None
        self.family()
        self.process.send_signal(number)
        code = self.process.wait(seconds)
        until(self.nothing_left, 60, f"no process is left of {self.left()}")
        return code

    def make_sure(self) -> None:
        """Kills, by their numbers, what a failed test left."""
        if self.process is not None and self.process.poll() is None:
            self.family()
            self.process.kill()
            self.process.wait()
        for process in self.seen:
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def left(self) -> list[str]:
        """Processes of this worker that still run."""
        running = []
        for process in self.seen:
            try:
                # Its number may be another process's by now.
                if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    running.append(f"{process.pid} {' '.join(process.cmdline())}")
            except psutil.NoSuchProcess:
                continue
        return running

    def nothing_left(self) -> bool:
        """Whether no process of this worker runs any more."""
        return not self.left()

    def events(self, kind: str, first: int) -> list[dict[str, object]]:
        """What the system noted about proofs whose first input value is `first`."""
        if not self.log.exists():
            return []
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if line["event"] == kind and line["values"][0] == first]

    def kill_prover(self, first: int, event: str = "begin") -> None:
        """Kills the pool process that last began a proof with this first value."""
        os.kill(int(str(self.events(event, first)[-1]["pid"])), signal.SIGKILL)

    def finish(self, queue: Queue, job_id: str, wait: str) -> Job:
        """Ends a job's `wait`, the command of a child, as often as it begins; the proven job."""

        def done() -> bool:
            for process in self.named(wait):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            return queue.status(job_id).state is JobState.PROVEN

        until(done, 120, f"job is proven; {queue.status(job_id)}\n{self.stderr[-3000:]}")
        return queue.status(job_id)

    def wait_for(self, queue: Queue, job_id: str, state: JobState, seconds: float) -> Job:
        """Waits until a job stands in a state."""
        until(
            lambda: queue.status(job_id).state is state,
            seconds,
            f"job is {state.value}; {queue.status(job_id)}\n{self.stderr[-3000:]}",
        )
        return queue.status(job_id)

    def _ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None
