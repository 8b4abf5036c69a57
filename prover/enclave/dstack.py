"""A guest of dstack, as its agent shows it: JSON over HTTP on a Unix socket.

Source: Dstack-TEE/dstack, sdk/curl/api.md and guest-agent/rpc/proto/agent_rpc.proto. `EmitEvent`
extends RTMR3 in the releases 0.5; from 0.6 on it always fails, since RTMR3 is the system's alone.
"""

from __future__ import annotations

import json
import socket
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from avow.prover.enclave.errors import EnclaveRefused
from avow.prover.enclave.platform import Evidence, Measured
from avow.verifier.attestation.eventlog import RUNTIME_EVENT, parse_event_log
from avow.verifier.attestation.intel.quote import without_padding
from avow.verifier.attestation.testroot import TestRoot
from avow.verifier.errors import VerificationError

_SECONDS = 60.0
_REPLY_BYTES = 4 * 2**20
_REPORT_BYTES = 64


class DstackGuest:
    """This machine, when it is a guest of dstack; else construction raises `EnclaveRefused`."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise EnclaveRefused(
                f"dstack: {path} is missing; map it into the container (dstack 0.5)"
            )
        self._socket = path
        self._ask("Info", {})

    @property
    def name(self) -> str:
        """`dstack`."""
        return "dstack"

    @property
    def root(self) -> TestRoot | None:
        """None: Intel's."""
        return None

    def measured(self) -> tuple[Measured, ...]:
        """The events of RTMR3 in the agent's log, those of dstack among them."""
        _, log = self._quoted(bytes(_REPORT_BYTES))
        try:
            events = parse_event_log(log)
        except VerificationError as error:
            raise EnclaveRefused(f"dstack: the agent's event log: {error.message}") from error
        return tuple(
            Measured(event.name, event.payload)
            for event in events
            if event.register == 3 and event.kind == RUNTIME_EVENT
        )

    def extend(self, event: Measured) -> None:
        """Have the agent extend RTMR3."""
        self._ask("EmitEvent", {"event": event.name, "payload": event.payload.hex()})

    def evidence(self, report_data: bytes) -> Evidence:
        """The agent's quote and log."""
        quote, log = self._quoted(report_data)
        return Evidence(without_padding(quote), log)

    def _quoted(self, report_data: bytes) -> tuple[bytes, bytes]:
        reply = self._ask("GetQuote", {"report_data": report_data.hex()})
        quote, log = reply.get("quote"), reply.get("event_log")
        try:
            if not isinstance(quote, str) or not isinstance(log, str):
                raise ValueError("no text")
            return bytes.fromhex(quote.removeprefix("0x")), log.encode("utf-8")
        except ValueError as error:
            raise EnclaveRefused("dstack: the agent's GetQuote gave no quote and log") from error

    def _ask(self, method: str, arguments: dict[str, str]) -> dict[str, Any]:
        body = json.dumps(arguments).encode("ascii")
        connection = _UnixConnection(self._socket)
        try:
            connection.request("POST", f"/{method}", body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            data, status = reply.read(_REPLY_BYTES + 1), reply.status
        except (OSError, HTTPException) as error:
            raise EnclaveRefused(f"dstack: the agent does not answer {method}: {error}") from error
        finally:
            connection.close()
        if len(data) > _REPLY_BYTES:
            raise EnclaveRefused(f"dstack: the agent's {method} says too much")
        try:
            value = json.loads(data) if data.strip() else {}
        except (ValueError, RecursionError):
            value = {"error": data[:200].decode("utf-8", "replace")}
        if status != 200 or not isinstance(value, dict):
            said = str(value.get("error") if isinstance(value, dict) else value)
            said = " ".join(said.split())[:200]
            raise EnclaveRefused(f"dstack: the agent refuses {method} ({status}): {said}")
        return value


class _UnixConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("dstack", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's path."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
