"""Following a job: nothing lost, nothing told twice, nothing left behind."""

import json
import threading
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI

from avow.api import events
from avow.prover.errors import DatabaseUnavailable
from tests.api.stall import BODY, work
from tests.api.test_bad_input import expect_problem
from tests.prover.tiny import Shop, request

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look every few milliseconds instead of twice a second."""
    monkeypatch.setattr(events, "POLL_SECONDS", 0.005)


@dataclass
class Told:
    """One event out of a stream."""

    kind: str = ""
    id: str = ""
    data: Any = None


def read(text: str) -> list[Told]:
    """The events of a stream, comments and pauses left out."""
    found = []
    for block in text.split("\n\n"):
        told = Told()
        for line in block.splitlines():
            name, _, value = line.partition(": ")
            if name == "event":
                told.kind = value
            elif name == "id":
                told.id = value
            elif name == "data":
                told.data = json.loads(value)
        if told.kind:
            found.append(told)
    return found


@dataclass
class Listener:
    """A client of one stream, straight at the application: it can leave when it likes."""

    app: FastAPI
    path: str
    last: str | None = None
    status: int = 0
    text: str = ""
    leave: anyio.Event = field(default_factory=anyio.Event)
    changed: anyio.Event = field(default_factory=anyio.Event)

    async def run(self) -> None:
        headers = [(b"host", b"avow")]
        if self.last is not None:
            headers.append((b"last-event-id", self.last.encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("avow", 80),
        }
        first = True

        async def receive() -> MutableMapping[str, Any]:
            nonlocal first
            if first:
                first = False
                return {"type": "http.request", "body": b"", "more_body": False}
            await self.leave.wait()
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
            else:
                self.text += message.get("body", b"").decode()
            self.changed.set()
            self.changed = anyio.Event()

        await self.app(scope, receive, send)

    async def until(self, found: str) -> None:
        """Wait until the stream holds a text."""
        with anyio.fail_after(60):
            while found not in self.text:
                await self.changed.wait()


async def test_a_stream_tells_the_whole_history_and_ends(
    shop: Shop, caller: httpx.AsyncClient
) -> None:
    job = shop.queue.submit(request())
    work(shop, job.id)
    answer = await caller.get(f"/v1/jobs/{job.id}/events")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    told = read(answer.text)
    assert [item.data["to_state"] for item in told] == [
        "queued",
        "running",
        "answered",
        "proving",
        "proven",
    ]
    ids = [int(item.id) for item in told]
    assert ids == sorted(set(ids))
    again = await caller.get(f"/v1/jobs/{job.id}/events", headers={"Last-Event-ID": told[-1].id})
    assert (again.status_code, again.content) == (204, b"")


async def test_wherever_a_client_left_the_rest_follows(
    shop: Shop, caller: httpx.AsyncClient
) -> None:
    job = shop.queue.submit(request())
    work(shop, job.id)
    everything = read((await caller.get(f"/v1/jobs/{job.id}/events")).text)
    for at, item in enumerate(everything[:-1]):
        rest = await caller.get(f"/v1/jobs/{job.id}/events", headers={"Last-Event-ID": item.id})
        assert read(rest.text) == everything[at + 1 :]


async def test_clients_that_come_and_go_miss_nothing(shop: Shop, stall: FastAPI) -> None:
    """While the job moves on, one client leaves after every event and comes back."""
    job = shop.queue.submit(request())
    path = f"/v1/jobs/{job.id}/events"
    seen: list[Told] = []
    worker = threading.Thread(target=work, args=(shop, job.id))
    worker.start()
    try:
        with anyio.fail_after(60):
            while not seen or seen[-1].data["to_state"] != "proven":
                listener = Listener(stall, path, seen[-1].id if seen else None)
                async with anyio.create_task_group() as group:
                    group.start_soon(listener.run)
                    await listener.until("event: state")
                    listener.leave.set()
                seen += [item for item in read(listener.text) if item.kind == "state"]
    finally:
        worker.join(60)
    ids = [int(item.id) for item in seen]
    assert ids == [event.id for event in shop.queue.news(job.id).events]


async def test_a_client_that_leaves_leaves_nothing_behind(shop: Shop, stall: FastAPI) -> None:
    job = shop.queue.submit(request())
    streams = stall.state.services.streams
    before = threading.active_count()
    listeners = [Listener(stall, f"/v1/jobs/{job.id}/events") for _ in range(20)]
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            for listener in listeners:
                group.start_soon(listener.run)
            for listener in listeners:
                await listener.until('"to_state":"queued"')
            assert streams.open == 20
            for listener in listeners:
                listener.leave.set()
    assert streams.open == 0
    assert threading.active_count() <= before + 20
    assert shop.database.engine.pool.checkedout() == 0


async def test_a_quiet_stream_beats(
    shop: Shop, stall: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.02)
    job = shop.queue.submit(request())
    listener = Listener(stall, f"/v1/jobs/{job.id}/events")
    async with anyio.create_task_group() as group:
        group.start_soon(listener.run)
        await listener.until(": still there")
        listener.leave.set()
    assert len(read(listener.text)) == 1


async def test_progress_has_no_id(shop: Shop, stall: FastAPI) -> None:
    shop.system.on_prove = lambda tick: [tick("commit", None), gate.wait(60)]
    gate = threading.Event()
    job = shop.queue.submit(request())
    listener = Listener(stall, f"/v1/jobs/{job.id}/events")
    worker = threading.Thread(target=work, args=(shop, job.id))
    worker.start()
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(listener.run)
            await listener.until('"stage":"commit"')
            gate.set()
    finally:
        worker.join(60)
    told = read(listener.text)
    assert all(bool(item.id) is (item.kind == "state") for item in told)
    assert told[-1].data["to_state"] == "proven"


async def test_an_absent_database_pauses_a_stream(
    shop: Shop, stall: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = shop.queue.submit(request())
    queue = stall.state.services.queue
    news = type(queue).news
    calls = 0

    def flaky(self: Any, job_id: str, after: int = 0) -> Any:
        nonlocal calls
        calls += 1
        if 1 < calls < 10:
            raise DatabaseUnavailable("job database: away")
        return news(self, job_id, after)

    monkeypatch.setattr(type(queue), "news", flaky)
    listener = Listener(stall, f"/v1/jobs/{job.id}/events")
    async with anyio.create_task_group() as group:
        group.start_soon(listener.run)
        await listener.until('"to_state":"queued"')
        await anyio.to_thread.run_sync(work, shop, job.id)
        await listener.until('"to_state":"proven"')
    ids = [item.id for item in read(listener.text) if item.kind == "state"]
    assert len(ids) == len(set(ids)) == 5


async def test_streams_end_when_the_server_stops(shop: Shop, stall: FastAPI) -> None:
    job = shop.queue.submit(request())
    listener = Listener(stall, f"/v1/jobs/{job.id}/events")
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(listener.run)
            await listener.until('"to_state":"queued"')
            stall.state.services.streams.stop()
    assert stall.state.services.streams.open == 0


async def test_only_so_many_follow_at_once(
    shop: Shop, stall: FastAPI, caller: httpx.AsyncClient
) -> None:
    stall.state.services.streams.open = 100
    job = (await caller.post("/v1/jobs", json=BODY)).json()
    answer = await caller.get(f"/v1/jobs/{job['id']}/events")
    expect_problem(answer, 503, "follow jobs already")
    assert answer.headers["retry-after"]


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 19, " "])
async def test_ids_of_no_event(shop: Shop, caller: httpx.AsyncClient, last: str) -> None:
    job = shop.queue.submit(request())
    answer = await caller.get(f"/v1/jobs/{job.id}/events", headers={"Last-Event-ID": last})
    expect_problem(answer, 400, "Last-Event-ID")


async def test_a_job_that_is_none(caller: httpx.AsyncClient) -> None:
    expect_problem(await caller.get("/v1/jobs/" + "0" * 32 + "/events"), 404)
    expect_problem(await caller.get("/v1/jobs/%00/events"), 404)
