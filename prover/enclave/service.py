"""The process that holds a session: `python -m avow.prover.enclave.service PARENT SOCKET`.

It says one line of JSON on stdout when it is ready ({address, platform, ends, unchecked}) or
refuses to start ({refused}). Requests are lines of JSON over the socket, one for each connection.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import socket
import socketserver
import sys
import threading
import time
from pathlib import Path
from typing import Any

from avow.models.devices import Device
from avow.models.errors import ModelError
from avow.prover.children import die_with_parent
from avow.prover.config import from_environment
from avow.prover.enclave.archive import Archive
from avow.prover.enclave.errors import EnclaveEnded, EnclaveLater, EnclaveRefused
from avow.prover.enclave.registered import Registered
from avow.prover.enclave.served import Served
from avow.prover.enclave.session import Asked, Session
from avow.prover.errors import ConfigurationError, ProverError
from avow.verifier.attestation.steps import State
from avow.verifier.errors import VerificationError
from avow.verifier.fields import parse_hex
from avow.verifier.statement import parse_statement
from avow.verifier.tensor import parse_tensor

_LOG = logging.getLogger("avow.prover")
_PR_SET_DUMPABLE = 4
_REQUEST_BYTES = 512 * 2**20
# For the whole of a request; whoever asks has it ready when it connects.
_READ_SECONDS = 60.0
_PART_BYTES = 2**20
# Those beyond wait in the socket's own queue.
_MOST_AT_ONCE = 16
_LOOK_SECONDS = 1.0
_END_SECONDS = 10.0


def open_from_environment() -> Session:
    """A session as configured, its registration archived; raises `ProverError`."""
    # Loaded late: what they rest on is only there with the extra.
    try:
        from avow.prover.enclave.machine import machine
        from avow.prover.enclave.opening import Terms, open_session
    except ImportError as error:
        raise ConfigurationError(
            "an enclave needs the extra tee: pip install 'avow[tee]'"
        ) from error
    config = from_environment()
    settings = config.enclave
    if settings is None:
        raise ConfigurationError("AVOW_ENCLAVE: no enclave is configured")
    platform, source, devices = machine(settings, config.home, time.time)
    try:
        served = Served(config.artifacts, settings.program, Device(config.device))
    except ModelError as error:
        raise EnclaveRefused(f"the program does not run here: {error}") from error
    terms = Terms(settings.registry, settings.challenge, settings.lifetime, settings.operator)
    key, registered = open_session(platform, source, devices, served, terms, time.time)
    Archive(config.home).keep(registered)
    return Session(key, served, registered, time.time)


class Desk:
    """Answers requests with one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._material = session.registered.material.to_json()

    def reply(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply to one request; what goes wrong with it is part of the reply.

        `refused` and `ended` are for good, `later` and `failed` may go better another time.
        """
        try:
            if request["do"] == "answer":
                return self._answer(request)
            if request["do"] == "sign":
                return self._sign(request)
            return {"refused": f"the enclave does not {str(request['do'])[:40]!r}"}
        except EnclaveEnded as error:
            return {"ended": str(error)}
        except EnclaveLater as error:
            return {"later": str(error)}
        except (EnclaveRefused, VerificationError, ModelError) as error:
            return {"refused": str(error)}
        except (KeyError, TypeError, ValueError) as error:
            return {"refused": f"a request that cannot be read: {type(error).__name__}"}
        except Exception as error:
            return _failed(error)

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        inputs = [parse_tensor(item) for item in request["inputs"]]
        outputs = self._session.answer(parse_hex(request["record"], 32, "record"), inputs)
        return {
            "outputs": [tensor.to_json() for tensor in outputs],
            "provider": self._session.provider,
        }

    def _sign(self, request: dict[str, Any]) -> dict[str, Any]:
        asked = [
            Asked(parse_statement(one["statement"]), tuple(map(parse_tensor, one["inputs"])))
            for one in request["answers"]
        ]
        signed = self._session.sign(parse_hex(request["record"], 32, "record"), asked)
        return {
            "receipt": signed.receipt.to_json(),
            "outputs": [[tensor.to_json() for tensor in one] for one in signed.outputs],
            "material": self._material,
        }


class Server(socketserver.ThreadingUnixStreamServer):
    """Listens on a socket from its construction on, which raises `EnclaveRefused`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, session: Session, path: Path) -> None:
        self.desk = Desk(session)
        self._session = session
        self._room = threading.Semaphore(_MOST_AT_ONCE)
        self._over = threading.Event()
        try:
            path.unlink(missing_ok=True)
            super().__init__(str(path), _Handler)
            path.chmod(0o600)
        except OSError as error:
            said = error.strerror or str(error)
            raise EnclaveRefused(f"{path}: nobody can be listened to there: {said}") from error

    def answer_until_over(self) -> None:
        """Answers until the session is over or `stop` is called."""
        thread = threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        while not self._session.is_over() and not self._over.wait(_LOOK_SECONDS):
            pass
        self._over.set()
        self.shutdown()
        thread.join()
        self.server_close()
        # Whoever is still being answered is told that the session ended.
        deadline = time.monotonic() + _END_SECONDS
        for _ in range(_MOST_AT_ONCE):
            self._room.acquire(timeout=max(0.0, deadline - time.monotonic()))

    def stop(self) -> None:
        """Let `answer_until_over` end as if the session were over; returns at once."""
        self._over.set()

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own, when there is room for one."""
        while not self._room.acquire(timeout=_LOOK_SECONDS):
            if self._over.is_set():
                self.shutdown_request(request)
                return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """What that thread does."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()


class _Handler(socketserver.BaseRequestHandler):
    server: Server
    request: socket.socket

    def handle(self) -> None:
        try:
            reply = json.dumps(self._reply()).encode("ascii")
        except Exception as error:
            reply = json.dumps(_failed(error)).encode("ascii")
        try:
            self.request.settimeout(_READ_SECONDS)
            self.request.sendall(reply + b"\n")
        except OSError:
            # Who asked is gone, or takes nothing.
            return

    def _reply(self) -> dict[str, Any]:
        try:
            request = json.loads(self._line())
            if not isinstance(request, dict):
                raise ValueError("no object")
        except TimeoutError:
            return {"failed": f"no whole request came within {_READ_SECONDS:g} seconds"}
        except ValueError:
            return {"refused": "a request that cannot be read"}
        return self.server.desk.reply(request)

    def _line(self) -> bytes:
        line, deadline = bytearray(), time.monotonic() + _READ_SECONDS
        while not line.endswith(b"\n") and len(line) < _REQUEST_BYTES:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.request.settimeout(left)
            part = self.request.recv(_PART_BYTES)
            if not part:
                break
            line += part
        return bytes(line)


def _failed(error: Exception) -> dict[str, Any]:
    _LOG.error("the enclave failed at a request", exc_info=error)
    return {"failed": f"the enclave failed ({type(error).__name__}); its log has it"}


def _keep_memory_private() -> None:
    # Neither dumps nor debuggers of the same user shall see the key.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def main(arguments: list[str]) -> int:
    """Open a session and serve it until it is over."""
    die_with_parent()
    if os.getppid() != int(arguments[0]):
        return 1
    _keep_memory_private()
    # What a library prints must not look like the first line.
    said = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        session = open_from_environment()
        server = Server(session, Path(arguments[1]))
    except (ProverError, VerificationError) as error:
        print(json.dumps({"refused": str(error)}), file=said, flush=True)
        return 2
    except Exception as error:
        _LOG.error("the enclave does not start", exc_info=error)
        reason = f"internal error ({type(error).__name__}); the log has it"
        print(json.dumps({"refused": reason}), file=said, flush=True)
        return 2
    print(json.dumps(about(session.registered)), file=said, flush=True)
    server.answer_until_over()
    return 0


def about(registered: Registered) -> dict[str, Any]:
    """What is said when it is ready; `unchecked` is what nobody has compared with golden values."""
    return {
        "address": f"0x{registered.address.hex()}",
        "platform": registered.platform,
        "ends": registered.ends,
        "unchecked": [
            f"{step.name}: {step.detail}"
            for step in registered.devices
            if step.name.endswith("golden values") and step.state is State.NOT_CHECKED
        ],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
