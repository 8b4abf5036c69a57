"""Webhooks over HTTP: registered for one job or for all, shown to their owner alone."""

import json
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import select
from standardwebhooks.webhooks import Webhook as Checker

from avow.api import idempotency
from avow.api.app import create_app
from avow.prover.access.keys import Scope, create
from avow.prover.errors import DatabaseUnavailable
from avow.prover.queue import now_ms
from avow.prover.webhooks.courier import Courier
from avow.prover.webhooks.tables import WebhookRow
from tests.api.stall import BODY, services_of, work
from tests.api.test_bad_input import expect_problem
from tests.prover.tiny import Shop
from tests.prover.webhooks.receiver import Receiver

pytestmark = pytest.mark.anyio

HOOK = {"url": "https://example.com/avow", "events": ["job.proven"]}


async def test_a_webhook_for_all_jobs(shop: Shop, caller: httpx.AsyncClient) -> None:
    made = await caller.post("/v1/webhooks", json=HOOK)
    assert made.status_code == 201
    hook = made.json()
    assert hook["secret"].startswith("whsec_")
    path = made.headers["location"]
    assert path == f"/v1/webhooks/{hook['id']}"
    shown = (await caller.get(path)).json()
    assert shown == {name: hook[name] for name in hook if name != "secret"}
    assert (await caller.get("/v1/webhooks")).json() == {"webhooks": [shown]}
    work(shop, (await caller.post("/v1/jobs", json=BODY)).json()["id"])
    (delivery,) = (await caller.get(f"{path}/deliveries")).json()["deliveries"]
    assert (delivery["event"], delivery["state"]) == ("job.proven", "pending")
    again = await caller.post(f"{path}/deliveries/{delivery['id']}/retry")
    assert (again.status_code, again.json()["attempts"]) == (200, 0)
    assert (await caller.delete(path)).status_code == 204
    assert (await caller.get("/v1/webhooks")).json() == {"webhooks": []}
    assert (await caller.get(path)).json()["disabled_at"] is not None
    expect_problem(await caller.post(f"{path}/deliveries/msg_{'0' * 32}/retry"), 404)


async def test_a_webhook_for_one_job_arrives(shop: Shop) -> None:
    shop.clock.now = now_ms()
    config = replace(shop.config, webhooks_private=True)
    transport = httpx.ASGITransport(app=create_app(services_of(shop, config)))
    async with httpx.AsyncClient(transport=transport, base_url="http://avow") as client:
        with Receiver() as receiver:
            body = BODY | {"webhook": {"url": receiver.url}, "client_key": "once"}
            job = (await client.post("/v1/jobs", json=body)).json()
            # The same request again is the same job, whose secret was shown.
            again = (await client.post("/v1/jobs", json=body)).json()
            assert again["id"] == job["id"] and "webhook" not in again
            work(shop, job["id"])
            courier = Courier(shop.database, shop.clock, allow_private=True)
            while await courier.once():
                pass
    checker = Checker(job["webhook"]["secret"])
    values = [checker.verify(item.body, item.headers) for item in receiver.received]
    assert {value["type"] for value in values} == {"job.answered", "job.proven"}
    assert {value["data"]["job_id"] for value in values} == {job["id"]}


async def test_the_replay_of_a_request_has_the_secret(caller: httpx.AsyncClient) -> None:
    body, headers = BODY | {"webhook": HOOK}, {"Idempotency-Key": "k"}
    first = await caller.post("/v1/jobs", json=body, headers=headers)
    again = await caller.post("/v1/jobs", json=body, headers=headers)
    assert again.content == first.content
    assert json.loads(first.content)["webhook"]["secret"].startswith("whsec_")
    assert len((await caller.get("/v1/webhooks")).json()["webhooks"]) == 1


async def test_who_repeats_a_request_whose_server_died_gets_the_secret(
    shop: Shop, caller: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job and its webhook were stored, the answer was not: nobody knows the secret yet."""

    def dying(*_given: object) -> None:
        raise DatabaseUnavailable("job database: gone")

    body, headers = BODY | {"webhook": HOOK}, {"Idempotency-Key": "k"}
    with monkeypatch.context() as patch:
        patch.setattr(idempotency, "finish", dying)
        expect_problem(await caller.post("/v1/jobs", json=body, headers=headers), 503)
    shop.clock.now += 60_001
    again = (await caller.post("/v1/jobs", json=body, headers=headers)).json()
    with shop.database.read() as session:
        (stored,) = session.scalars(select(WebhookRow)).all()
        assert (stored.job_id, stored.secret) == (again["id"], again["webhook"]["secret"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"url": "http://example.com/"}, "https"),
        ({"url": "https://127.0.0.1/"}, "no public address"),
        ({"url": "https://[::1]/"}, "no public address"),
        ({"url": "nonsense"}, "url"),
        ({"url": ""}, "url"),
        ({"url": 7}, "url"),
        ({"url": "https://example.com/" + "x" * 3000}, "url"),
        ({"events": []}, "events"),
        ({"events": ["job.queued"]}, "events"),
        ({"events": "job.proven"}, "events"),
        ({"secret": "whsec_QUJD"}, "secret"),
    ],
)
async def test_webhooks_that_are_none(
    caller: httpx.AsyncClient, change: dict[str, object], says: str
) -> None:
    expect_problem(await caller.post("/v1/webhooks", json=HOOK | change), 422, says)
    body = BODY | {"webhook": HOOK | change}
    expect_problem(await caller.post("/v1/jobs", json=body), 422, says)
    assert (await caller.get("/v1/jobs")).json()["jobs"] == []


@pytest.mark.parametrize("path", ["x", "0" * 31, "%00", "0" * 32])
async def test_webhooks_that_are_not_there(caller: httpx.AsyncClient, path: str) -> None:
    for answer in (
        await caller.get(f"/v1/webhooks/{path}"),
        await caller.delete(f"/v1/webhooks/{path}"),
        await caller.get(f"/v1/webhooks/{path}/deliveries"),
        await caller.post(f"/v1/webhooks/{path}/deliveries/msg_{'0' * 32}/retry"),
    ):
        expect_problem(answer, 404 if path == "0" * 32 else 422)


async def test_one_owner_does_not_see_anothers(shop: Shop) -> None:
    transport = httpx.ASGITransport(app=create_app(services_of(shop), reachable=True))
    async with httpx.AsyncClient(transport=transport, base_url="http://avow") as client:
        ann, bob = (
            {"Authorization": f"Bearer {create(shop.database, name, [Scope.SUBMIT], 1)[1]}"}
            for name in ("ann", "bob")
        )
        path = (await client.post("/v1/webhooks", json=HOOK, headers=ann)).headers["location"]
        assert (await client.get(path, headers=ann)).status_code == 200
        expect_problem(await client.get(path, headers=bob), 404)
        expect_problem(await client.delete(path, headers=bob), 404)
        expect_problem(await client.get(f"{path}/deliveries", headers=bob), 404)
        assert (await client.get("/v1/webhooks", headers=bob)).json() == {"webhooks": []}
