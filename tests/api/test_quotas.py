"""What one API key may have at the same time, and how urgent: its own, or the usual."""

import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI

from avow.api import events
from avow.api.app import create_app
from avow.prover.access.keys import Scope, create
from avow.prover.config import ApiLimits
from avow.prover.errors import QuotaReached
from avow.verifier.lifecycle import JobState
from tests.api.stall import BODY, services_of, work
from tests.api.test_bad_input import expect_problem
from tests.prover.tiny import Shop, request

pytestmark = pytest.mark.anyio

LIMITS = ApiLimits(jobs=3, streams=2, priority=5)
INFER = {"inputs": [{"name": "x", "datatype": "INT16", "shape": [4], "data": [1, 2, 3, 4]}]}


@pytest.fixture
def guarded(shop: Shop) -> FastAPI:
    """The application where other machines reach it, with low limits."""
    return create_app(services_of(shop, replace(shop.config, api=LIMITS)), reachable=True)


@pytest.fixture
async def outside(guarded: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    transport = httpx.ASGITransport(app=guarded)
    async with httpx.AsyncClient(transport=transport, base_url="http://avow") as made:
        yield made


def bearer(shop: Shop, *scopes: Scope, **own: int) -> dict[str, str]:
    """The header with a new key."""
    _, token = create(shop.database, "test", scopes or [Scope.READ, Scope.SUBMIT], 1, **own)
    return {"Authorization": f"Bearer {token}"}


async def test_a_key_has_only_so_many_unfinished_jobs(
    shop: Shop, outside: httpx.AsyncClient
) -> None:
    ann, bob = bearer(shop), bearer(shop)
    made = [await outside.post("/v1/jobs", json=BODY, headers=ann) for _ in range(3)]
    assert [answer.status_code for answer in made] == [202] * 3
    keyed = ann | {"Idempotency-Key": "k"}
    refused = await outside.post("/v1/jobs", json=BODY, headers=keyed)
    expect_problem(refused, 429, "3 jobs of this API key are unfinished, at most 3 may be")
    assert int(refused.headers["retry-after"]) >= 1
    infer = await outside.post("/v2/models/tiny/infer", json=INFER, headers=ann)
    assert infer.status_code == 429 and "jobs of this API key" in infer.json()["error"]
    assert len(shop.queue.jobs()) == 3
    # Others are not held up, and finished jobs do not count.
    assert (await outside.post("/v1/jobs", json=BODY, headers=bob)).status_code == 202
    work(shop, made[0].json()["id"])
    assert (await outside.post("/v1/jobs", json=BODY, headers=keyed)).status_code == 202
    cancel = f"/v1/jobs/{made[1].json()['id']}/cancel"
    assert (await outside.post(cancel, headers=ann)).status_code == 200
    assert (await outside.post("/v1/jobs", json=BODY, headers=ann)).status_code == 202
    expect_problem(await outside.post("/v1/jobs", json=BODY, headers=ann), 429)


async def test_a_repeated_request_is_no_new_job(shop: Shop, outside: httpx.AsyncClient) -> None:
    ann = bearer(shop, Scope.SUBMIT, jobs=1)
    body = BODY | {"client_key": "c"}
    first = await outside.post("/v1/jobs", json=body, headers=ann)
    again = await outside.post("/v1/jobs", json=body, headers=ann)
    assert (first.status_code, again.json()["id"]) == (202, first.json()["id"])


def test_requests_at_once_are_counted_one_after_the_other(shop: Shop) -> None:
    key, _ = create(shop.database, "test", [Scope.SUBMIT], 1)
    asked = replace(request(), owner=key.id)
    refused: list[Exception] = []

    def submit() -> None:
        try:
            shop.queue.submit(asked, most_open=4)
        except QuotaReached as error:
            refused.append(error)

    threads = [threading.Thread(target=submit) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 6 and len(shop.queue.jobs([JobState.QUEUED])) == 4


async def test_a_key_goes_before_others_only_as_far_as_it_may(
    shop: Shop, outside: httpx.AsyncClient
) -> None:
    usual, own, low = bearer(shop), bearer(shop, priority=8), bearer(shop, priority=2)
    for headers, most in ((usual, 5), (own, 8), (low, 2)):
        urgent = BODY | {"priority": most + 1}
        answer = await outside.post("/v1/jobs", json=urgent, headers=headers)
        expect_problem(answer, 403, f"priority: this API key may ask for at most {most}")
        ask: dict[str, Any] = INFER | {"parameters": {"priority": most + 1, "wait": 0}}
        answer = await outside.post("/v2/models/tiny/infer", json=ask, headers=headers)
        assert answer.status_code == 403 and "priority" in answer.json()["error"]
        answer = await outside.post("/v1/jobs", json=BODY | {"priority": most}, headers=headers)
        assert answer.status_code == 202
    # Who said nothing is not refused for the middle that it did not ask for.
    answer = await outside.post("/v1/jobs", json=BODY, headers=low)
    assert (answer.status_code, answer.json()["priority"]) == (202, 2)
    operator = bearer(shop, Scope.ADMIN)
    answer = await outside.post("/v1/jobs", json=BODY | {"priority": 9}, headers=operator)
    assert answer.status_code == 202


async def test_a_key_follows_only_so_many_jobs_at_once(
    shop: Shop,
    guarded: FastAPI,
    outside: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "POLL_SECONDS", 0.005)
    ann, bob = bearer(shop), bearer(shop)
    streams = guarded.state.services.streams
    made = {}
    for name, headers in (("ann", ann), ("bob", bob)):
        made[name] = (await outside.post("/v1/jobs", json=BODY, headers=headers)).json()["id"]
    path = f"/v1/jobs/{made['ann']}/events"
    told: list[int] = []

    async def follow(path: str, headers: dict[str, str]) -> None:
        told.append((await outside.get(path, headers=headers)).status_code)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(follow, path, ann)
            while streams.open < 2:
                await anyio.sleep(0.005)
            refused = await outside.get(path, headers=ann)
            expect_problem(refused, 429, "follows 2 jobs already")
            assert refused.headers["retry-after"] == "10"
            # Who may not wait gets the job at once; somebody else may follow.
            infer = await outside.post("/v2/models/tiny/infer", json=INFER, headers=ann)
            assert infer.status_code == 202
            group.start_soon(follow, f"/v1/jobs/{made['bob']}/events", bob)
            while streams.open < 3:
                await anyio.sleep(0.005)
            for job in made.values():
                await anyio.to_thread.run_sync(work, shop, job)
    assert told == [200] * 3 and streams.open == 0
    assert not streams.full("ann", 2)
