"""Jobs over HTTP: repeated requests, pages, priorities, what is known of progress."""

import sqlite3
from dataclasses import replace
from typing import Any

import httpx
import pytest

from avow.circuits.errors import CircuitError
from avow.prover.access import idempotency
from avow.prover.attempt import Outcome, attempt
from avow.prover.errors import (
    ConfigurationError,
    DatabaseUnavailable,
    QuotaReached,
    TryAgain,
)
from avow.prover.inference import infer
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.queue import Queue
from avow.prover.systems.system import Tick
from avow.verifier.errors import VerificationError
from tests.api.stall import BODY, work
from tests.api.test_bad_input import expect_problem
from tests.prover.tiny import Shop

pytestmark = pytest.mark.anyio


async def submit(caller: httpx.AsyncClient, key: str | None = None, **change: Any) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = await caller.post("/v1/jobs", json=BODY | change, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer


async def test_a_repeated_request_gets_the_first_answer(
    shop: Shop, caller: httpx.AsyncClient
) -> None:
    first = await submit(caller, "k-1")
    work(shop, first.json()["id"])
    again = await submit(caller, "k-1")
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert len(shop.queue.jobs()) == 1
    other = await submit(caller, "k-2")
    assert other.json()["id"] != first.json()["id"]


async def test_another_body_with_the_key_is_refused(shop: Shop, caller: httpx.AsyncClient) -> None:
    await submit(caller, "k-1")
    answer = await caller.post(
        "/v1/jobs", json=BODY | {"nonce": "9"}, headers={"Idempotency-Key": "k-1"}
    )
    expect_problem(answer, 422, "another request")
    assert len(shop.queue.jobs()) == 1


async def test_a_refused_request_leaves_its_key_free(caller: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k-1"}
    wrong = BODY | {"inputs": [{"integers": [1]}]}
    expect_problem(await caller.post("/v1/jobs", json=wrong, headers=headers), 422, "shape")
    await submit(caller, "k-1")


@pytest.mark.parametrize("key", ["", "two words", "\t", "x" * 256])
async def test_keys_that_are_none(caller: httpx.AsyncClient, key: str) -> None:
    answer = await caller.post("/v1/jobs", json=BODY, headers={"Idempotency-Key": key})
    expect_problem(answer, 422, "dempotency")


async def test_while_the_first_is_in_progress_the_second_is_told_so(
    shop: Shop, caller: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request died after its job was stored and before its answer was."""

    def dies(*args: object) -> None:
        raise sqlite3.OperationalError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("avow.api.idempotency.finish", dies)
        # Who dies gives nothing back.
        patch.setattr("avow.api.idempotency._give_back", lambda *_: None)
        with pytest.raises(sqlite3.OperationalError):
            await caller.post("/v1/jobs", json=BODY, headers={"Idempotency-Key": "k-1"})
    answer = await caller.post("/v1/jobs", json=BODY, headers={"Idempotency-Key": "k-1"})
    expect_problem(answer, 409, "in progress")
    assert answer.headers["retry-after"] == "1"
    # A minute later it is taken up, and finds the job that was stored.
    shop.clock.now += 61_000
    found = await submit(caller, "k-1")
    assert [job.id for job in shop.queue.jobs()] == [found.json()["id"]]
    assert (await submit(caller, "k-1")).content == found.content


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (PermissionError("artifacts"), 503),
        (ConfigurationError("AVOW_X: expected y"), 503),
        (CircuitError("a damaged artifact"), 422),
        (VerificationError("parse", "a damaged record"), 422),
        (DatabaseUnavailable("job database: away"), 503),
        (QuotaReached("too many", 7), 429),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("stored", [False, True])
async def test_after_a_failure_the_key_is_free_at_once(
    shop: Shop,
    caller: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    stored: bool,
) -> None:
    """Whether the job was stored before it or not: the repetition stores or finds it, once."""
    submits = Queue.submit

    def fails(*arguments: Any) -> Any:
        if stored:
            submits(*arguments)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Queue, "submit", fails)
        answer = await caller.post("/v1/jobs", json=BODY, headers={"Idempotency-Key": "k-1"})
    expect_problem(answer, status)
    found = await submit(caller, "k-1")
    assert [job.id for job in shop.queue.jobs()] == [found.json()["id"]]
    assert (await submit(caller, "k-1")).content == found.content


async def test_a_key_whose_answer_could_not_be_kept_finds_its_job(
    shop: Shop, caller: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise DatabaseUnavailable("job database: away")

    with monkeypatch.context() as patch:
        patch.setattr("avow.api.idempotency.finish", away)
        answer = await caller.post("/v1/jobs", json=BODY, headers={"Idempotency-Key": "k-1"})
    expect_problem(answer, 503)
    # The key is still that request's own: what it asked for may be under way.
    other = BODY | {"nonce": "9"}
    expect_problem(
        await caller.post("/v1/jobs", json=other, headers={"Idempotency-Key": "k-1"}), 422
    )
    found = await submit(caller, "k-1")
    assert [job.id for job in shop.queue.jobs()] == [found.json()["id"]]


async def test_a_key_counts_for_a_day(shop: Shop, caller: httpx.AsyncClient) -> None:
    first = await submit(caller, "k-1")
    shop.clock.now += 23 * 3600 * 1000
    assert (await submit(caller, "k-1")).json()["id"] == first.json()["id"]
    shop.clock.now += 2 * 3600 * 1000
    assert (await submit(caller, "k-1")).json()["id"] != first.json()["id"]


def test_one_key_from_many_threads_begins_once(shop: Shop) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from avow.prover.errors import KeyInUse

    def begin(_: int) -> object:
        try:
            return idempotency.begin(shop.database, "", "k", "0x00", shop.clock())
        except KeyInUse:
            return None

    with ThreadPoolExecutor(6) as pool:
        begun = list(pool.map(begin, range(6)))
    assert sum(isinstance(item, idempotency.Begun) for item in begun) == 1


async def test_pages_hold_every_job_once(shop: Shop, caller: httpx.AsyncClient) -> None:
    made = []
    for at in range(7):
        made.append((await submit(caller)).json()["id"])
        # Some jobs share a millisecond.
        shop.clock.now += at % 2
    seen: list[str] = []
    cursor: str | None = None
    sizes = []
    while True:
        query = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = (await caller.get("/v1/jobs", params=query)).json()
        sizes.append(len(page["jobs"]))
        seen += [job["id"] for job in page["jobs"]]
        cursor = page["next"]
        if cursor is None:
            break
        # What comes meanwhile moves nothing.
        shop.clock.now += 1
        await submit(caller)
    assert sizes == [3, 3, 1]
    assert sorted(seen) == sorted(made)
    created = [shop.queue.status(job).created_at for job in seen]
    assert created == sorted(created, reverse=True)


async def test_pages_by_state_and_model(shop: Shop, caller: httpx.AsyncClient) -> None:
    first = (await submit(caller)).json()["id"]
    second = (await submit(caller)).json()["id"]
    work(shop, first)

    async def ids(**query: Any) -> set[str]:
        answer = await caller.get("/v1/jobs", params=query)
        assert answer.status_code == 200, answer.text
        return {job["id"] for job in answer.json()["jobs"]}

    digest = shop.catalogue.compiled.model_digest
    assert await ids(state="proven") == {first}
    assert await ids(state=["proven", "queued"]) == {first, second}
    assert await ids(state="failed") == set()
    assert await ids(model="tiny") == await ids(model="tiny@1") == await ids(model=digest)
    assert await ids(model="tiny", state="queued") == {second}
    assert await ids(model="nobody") == set()
    assert await ids(model="0x" + "0" * 64) == set()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"state": "done"}, "state"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"cursor": "é"}, "cursor"),
        ({"cursor": "x" * 300}, "cursor"),
        ({"cursor": "MTcwMDAwMDAwMDAwMDowZjBm"}, "cursor"),
    ],
)
async def test_pages_that_are_none(
    caller: httpx.AsyncClient, query: dict[str, str], says: str
) -> None:
    expect_problem(await caller.get("/v1/jobs", params=query), 422, says)


async def test_priority_is_kept_and_bounded(caller: httpx.AsyncClient) -> None:
    assert (await submit(caller)).json()["priority"] == 5
    assert (await submit(caller, priority=9)).json()["priority"] == 9
    for wrong in (-1, 10, "5", True, 1.5, None):
        answer = await caller.post("/v1/jobs", json=BODY | {"priority": wrong})
        expect_problem(answer, 422, "priority")


async def test_progress_says_what_is_known(shop: Shop, caller: httpx.AsyncClient) -> None:
    """Without an earlier proof the time left is unknown, and so it is for work that is overdue."""
    seen: list[Any] = []

    def look(tick: Tick) -> None:
        tick("commit", None)
        seen.append(shop.queue.status(shop.queue.jobs()[0].id).to_json()["progress"])

    shop.system.on_prove = look
    work(shop, (await submit(caller)).json()["id"])
    assert seen[0] == {
        "task": "prove",
        "stage": "commit",
        "percent": None,
        "eta_seconds": None,
        "attempt": 1,
    }
    shop.clock.now += 1000
    with shop.database.write() as session:
        from avow.prover.tables import ProofRow

        for row in session.query(ProofRow):
            row.seconds = 1000.0
    second = (await submit(caller)).json()["id"]
    work(shop, second)
    assert seen[1]["percent"] == 0 and 990 <= seen[1]["eta_seconds"] <= 1000
    shop.clock.now += 1000
    with shop.database.write() as session:
        for row in session.query(ProofRow):
            row.seconds = 1e-9
    work(shop, (await submit(caller)).json()["id"])
    assert (seen[2]["percent"], seen[2]["eta_seconds"]) == (99, None)


async def test_a_full_queue_says_when_to_come_again(shop: Shop, caller: httpx.AsyncClient) -> None:
    done = (await submit(caller)).json()["id"]
    work(shop, done)
    shop.config = replace(shop.config, max_open_jobs=1)
    from avow.api.app import create_app
    from tests.api.stall import services_of

    transport = httpx.ASGITransport(app=create_app(services_of(shop)))
    async with httpx.AsyncClient(transport=transport, base_url="http://avow") as client:
        waiting = await client.post("/v1/jobs", json=BODY)
        assert waiting.status_code == 202
        refused = await client.post("/v1/jobs", json=BODY, headers={"Idempotency-Key": "k"})
        expect_problem(refused, 503, "the queue is full: 1 jobs wait")
        # One proof in the last ten minutes.
        assert refused.headers["retry-after"] == "600"
        shop.clock.now += 600_001
        refused = await client.post("/v1/jobs", json=BODY)
        assert refused.headers["retry-after"] == "30"
        await client.post(f"/v1/jobs/{waiting.json()['id']}/cancel")
        taken = await client.post("/v1/jobs", json=BODY, headers={"Idempotency-Key": "k"})
        assert taken.status_code == 202
    assert attempt(shop.bench(), taken.json()["id"], 0, Task.INFER, infer) is Outcome.DONE
    assert attempt(shop.bench(), taken.json()["id"], 0, Task.PROVE, prove) is Outcome.DONE


async def test_an_operator_sees_and_retries_what_was_given_up(
    shop: Shop, caller: httpx.AsyncClient
) -> None:
    def fails(tick: Tick) -> None:
        raise TryAgain("no luck")

    shop.system.on_answer = fails
    job = (await submit(caller)).json()["id"]
    expect_problem(await caller.post(f"/v1/jobs/{job}/retry"), 409, "only a failed job")
    for _ in range(3):
        attempt(shop.bench(), job, 0, Task.INFER, infer)
        shop.clock.now += 100_000
    (letter,) = (await caller.get("/v1/dead-letters")).json()["dead_letters"]
    assert (letter["job_id"], letter["attempts"], letter["task"]) == (job, 3, "infer")
    assert "no luck" in letter["reason"]
    shop.system.on_answer = lambda tick: None
    again = await caller.post(f"/v1/jobs/{job}/retry")
    assert (again.status_code, again.json()["state"]) == (200, "queued")
    assert (await caller.get("/v1/dead-letters")).json() == {"dead_letters": []}
    work(shop, job)
    expect_problem(await caller.post("/v1/jobs/" + "0" * 32 + "/retry"), 404)
