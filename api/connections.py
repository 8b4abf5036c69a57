"""Connections of strangers: a request that does not arrive, or is not read, ends by itself."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from avow.api.problems import MEDIA_TYPE, ProblemDetails
from avow.prover.config import ApiLimits

# The application answers a slow body itself (408); this is for one that nobody reads.
_UNREAD = 2


def protocol(limits: ApiLimits) -> type[H11Protocol]:
    """The protocol of one server's connections; they share what each of them is waiting for."""
    # In the order in which they began to wait.
    waiting: dict[_Connection, None] = {}

    class Bounded(_Connection):
        pass

    Bounded.limits, Bounded.waiting = limits, waiting
    return Bounded


class _Connection(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with an end to every wait for the client.

    uvicorn ends an idle connection, but a byte now and then makes none idle. When there are too
    many connections, the one that has waited longest for a request's head makes room.
    """

    limits: ApiLimits
    waiting: dict[_Connection, None]
    _arriving: str = ""
    _arrival: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request's head."""
        super().connection_made(transport)
        while len(self.connections) >= self.limits.connections and self.waiting:
            next(iter(self.waiting))._drop()
        self._await()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._forget()
        self._has_read()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, and see what is waited for now."""
        super().data_received(data)
        self._await()

    def on_response_complete(self) -> None:
        """An idle connection ends by uvicorn's own clock, until a byte comes."""
        super().on_response_complete()
        if self._phase() == "head":
            self._forget()
            self.waiting[self] = None
        else:
            self._await()

    def pause_writing(self) -> None:
        """The client reads more slowly than it is answered: for so long and no longer."""
        super().pause_writing()
        if self._reading is None:
            self._reading = self.loop.call_later(self.limits.read_seconds, self._drop)

    def resume_writing(self) -> None:
        """It has read."""
        super().resume_writing()
        self._has_read()

    def _phase(self) -> str:
        if self.cycle is None or self.cycle.response_complete:
            return "head"
        return "body" if self.cycle.more_body else ""

    def _await(self) -> None:
        phase = self._phase()
        if phase == self._arriving or self.transport.is_closing():
            return
        self._forget()
        self._arriving = phase
        if phase == "head":
            self.waiting[self] = None
            self._arrival = self.loop.call_later(self.limits.head_seconds, self._late)
        elif phase == "body":
            self._arrival = self.loop.call_later(_UNREAD * self.limits.body_seconds, self._drop)

    def _forget(self) -> None:
        self._arriving = ""
        self.waiting.pop(self, None)
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _has_read(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _late(self) -> None:
        if self.conn.our_state is h11.IDLE and not self.transport.is_closing():
            self._refuse()
        self._drop()

    def _refuse(self) -> None:
        status = HTTPStatus.REQUEST_TIMEOUT
        detail = f"expected a request's head within {self.limits.head_seconds} s"
        body = ProblemDetails(title=status.phrase, status=status, detail=detail)
        data = json.dumps(body.model_dump()).encode()
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(data)).encode()),
            (b"connection", b"close"),
        ]
        response = h11.Response(status_code=status, headers=headers, reason=status.phrase.encode())
        for event in (response, h11.Data(data=data), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")

    def _drop(self) -> None:
        self._forget()
        self._has_read()
        # Counted no more from now on, although the loop has yet to end it.
        self.connections.discard(self)
        if self.conn.our_state is h11.MUST_CLOSE:
            self.transport.close()
        else:
            self.transport.abort()
