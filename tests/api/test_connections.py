"""Connections that do not send their request, or do not read the answer, hold up nobody else."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response

from avow.api.app import create_app
from avow.api.server import settings
from avow.prover.config import ApiLimits
from tests.api.stall import services_of
from tests.prover.tiny import Shop

_SECONDS = 60.0
LIMITS = ApiLimits(head_seconds=1, body_seconds=1, connections=8)


@contextmanager
def serving(app: FastAPI, limits: ApiLimits) -> Iterator[tuple[int, uvicorn.Server]]:
    """The application as `avow api` serves it: its port, and the server."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        server = uvicorn.Server(settings(app, limits))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield listening.getsockname()[1], server
        finally:
            server.should_exit = True
            thread.join(_SECONDS)


@contextmanager
def served(app: FastAPI, limits: ApiLimits) -> Iterator[int]:
    """The port alone."""
    with serving(app, limits) as (port, _):
        yield port


@pytest.fixture
def port(shop: Shop) -> Iterator[int]:
    """The port of an application whose limits are short."""
    config = replace(shop.config, api=LIMITS)
    with served(create_app(services_of(shop, config)), LIMITS) as found:
        yield found


class Dribbler:
    """A client that sends a byte now and then, so that it is never idle, until it is cut off."""

    def __init__(self, port: int, head: bytes, rest: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), _SECONDS)
        self.socket.sendall(head)
        self.answer = b""
        self.ended = threading.Event()
        self._rest = rest
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.socket.settimeout(0.05)
        at = 0
        while not self.ended.is_set():
            try:
                self.socket.send(self._rest[at % len(self._rest) :][:1])
                at += 1
                came = self.socket.recv(65536)
                if not came:
                    self.ended.set()
                self.answer += came
            except TimeoutError:
                continue
            except OSError:
                # It was cut off while it spoke; what had come by then is still to be read.
                with suppress(OSError):
                    while came := self.socket.recv(65536):
                        self.answer += came
                self.ended.set()

    def __enter__(self) -> "Dribbler":
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._thread.join(_SECONDS)
        self.socket.close()

    def cut_off(self) -> bytes:
        """What the server said before it ended the connection."""
        assert self.ended.wait(_SECONDS), "the connection is still open"
        return self.answer


def healthy(port: int) -> None:
    """Somebody else is answered, over a connection of their own.

    A machine may take a second from its connection to its request: then it asks again.
    """
    for _ in range(20):
        with suppress(httpx.RemoteProtocolError, httpx.ReadError):
            answer = httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=_SECONDS)
            if answer.status_code != 408:
                assert answer.status_code == 200
                return
    raise AssertionError("nobody else is answered")


POST = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize("head", [b"G", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: "])
def test_a_head_that_dribbles_in_is_refused(port: int, head: bytes) -> None:
    with Dribbler(port, head, b"a") as slow:
        healthy(port)
        said = slow.cut_off()
    assert said.startswith(b"HTTP/1.1 408 ") and b"application/problem+json" in said
    assert b"expected a request's head within 1 s" in said
    healthy(port)


def test_a_body_that_dribbles_in_is_refused(port: int) -> None:
    with Dribbler(port, POST + b"Content-Length: 1000\r\n\r\n", b" ") as slow:
        healthy(port)
        said = slow.cut_off()
    assert said.startswith(b"HTTP/1.1 408 ") and b"expected the whole body within 1 s" in said


def test_a_body_that_nobody_reads_ends_too(port: int) -> None:
    """The answer is there at once, and the connection is not kept by what still comes."""
    head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
    with Dribbler(port, head, b"x") as slow:
        assert slow.cut_off().startswith(b"HTTP/1.1 200 ")


def test_the_second_request_of_a_connection_has_no_longer(port: int) -> None:
    first = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with Dribbler(port, first, b"GET /healthz HTTP/1.1 " + b"a" * 9000) as slow:
        said = slow.cut_off()
    assert said.startswith(b"HTTP/1.1 200 ") and b"HTTP/1.1 408 " in said


def test_half_sent_requests_do_not_fill_the_server(shop: Shop) -> None:
    """With as many of them as there may be connections, others are answered all the same."""
    limits = replace(LIMITS, head_seconds=3600)
    with served(create_app(services_of(shop)), limits) as port, ExitStack() as held:
        slow = [
            held.enter_context(Dribbler(port, b"GET / HTTP/1.1\r\nX: ", b"a")) for _ in "12345678"
        ]
        for _ in range(3):
            healthy(port)
        # They made room, the oldest first; nobody's patience has run out.
        assert slow[0].cut_off() == b""
        assert not slow[-1].ended.is_set()


@pytest.mark.parametrize(
    ("proxies", "sent", "seen"),
    [
        ((), "203.0.113.9", "127.0.0.1"),
        (("127.0.0.1",), "203.0.113.9", "203.0.113.9"),
        (("127.0.0.0/8",), "203.0.113.9, 127.0.0.7", "203.0.113.9"),
        # What a client says of itself stands before what the proxy has seen.
        (("127.0.0.1",), "192.0.2.1, 203.0.113.9", "203.0.113.9"),
        (("192.0.2.7",), "203.0.113.9", "127.0.0.1"),
    ],
)
def test_only_proxies_that_were_named_are_believed(
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    proxies: tuple[str, ...],
    sent: str,
    seen: str,
) -> None:
    """Else whoever guesses at keys from this machine chooses the address that is counted."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    app = create_app(services_of(shop))

    @app.get("/peer")
    async def peer(request: Request) -> str:
        return request.client.host if request.client else ""

    with served(app, replace(LIMITS, proxies=proxies)) as port:
        address = f"http://127.0.0.1:{port}/peer"
        assert (
            httpx.get(address, headers={"X-Forwarded-For": sent}, timeout=_SECONDS).json() == seen
        )


def test_who_does_not_read_the_answer_is_cut_off(shop: Shop) -> None:
    app = create_app(services_of(shop))
    asked = threading.Event()

    # More than systems keep for a reader.
    @app.get("/large")
    async def large() -> Response:
        asked.set()
        return Response(bytes(64 * 2**20))

    limits = replace(LIMITS, read_seconds=1)
    with serving(app, limits) as (port, server):
        with socket.create_connection(("127.0.0.1", port), _SECONDS) as deaf:
            deaf.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert asked.wait(_SECONDS)
            healthy(port)
            ends = time.monotonic() + _SECONDS
            # What the network still holds keeps the client from seeing it.
            while server.server_state.connections:
                assert time.monotonic() < ends, "the connection is still open"
                time.sleep(0.02)


def test_who_reads_slowly_but_reads_gets_everything(shop: Shop) -> None:
    app = create_app(services_of(shop))

    @app.get("/large")
    async def large() -> Response:
        return Response(bytes(16 * 2**20))

    with served(app, LIMITS) as port:
        with httpx.stream("GET", f"http://127.0.0.1:{port}/large", timeout=_SECONDS) as answer:
            assert sum(map(len, answer.iter_raw())) == 16 * 2**20
