"""The worker's side of its enclave: starts the process, and starts another when it is over."""

from __future__ import annotations

import json
import logging
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from avow.prover.children import before_exec
from avow.prover.errors import ConfigurationError

# Where the labourers of a worker find its enclave; set by the worker.
SOCKET = "AVOW_ENCLAVE_SOCKET"
_LOG = logging.getLogger("avow.prover")
_NAME = "enclave.sock"
_MODULE = "avow.prover.enclave.service"
_START_SECONDS = 300.0
_AGAIN_SECONDS = 5.0
# What the address of a socket has room for, the smallest of the systems that this runs on.
_PATH_BYTES = 103


class EnclaveKeeper:
    """At most one enclave process, in a folder of its own. One object, for one worker.

    Construction raises `ConfigurationError` where no folder can be made for its socket.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._folder = _folder()
        self._process: subprocess.Popen[bytes] | None = None
        self._began = self._again = 0.0

    @property
    def socket(self) -> Path:
        """Where it answers; the path stays the same from one session to the next."""
        return self._folder / _NAME

    def start(self) -> None:
        """Start it and wait until it is ready; raises `ConfigurationError` with its reason."""
        process = self._begin()
        said = self._said(process, _START_SECONDS) or _silent(process)
        if "refused" in said:
            raise ConfigurationError(f"the enclave does not start: {said['refused']}")
        _ready(said)

    def keep(self) -> None:
        """Start it again when it has ended; what keeps it from starting is logged. Never waits."""
        process, now = self._process, time.monotonic()
        if process is None or (process.poll() is not None and process.stdout is None):
            if now >= self._again:
                _LOG.warning("the enclave ended: a new session with a new key")
                self._begin()
            return
        if process.stdout is None:
            return
        # It was started, and has not said yet whether it is ready.
        said = self._said(process, 0)
        if said is None and now - self._began > _START_SECONDS:
            said = _silent(process)
        if said is not None and "refused" in said:
            _LOG.error("the enclave does not start: %s", said["refused"])
            self._again = now + _AGAIN_SECONDS
        elif said is not None:
            _ready(said)

    def stop(self) -> None:
        """End it; its key is gone."""
        process, self._process = self._process, None
        if process is not None:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _begin(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(  # noqa: S603 - our own module, fixed arguments
            [sys.executable, "-P", "-m", _MODULE, str(os.getpid()), str(self.socket)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=self._environment,
            # Ctrl-C in a terminal reaches the worker, which then ends this.
            start_new_session=True,
            preexec_fn=before_exec(),
        )
        self._began = time.monotonic()
        return self._process

    def _said(self, process: subprocess.Popen[bytes], seconds: float) -> dict[str, Any] | None:
        """Its one line; None when there is none within so many seconds."""
        output = process.stdout
        if output is None:
            raise TypeError("a process without the pipe that was asked for")
        if not select.select([output], [], [], seconds)[0]:
            return None
        line = output.readline()
        _forget(process)
        try:
            said = json.loads(line)
        except ValueError:
            said = None
        return said if isinstance(said, dict) else _silent(process)


def _folder() -> Path:
    try:
        base = Path(tempfile.gettempdir())
        length = len(os.fsencode(base / "avow-12345678" / _NAME))
        if length > _PATH_BYTES:
            raise ConfigurationError(
                f"TMPDIR: the enclave's socket would have a path of {length} bytes, at most "
                f"{_PATH_BYTES} may be; set a shorter TMPDIR"
            )
        return Path(tempfile.mkdtemp(prefix="avow-", dir=base))
    except OSError as error:
        said = error.strerror or str(error)
        raise ConfigurationError(f"TMPDIR: no folder for the enclave's socket: {said}") from error


def _forget(process: subprocess.Popen[bytes]) -> None:
    if process.stdout is not None:
        process.stdout.close()
        process.stdout = None


def _silent(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    process.kill()
    _forget(process)
    return {"refused": f"it said nothing and ended with {process.wait()}"}


def _ready(said: Mapping[str, Any]) -> None:
    _LOG.info("enclave=%s platform=%s ready", said["address"], said["platform"])
    for what in said["unchecked"]:
        # A device that runs anything at all has registered.
        _LOG.warning("enclave=%s NOT CHECKED %s", said["address"], what)
