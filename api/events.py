"""A job's history as server-sent events, which a client can leave and resume at any point."""

import json
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import anyio
from anyio import to_thread
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from avow.api.problems import Problem
from avow.prover.errors import DatabaseUnavailable
from avow.prover.following import News
from avow.prover.job import Progress

MEDIA_TYPE = "text/event-stream"
POLL_SECONDS = 0.5
HEARTBEAT_SECONDS = 15.0
# What a browser waits before it comes again.
_RETRY_MS = 2000
_AT_ONCE = 100
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

# The news of one job after the event of an id.
Look = Callable[[int], News]


class Streams:
    """The open streams of one process: `open` of them now, at most a fixed number.

    Where a caller may have only so many, they are counted by its `owner`.
    """

    def __init__(self, most: int = _AT_ONCE) -> None:
        self._stopping = threading.Event()
        self._most = most
        self._owners: Counter[str] = Counter()
        self.open = 0

    def full(self, owner: str = "", most: int | None = None) -> bool:
        """Whether nobody more may wait here, or nobody more of an owner with at most so many."""
        return self.open >= self._most or self._has(owner, most)

    def stop(self) -> None:
        """Ends every stream soon; their clients come back to whoever serves then."""
        self._stopping.set()

    def respond(
        self, look: Look, first: News, after: int, owner: str = "", most: int | None = None
    ) -> StreamingResponse:
        """A response that tells `first` and then whatever follows, until the job's end.

        When it is sent it takes a place, or is refused as `place` says.
        """
        told = self._tell(look, first, after)
        return _Stream(self.place(owner, most), told, media_type=MEDIA_TYPE, headers=_HEADERS)

    @contextmanager
    def place(self, owner: str = "", most: int | None = None) -> Iterator[None]:
        """Counts somebody who waits; refuses with 503 when too many do, 429 when too many of an
        owner do."""
        self._check_room(owner, most)
        self.open += 1
        self._owners[owner] += 1
        try:
            yield
        finally:
            self.open -= 1
            self._owners[owner] -= 1
            if not self._owners[owner]:
                del self._owners[owner]

    def _has(self, owner: str, most: int | None) -> bool:
        return most is not None and self._owners[owner] >= most

    def _check_room(self, owner: str, most: int | None) -> None:
        if self._has(owner, most):
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"this API key follows {most} jobs already; ask for the job itself instead",
                {"Retry-After": "10"},
            )
        if self.full():
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{self._most} clients follow jobs already; ask for the job itself instead",
                {"Retry-After": "10"},
            )

    async def _tell(self, look: Look, news: News | None, after: int) -> AsyncIterator[bytes]:
        told = _Told(after)
        yield f"retry: {_RETRY_MS}\n\n".encode()
        silent = 0.0
        while True:
            text = told.new(news) if news is not None else b""
            if not text and silent >= HEARTBEAT_SECONDS:
                text = b": still there\n\n"
            if text:
                silent = 0.0
                yield text
            if (news is not None and news.final) or self._stopping.is_set():
                return
            await anyio.sleep(POLL_SECONDS)
            silent += POLL_SECONDS
            try:
                news = await to_thread.run_sync(look, told.after)
            except DatabaseUnavailable:
                # It may come back; nothing is skipped, since the position stays.
                news = None


class _Stream(StreamingResponse):
    """A stream that has its place while it is told: one that is never sent has none."""

    def __init__(
        self,
        place: AbstractContextManager[None],
        content: AsyncIterator[bytes],
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(content, media_type=media_type, headers=headers)
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._place:
            await super().__call__(scope, receive, send)


@dataclass(slots=True)
class _Told:
    """How far a client has been told."""

    after: int
    progress: Progress | None = None

    def new(self, news: News) -> bytes:
        """The events that the client does not know yet."""
        parts = []
        for event in news.events:
            value = {name: getattr(event, name) for name in event.__slots__}
            parts.append(f"id: {event.id}\nevent: state\n{_data(value)}")
            self.after = event.id
        if news.progress is not None and news.progress != self.progress:
            parts.append(f"event: progress\n{_data(news.progress.to_json())}")
        self.progress = news.progress
        return "".join(parts).encode()


def _data(value: dict[str, Any]) -> str:
    # JSON on one line, so that one data field holds it.
    return f"data: {json.dumps(value, separators=(',', ':'))}\n\n"
