"""Reading a stream of server-sent events, as the HTML standard defines them, within bounds."""

from collections.abc import Iterator
from dataclasses import dataclass

from avow.api.client.errors import Misbehaved

MEDIA_TYPE = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `last_id` is what resumes the stream after it, empty where none was given."""

    kind: str
    data: str
    last_id: str


class Parser:
    """Feeds bytes in, gives whole events out; an event may have `limit` bytes."""

    def __init__(self, limit: int, last_id: str = "") -> None:
        self._limit = limit
        self._rest = b""
        self._data: list[str] = []
        self._size = 0
        self._kind = ""
        self._last_id = last_id

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that end in this chunk; raises Misbehaved for one beyond the limit."""
        self._rest += chunk
        if len(self._rest) > self._limit + len(chunk):
            raise self._too_large()
        # A CR at the end may be half of a CRLF.
        whole = self._rest[:-1] if self._rest.endswith(b"\r") else self._rest
        lines = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + self._rest[len(whole) :]
        for line in lines:
            event = self._line(line.decode("utf-8", errors="replace"))
            if event is not None:
                yield event

    def _line(self, line: str) -> Event | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._size += len(value) + 1
            if self._size > self._limit:
                raise self._too_large()
            self._data.append(value)
        elif name == "event":
            self._kind = value[:100]
        elif name == "id" and "\0" not in value and value.isprintable() and len(value) <= 100:
            # It goes back to the server in a header.
            self._last_id = value if value.isascii() else self._last_id
        return None

    def _dispatch(self) -> Event | None:
        data, kind = "\n".join(self._data), self._kind or "message"
        found = bool(self._data)
        self._data, self._kind, self._size = [], "", 0
        return Event(kind, data, self._last_id) if found else None

    def _too_large(self) -> Misbehaved:
        return Misbehaved(f"events: expected at most {self._limit} bytes in one, got more")
