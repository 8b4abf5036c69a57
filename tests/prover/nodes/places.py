"""A place of inputs on this machine: it gives, gives wrong, or keeps whoever asks waiting."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Place:
    """What it gives by path; at any other it sends a byte, and the next when it is let go."""

    def __init__(self) -> None:
        self.gives: dict[str, bytes] = {}
        self.asked: Counter[str] = Counter()
        self.letting_go = threading.Event()
        self._changed = threading.Condition()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """The address of a path."""
        return f"http://{host}:{self._port}{path}"

    def wait_for(self, path: str, times: int = 1) -> None:
        """Until a path was asked for so often."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.asked[path] >= times, 60)

    def open(self) -> None:
        """Begins to answer."""
        place = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with place._changed:
                    place.asked[self.path] += 1
                    place._changed.notify_all()
                self.send_response(200)
                self.end_headers()
                if self.path in place.gives:
                    self.wfile.write(place.gives[self.path])
                    return
                self.wfile.write(b"x")
                place.letting_go.wait(60)

            def log_message(self, format: str, *arguments: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """It is gone; whoever waits is let go."""
        self.letting_go.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextmanager
def open_place() -> Iterator[Place]:
    """A place that answers."""
    place = Place()
    place.open()
    try:
        yield place
    finally:
        place.close()
