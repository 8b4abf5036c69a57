"""A node is spoken to as the environment says: through proxies, with passwords, within limits."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from avow.verifier.chain.client import Chain
from avow.verifier.chain.errors import RpcRefused, RpcUnavailable

CHAIN = {"eth_chainId": "0x7a69", "eth_getBlockByNumber": None}


class Node(ThreadingHTTPServer):
    """A JSON-RPC server that notes how it was asked; `statuses` are for the next answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.seen: list[tuple[str, str | None]] = []
        self.statuses: list[int] = []
        self.answers: dict[str, Any] = dict(CHAIN)
        self.elsewhere = ""

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.server_port}"


class Asked(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: Node

    def do_POST(self) -> None:
        """Answers."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, self.headers.get("Authorization")))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        answer = {"jsonrpc": "2.0", "id": asked["id"]}
        answer["result"] = self.server.answers[asked["method"]]
        body = json.dumps(answer).encode() if status == 200 else b"no"
        self.send_response(status)
        if status == 307:
            self.send_header("Location", self.server.elsewhere)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def serving() -> Iterator[Node]:
    """A node that answers until the block ends."""
    node = Node()
    thread = threading.Thread(target=node.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield node
    finally:
        node.shutdown()
        thread.join()
        node.server_close()


@pytest.fixture
def node() -> Iterator[Node]:
    """A node."""
    with serving() as found:
        yield found


def test_a_password_of_the_address_is_sent_each_time(node: Node) -> None:
    chain = Chain(f"http://name:secret@{node.address}/v1/key")
    assert chain.block(1) is None
    assert node.seen == [("/v1/key", "Basic bmFtZTpzZWNyZXQ=")] * 2
    assert "secret" not in chain.shown and "key" not in chain.shown


def test_proxies_of_the_environment_are_used(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://{node.address}")
    monkeypatch.setenv("no_proxy", "inside.invalid")
    chain = Chain("http://node.invalid/rpc")
    monkeypatch.delenv("http_proxy")
    # What was named when it was made stays: it is not looked up for every request.
    assert chain.block(1) is None
    assert [path for path, _ in node.seen] == ["http://node.invalid/rpc"] * 2
    monkeypatch.setenv("http_proxy", f"http://{node.address}")
    with pytest.raises(RpcUnavailable, match="no answer"):
        Chain("http://inside.invalid/")
    assert len(node.seen) == 2


def test_who_moved_for_a_while_is_followed(node: Node) -> None:
    with serving() as other:
        node.elsewhere, node.statuses = f"http://{other.address}/moved", [307] * 2
        assert Chain(f"http://{node.address}").chain_id == 31337
        assert [path for path, _ in other.seen] == ["/moved"]


def test_what_fails_is_asked_again_and_then_told(node: Node) -> None:
    node.statuses = [503, 502]
    chain = Chain(f"http://{node.address}")
    assert len(node.seen) == 3
    node.statuses = [503] * 3
    with pytest.raises(RpcUnavailable, match=r"no answer \(HTTPError\)"):
        chain.block(1)
    assert chain.block(1) is None


@pytest.mark.parametrize(
    "answer",
    [
        "0x1",
        17,
        [],
        {},
        {"number": "0x1", "hash": None, "parentHash": "0x00", "timestamp": "0x1"},
        {"number": "one", "hash": "0x00", "parentHash": "0x00", "timestamp": "0x1"},
        {"number": 1, "hash": "0x00", "parentHash": "0x00", "timestamp": "0x1"},
    ],
)
def test_a_block_that_is_none_is_refused_in_one_line(node: Node, answer: object) -> None:
    chain = Chain(f"http://{node.address}")
    node.answers["eth_getBlockByNumber"] = answer
    for ask in (chain.head, lambda: chain.block(1)):
        with pytest.raises(RpcRefused, match="unusable answer") as caught:
            ask()
        assert "\n" not in str(caught.value)


def test_a_chain_without_a_block_has_no_head(node: Node) -> None:
    chain = Chain(f"http://{node.address}")
    with pytest.raises(RpcRefused, match="it has no newest block"):
        chain.head()
