"""One POST straight into an ASGI application, counting what it takes from the sender."""

from collections.abc import MutableMapping, Sequence
from typing import Any

from fastapi import FastAPI


async def post(app: FastAPI, path: str, chunks: Sequence[bytes]) -> tuple[int, bytes, int]:
    """Status, body, and how many bytes of `chunks` the application asked for."""
    taken = at = 0
    status = 0
    body = b""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json"), (b"host", b"avow")],
        "client": ("127.0.0.1", 1),
        "server": ("avow", 80),
    }

    async def receive() -> MutableMapping[str, Any]:
        nonlocal taken, at
        if at >= len(chunks):
            return {"type": "http.disconnect"}
        chunk = chunks[at]
        at += 1
        taken += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": at < len(chunks)}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status, body
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            body += message.get("body", b"")

    await app(scope, receive, send)
    return status, body, taken
