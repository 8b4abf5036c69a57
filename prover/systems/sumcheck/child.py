"""The process that answers and proves: kept for the next job, killed when its work is unwanted."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from avow.prover.children import before_exec
from avow.prover.errors import Refused, TryAgain
from avow.prover.systems.system import Limits, Tick
from avow.prover.tracing import record, traceparent

_MODULE = "avow.prover.systems.sumcheck.inside"
_TICK_SECONDS = 0.1
# Starting threads for the short sums of a run takes longer than the sums.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
_KEPT_VARIABLES = (
    "PATH",
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "TMPDIR",
    "AVOW_NATIVE_BACKEND",
    "AVOW_DEVICE",
)
# Text of the largest tensors, with room for a proof.
_REPLY_BYTES = 512 * 2**20


class Workshop:
    """At most one child process, started by the first request and kept while requests succeed.

    A child keeps the last artifacts ready, so that only its first proof with one pays for
    loading. It ends when this process does, or after minutes without work.
    """

    def __init__(self) -> None:
        self._child: _Child | None = None
        self._lock = threading.Lock()

    def run(self, request: Mapping[str, Any], limits: Limits, tick: Tick) -> dict[str, Any]:
        """The child's reply. Raises Refused, TryAgain, and whatever `tick` raises.

        `tick` is called about ten times a second with the stage that the child named last.
        """
        with self._lock:
            whole = {**request, "memory": limits.memory, "traceparent": traceparent()}
            try:
                try:
                    reply = self._ready().ask(whole, limits.seconds, tick)
                except _Unreachable:
                    # It had ended by itself, between two jobs.
                    self._drop()
                    reply = self._ready().ask(whole, limits.seconds, tick)
                record(reply.pop("spans", ()), pid=reply.pop("pid", 0))
                return reply
            except _Unreachable as error:
                self._drop()
                raise TryAgain(f"the proving process could not be started: {error}") from error
            except Refused:
                # Said by a child that is well.
                raise
            except BaseException:
                self._drop()
                raise

    def close(self) -> None:
        """End the child, if there is one."""
        with self._lock:
            self._drop()

    def _ready(self) -> _Child:
        child = self._child
        if child is not None and child.is_ours() and child.process.poll() is None:
            return child
        self._drop()
        self._child = _start()
        return self._child

    def _drop(self) -> None:
        child, self._child = self._child, None
        if child is not None and child.is_ours():
            child.end()


class _Unreachable(Exception):
    """The child ended before it took the request."""


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    requests: IO[bytes]
    replies: IO[bytes]
    errors: IO[bytes]
    owner: int
    buffer: bytearray = field(default_factory=bytearray)
    stage: str = "loading"

    def is_ours(self) -> bool:
        """Whether this process started it, not one that this process was forked from."""
        return self.owner == os.getpid()

    def end(self) -> None:
        """Kill and reap it."""
        self.process.kill()
        self.process.wait()
        for stream in (self.requests, self.replies, self.errors):
            with suppress(BrokenPipeError):
                # What the child did not read is still to be written.
                stream.close()

    def ask(self, request: Mapping[str, Any], seconds: float, tick: Tick) -> dict[str, Any]:
        """Send one request and wait for its reply."""
        deadline = time.monotonic() + seconds
        self.stage = "loading"
        try:
            self.requests.write(json.dumps(request).encode("ascii") + b"\n")
            self.requests.flush()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise _Unreachable(self._last_words()) from error
        with selectors.DefaultSelector() as selector:
            selector.register(self.replies, selectors.EVENT_READ)
            tick(self.stage, None)
            while time.monotonic() <= deadline:
                if selector.select(_TICK_SECONDS):
                    reply = self._read(self.replies.fileno())
                    if reply is not None:
                        return _value(reply)
                tick(self.stage, None)
            raise TryAgain(f"the proof took more than {seconds:g} s")

    def _read(self, descriptor: int) -> dict[str, Any] | None:
        data = os.read(descriptor, 2**20)
        if not data:
            self.process.wait()
            raise TryAgain(f"the proving process ended: {self._last_words()}")
        self.buffer += data
        if len(self.buffer) > _REPLY_BYTES:
            raise TryAgain("the proving process said too much")
        while (end := self.buffer.find(b"\n")) >= 0:
            line = json.loads(bytes(self.buffer[:end]))
            del self.buffer[: end + 1]
            if "stage" not in line:
                found: dict[str, Any] = line
                return found
            self.stage = line["stage"]
        return None

    def _last_words(self) -> str:
        status = self.process.poll()
        self.errors.seek(0)
        said = self.errors.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
        return f"status {status}" + (f", {said[-1][:200]}" if said else "")


def _value(reply: dict[str, Any]) -> dict[str, Any]:
    if "refused" in reply:
        raise Refused(reply["refused"])
    if "failed" in reply:
        raise TryAgain(reply["failed"])
    return reply


def _start() -> _Child:
    environment = {key: os.environ[key] for key in _KEPT_VARIABLES if key in os.environ}
    if "PYTHONPATH" in environment:
        parts = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, parts))
    errors = tempfile.TemporaryFile()
    try:
        process = subprocess.Popen(  # noqa: S603 - our own module, fixed arguments
            [sys.executable, "-P", "-m", _MODULE, str(os.getpid())],
            cwd="/",
            env=environment | ONE_THREAD,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            # Ctrl-C in a terminal reaches the worker, which then ends this.
            start_new_session=True,
            preexec_fn=before_exec(),
        )
    except OSError as error:
        errors.close()
        raise TryAgain(f"cannot start a proving process: {error.strerror}") from error
    if process.stdin is None or process.stdout is None:
        raise TypeError("a process without the pipes that were asked for")
    return _Child(process, process.stdin, process.stdout, errors, os.getpid())
