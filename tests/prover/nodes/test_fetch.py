"""A provider names an address; fetching it costs bounded time and memory and shows no file."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from avow.prover.nodes.fetch import BundleUnavailable, FetchRules, fetch

# What is answered is answered within that on a busy machine, too.
RULES = FetchRules(max_bytes=1_000, seconds=60.0)


class Server(BaseHTTPRequestHandler):
    """Answers by path."""

    def do_GET(self) -> None:
        match self.path:
            case "/good":
                self._answer(200, b"bundle")
            case "/exact":
                self._answer(200, b"x" * 1_000)
            case "/large":
                self._answer(200, b"x" * 1_001)
            case "/endless":
                self._endless(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 10_000)
            case "/interim":
                self._endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
            case "/slow":
                self._slow(b"HTTP/1.1 200 OK\r\n\r\n")
            case "/header":
                self._slow(b"HTTP/1.1 200 OK\r\nX-Long: ")
            case "/status":
                self._slow(b"HTTP/1.1 200 ")
            case "/silent":
                self._silent()
            case "/moved":
                self.send_response(302)
                self.send_header("Location", "/good")
                self.end_headers()
            case "/cut":
                self.send_response(200)
                self.send_header("Content-Length", "100")
                self.end_headers()
                self.wfile.write(b"short")
            case _:
                self._answer(404, b"none")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _endless(self, again: bytes) -> None:
        try:
            while True:
                self.wfile.write(again)
        except OSError:
            return

    def _slow(self, begin: bytes) -> None:
        """One byte after the other for as long as anybody listens."""
        self.wfile.write(begin)
        try:
            while True:
                self.wfile.write(b"x")
                time.sleep(0.02)
        except OSError:
            return

    def _silent(self) -> None:
        """Nothing, until who asked has gone."""
        self.connection.recv(1)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


@contextmanager
def serving() -> Iterator[str]:
    """The server's address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """One server for all tests."""
    with serving() as url:
        yield url


def refused(uri: str, rules: FetchRules = RULES) -> BundleUnavailable:
    """The error with which an address is refused; one line."""
    with pytest.raises(BundleUnavailable) as caught:
        fetch(uri, rules)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_bundle_is_fetched(address: str) -> None:
    assert fetch(f"{address}/good", RULES) == b"bundle"
    assert len(fetch(f"{address}/exact", RULES)) == 1_000


@pytest.mark.parametrize(
    ("path", "said", "final"),
    [
        ("/large", "more than 1000 bytes", True),
        ("/endless", "more than 1000 bytes", True),
        ("/interim", "far more was sent", False),
        ("/moved", "expected status 200, got 302", False),
        ("/none", "expected status 200, got 404", False),
        ("/cut", "", False),
    ],
)
def test_a_bad_answer_is_one_line(address: str, path: str, said: str, final: bool) -> None:
    error = refused(address + path)
    assert said in str(error)
    assert error.final is final


@pytest.mark.parametrize("path", ["/slow", "/header", "/status", "/silent"])
def test_a_slow_answer_is_given_up(address: str, path: str) -> None:
    """Whatever it is slow with: each byte comes soon enough, and they do not end."""
    error = refused(address + path, FetchRules(max_bytes=1_000_000, seconds=0.5))
    assert "not complete after 0.5 s" in str(error)
    assert not error.final


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_place_that_only_takes_connections_is_given_up(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as place:
        uri = f"{scheme}://127.0.0.1:{place.getsockname()[1]}/"
        error = refused(uri, FetchRules(max_bytes=1_000, seconds=0.3))
    assert "not complete after 0.3 s" in str(error)
    assert not error.final


def test_a_certificate_of_nobody_is_refused(address: str) -> None:
    assert not refused(address.replace("http", "https") + "/good").final


def test_addresses_of_a_name_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first leads nowhere, the second answers; and where none does, each has what is left."""
    with serving() as url:
        port = int(url.rpartition(":")[2])
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))
            for host in ("127.0.0.2", "127.0.0.1")
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert fetch(f"http://place.invalid:{port}/good", RULES) == b"bundle"
    assert not refused(f"http://place.invalid:{port}/good").final
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    assert "no address of place.invalid" in str(refused("http://place.invalid/"))


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "bundle",
        "ftp://127.0.0.1/x",
        "http://",
        "http://[::1",
        "data:,x",
        "javascript:1",
        "\x00",
    ],
)
def test_other_addresses_are_refused(uri: str) -> None:
    error = refused(uri)
    assert error.final


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:1/x",
        "http://256.256.256.256/",
        "http://a b/",
        "http://a..b/",
        f"http://{'a' * 70}.invalid/",
        "http://" + "\u00e9" * 200 + "/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:x/",
        "http://\x00/",
        "http://127.0.0.1:1/\x00\r\nHost: x",
        "http://user:password@127.0.0.1:1/",
    ],
)
def test_an_address_that_leads_nowhere_may_be_tried_again(uri: str) -> None:
    assert not refused(uri).final


def test_proxies_of_the_environment_are_not_used(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert fetch(f"{address}/good", RULES) == b"bundle"


def test_files_are_read_inside_the_allowed_folder_only(tmp_path: Path) -> None:
    folder, secret = tmp_path / "bundles", tmp_path / "secret"
    folder.mkdir()
    secret.write_bytes(b"secret")
    (folder / "good").write_bytes(b"bundle")
    (folder / "large").write_bytes(b"x" * 1_001)
    (folder / "link").symlink_to(secret)
    (folder / "deeper").mkdir()
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    rules = FetchRules(max_bytes=1_000, seconds=60.0, file_folder=folder)
    assert fetch((folder / "good").as_uri(), rules) == b"bundle"

    without = refused((folder / "good").as_uri(), RULES)
    assert without.final and "no folder to read files in was named" in str(without)
    for name, said in (
        (secret.as_uri(), "outside the allowed folder"),
        ((folder / "link").as_uri(), "outside the allowed folder"),
        (f"{folder.as_uri()}/../secret", "outside the allowed folder"),
        (f"{folder.as_uri()}/%2e%2e/secret", "outside the allowed folder"),
        ((folder / "pipe").as_uri(), "plain file"),
        ((folder / "large").as_uri(), "more than 1000 bytes"),
        ((folder / "deeper").as_uri(), ""),
        ("file://elsewhere/etc/passwd", ""),
        # Neither may end the node: anybody can deliver or order such an address.
        (f"{folder.as_uri()}/%00", "leads nowhere"),
        ((folder / "loop").as_uri(), "cannot be read"),
    ):
        assert said in str(refused(name, rules))
    missing = refused((folder / "none").as_uri(), rules)
    assert not missing.final
