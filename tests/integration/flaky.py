"""A proxy before a chain's RPC that fails in every way that a node has to live with."""

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

FAULTS = ("refused", "bad gateway", "garbage", "json-rpc error", "answer lost", "null")


class FlakyProxy:
    """Forwards JSON-RPC to `target`; with probability `rate` something goes wrong instead."""

    def __init__(self, target: str, rate: float, seed: int) -> None:
        self.target = target
        self.rate = rate
        self.random = random.Random(seed)
        self.faults: Counter[str] = Counter()
        self.url = ""
        self.client = httpx.Client(timeout=30)
        self._lock = threading.Lock()

    def choose(self) -> str | None:
        """What goes wrong with this request."""
        with self._lock:
            if self.random.random() >= self.rate:
                return None
            fault = self.random.choice(FAULTS)
            self.faults[fault] += 1
            return fault

    def answer(self, body: bytes) -> tuple[int, bytes] | None:
        """Status and body, or None to hang up."""
        fault = self.choose()
        number = json.loads(body).get("id")
        if fault == "refused":
            return None
        if fault == "bad gateway":
            return 502, b"<html>bad gateway</html>"
        if fault == "garbage":
            return 200, b'{"jsonrpc":"2.0","id":'
        if fault == "json-rpc error":
            error = {"code": -32005, "message": "limit exceeded"}
            return 200, json.dumps({"jsonrpc": "2.0", "id": number, "error": error}).encode()
        if fault == "null":
            return 200, json.dumps({"jsonrpc": "2.0", "id": number, "result": None}).encode()
        headers = {"Content-Type": "application/json"}
        done = self.client.post(self.target, content=body, headers=headers)
        return None if fault == "answer lost" else (done.status_code, done.content)


@contextmanager
def flaky(
    target: str, rate: float, seed: int, kind: type[FlakyProxy] = FlakyProxy
) -> Iterator[FlakyProxy]:
    """Runs the proxy on a free port of 127.0.0.1."""
    proxy = kind(target, rate, seed)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = proxy.answer(body)
            if answer is None:
                self.close_connection = True
                return
            status, content = answer
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing: a test's output is for failures."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        proxy.client.close()
