"""Servers that break HTTP itself, over a real socket: both clients end with one clear error."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import anyio
import pytest

from avow.api.client import AsyncClient, Bounds, Client, ClientError, Misbehaved, Unreachable
from tests.api.client.provider import JOB

# Long enough for a machine that does much else.
BOUNDS = Bounds(
    silence=20.0,
    exchange=60.0,
    attempts=2,
    first_pause=0.001,
    longest_pause=0.01,
    json_bytes=50_000,
)
BRIEF = replace(BOUNDS, silence=0.3)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
Script = Callable[[socket.socket], None]


@contextmanager
def serving(script: Script) -> Iterator[str]:
    """The address of a server that does this on every connection."""
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            with suppress(OSError):
                connection, _ = listening.accept()
                with connection:
                    connection.settimeout(5)
                    connection.recv(65_536)
                    script(connection)

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(0.05)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            ended.set()
            thread.join(20)


def send(*pieces: bytes) -> Script:
    """Send these bytes and close."""
    return lambda connection: [connection.sendall(piece) for piece in pieces] and None


def flood(head: bytes, piece: bytes) -> Script:
    """Send a beginning, then the same bytes until the client goes away."""

    def script(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(100_000):
            connection.sendall(piece)

    return script


def hang(connection: socket.socket) -> None:
    """Say nothing until the client goes away."""
    connection.recv(1)


CASES: list[tuple[str, Script, type[ClientError]]] = [
    ("truncated", send(HEAD + b"Content-Length: 100\r\n\r\n{}"), Unreachable),
    ("no HTTP", send(b"nonsense\r\n\r\n"), Unreachable),
    ("nothing", send(), Unreachable),
    ("silence", hang, Unreachable),
    ("endless header", flood(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 10_000), Unreachable),
    (
        "endless chunks",
        flood(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"3e8\r\n" + b" " * 1000 + b"\r\n"),
        Misbehaved,
    ),
    ("not the end", send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n"), Unreachable),
]


@pytest.mark.parametrize(
    ("script", "kind"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_both_clients_end(script: Script, kind: type[ClientError]) -> None:
    bounds = BRIEF if script is hang else BOUNDS

    async def ask(url: str) -> None:
        async with AsyncClient(url, bounds=bounds) as client:
            await client.job(JOB)

    with serving(script) as url:
        with Client(url, bounds=bounds) as client, pytest.raises(kind) as blocking:
            client.job(JOB)
        with pytest.raises(kind) as looping:
            anyio.run(ask, url)
    for caught in (blocking, looping):
        assert "\n" not in str(caught.value)


def test_headers_that_drip_end_in_time() -> None:
    async def ask(url: str) -> None:
        async with AsyncClient(url, bounds=replace(BOUNDS, exchange=0.5)) as client:
            await client.job(JOB)

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for _ in range(100):
            connection.sendall(b"X: y\r\n")
            time.sleep(0.1)

    with serving(drip) as url, pytest.raises(Unreachable, match="TimeoutError"):
        anyio.run(ask, url)


def test_a_cancelled_wait_lets_go_of_its_connection() -> None:
    async def wait(url: str) -> bool:
        async with AsyncClient(url, bounds=BOUNDS) as client:
            with anyio.move_on_after(0.1) as scope:
                await client.job(JOB)
            return scope.cancelled_caught

    with serving(hang) as url:
        assert anyio.run(wait, url)
