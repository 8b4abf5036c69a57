"""A SIMULATED guest agent of dstack, on a socket of its own: its documents, not its code."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from avow.prover.enclave.dstack import DstackGuest
from avow.prover.enclave.platform import Measured
from avow.prover.enclave.simulated.guest import SimulatedGuest, started
from avow.verifier.attestation.testroot import TestRoot
from tests.prover.enclave.places import NOW, simulated_machine


class SimulatedAgent(socketserver.ThreadingUnixStreamServer):
    """Speaks as release 0.5 does; `release` 0.6 refuses to extend RTMR3. `wrong` overrides replies.

    The events of its own start are in the register before anything of the worker's.
    """

    daemon_threads = True

    def __init__(self, path: Path, release: str = "0.5") -> None:
        super().__init__(str(path), _Handler)
        self.guest: SimulatedGuest = started(simulated_machine(), NOW)
        self.release, self.wrong = release, dict[str, tuple[int, bytes]]()
        for name, payload in (("app-id", b"\x01" * 20), ("system-ready", b"")):
            self.guest.extend(Measured(name, payload))

    def reply(self, method: str, request: dict[str, Any]) -> tuple[int, bytes]:
        """Status and body."""
        if method in self.wrong:
            return self.wrong[method]
        if method == "Info":
            return 200, json.dumps({"app_id": "01" * 20, "tcb_info": "{}"}).encode()
        if method == "EmitEvent":
            if self.release != "0.5":
                return 400, json.dumps({"error": "EmitEvent was removed in v0.6.0"}).encode()
            self.guest.extend(Measured(request["event"], bytes.fromhex(request["payload"])))
            return 200, b""
        if method == "GetQuote":
            found = self.guest.evidence(bytes.fromhex(request["report_data"]))
            value = {
                "quote": found.quote.hex(),
                "event_log": found.event_log.decode(),
                "report_data": request["report_data"],
                "vm_config": "{}",
            }
            return 200, json.dumps(value).encode()
        return 404, b"not found"


class _Handler(BaseHTTPRequestHandler):
    server: SimulatedAgent  # type: ignore[assignment]

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        request = json.loads(self.rfile.read(length) or b"{}")
        status, body = self.server.reply(self.path.removeprefix("/"), request)
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def agent(path: Path, release: str = "0.5") -> Iterator[SimulatedAgent]:
    """The agent on a socket."""
    with SimulatedAgent(path, release) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class SimulatedDstackGuest(DstackGuest):
    """A guest of that agent; only a test root vouches for it."""

    @property
    def root(self) -> TestRoot | None:
        """The simulated machine's."""
        return started(simulated_machine(), NOW).root
