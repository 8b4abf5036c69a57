"""Who may ask: keys and scopes, whose jobs are shown, and how often."""

import base64
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from avow.api.app import create_app
from avow.prover.access.keys import Scope, create, revoke
from tests.api.stall import BODY, services_of, work
from tests.api.test_bad_input import expect_problem
from tests.prover.tiny import Shop

pytestmark = pytest.mark.anyio


@pytest.fixture
def guarded(shop: Shop) -> FastAPI:
    """The application where other machines reach it."""
    return create_app(services_of(shop), reachable=True)


@pytest.fixture
async def outside(guarded: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    transport = httpx.ASGITransport(app=guarded)
    async with httpx.AsyncClient(transport=transport, base_url="http://avow") as made:
        yield made


def bearer(shop: Shop, *scopes: Scope, per_minute: int | None = None) -> dict[str, str]:
    """The header with a new key."""
    _, token = create(shop.database, "test", scopes, 1, per_minute=per_minute)
    return {"Authorization": f"Bearer {token}"}


async def test_without_a_key_nothing_but_health(outside: httpx.AsyncClient) -> None:
    for path in ("/v1/jobs", "/v1/models", "/v1/bundles/0x00", "/metrics", "/nowhere"):
        answer = await outside.get(path)
        expect_problem(answer, 401, "API key is required")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for path in ("/v1/jobs", "/v1/verify"):
        expect_problem(await outside.post(path, json=BODY), 401)
    for path in ("/healthz", "/readyz", "/openapi.json"):
        assert (await outside.get(path)).status_code == 200


@pytest.mark.parametrize(
    "given", ["Bearer", "Bearer x", "Basic x", "Basic eDp5", "avow_x", "Digest a=b", "\xff"]
)
async def test_what_is_no_key_opens_nothing(outside: httpx.AsyncClient, given: str) -> None:
    answer = await outside.get("/v1/jobs", headers={"Authorization": given.encode("latin-1")})
    expect_problem(answer, 401)


async def test_each_scope_opens_its_own(shop: Shop, outside: httpx.AsyncClient) -> None:
    read = bearer(shop, Scope.READ)
    send = bearer(shop, Scope.SUBMIT)
    verify = bearer(shop, Scope.VERIFY)
    assert (await outside.get("/v1/models", headers=read)).status_code == 200
    answer = await outside.post("/v1/jobs", json=BODY, headers=read)
    expect_problem(answer, 403, "lacks the scope 'submit'")
    assert "insufficient_scope" in answer.headers["www-authenticate"]
    assert (await outside.post("/v1/jobs", json=BODY, headers=send)).status_code == 202
    expect_problem(await outside.get("/v1/jobs", headers=send), 403, "'read'")
    check = {"bundle": {}}
    assert (await outside.post("/v1/verify", json=check, headers=verify)).status_code == 200
    expect_problem(await outside.post("/v1/verify", json=check, headers=send), 403, "'verify'")
    operator = bearer(shop, Scope.ADMIN)
    assert (await outside.get("/v1/jobs", headers=operator)).status_code == 200
    assert (await outside.post("/v1/jobs", json=BODY, headers=operator)).status_code == 202


async def test_a_revoked_key_is_none(shop: Shop, outside: httpx.AsyncClient) -> None:
    made, token = create(shop.database, "test", [Scope.READ], 1)
    headers = {"Authorization": f"bearer {token}"}
    assert (await outside.get("/v1/jobs", headers=headers)).status_code == 200
    revoke(shop.database, made.id, 2)
    expect_problem(await outside.get("/v1/jobs", headers=headers), 401)


async def test_a_browser_is_asked_for_the_key(shop: Shop, outside: httpx.AsyncClient) -> None:
    answer = await outside.get("/", headers={"Accept": "text/html"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")
    _, token = create(shop.database, "test", [Scope.ADMIN], 1)
    pair = base64.b64encode(f"anybody:{token}".encode()).decode()
    headers = {"Authorization": f"Basic {pair}"}
    assert (await outside.get("/v1/jobs", headers=headers)).status_code == 200
    # What a browser sends along by itself starts nothing.
    expect_problem(await outside.post("/v1/jobs", json=BODY, headers=headers), 401)


async def test_another_sites_page_starts_nothing(caller: httpx.AsyncClient) -> None:
    for site in ("cross-site", "same-site"):
        headers = {"Sec-Fetch-Site": site}
        expect_problem(await caller.post("/v1/jobs", json=BODY, headers=headers), 403, "web site")
        expect_problem(await caller.post(f"/v1/jobs/{'0' * 32}/cancel", headers=headers), 403)
        assert (await caller.get("/v1/models", headers=headers)).status_code == 200
    same = {"Sec-Fetch-Site": "same-origin"}
    assert (await caller.post("/v1/jobs", json=BODY, headers=same)).status_code == 202


HERE = ("localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "[::1]", "a.localhost", "")
ELSEWHERE = (
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "10.0.0.1",
    "[::1",
    "localhost:",
    "localhost:8000:1",
    "127.0.0.1@evil.example",
)


async def test_without_keys_only_this_machine_is_served(shop: Shop) -> None:
    """Else a name that leads here lets a page read jobs, and a proxy here lets everybody."""

    def get(app: FastAPI, headers: dict[str, str], path: str = "/v1/jobs") -> Any:
        transport = httpx.ASGITransport(app=app)
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        return client.get(path, headers=headers)

    open_to_here = create_app(services_of(shop), here_only=True)
    for host in HERE:
        assert (await get(open_to_here, {"Host": host})).status_code == 200, host
    for host in ELSEWHERE:
        answer = await get(open_to_here, {"Host": host})
        expect_problem(answer, 421, "set AVOW_API_KEYS=required")
        assert (await get(open_to_here, {"Host": host}, "/healthz")).status_code == 200
    for name in ("Forwarded", "X-Forwarded-For"):
        expect_problem(await get(open_to_here, {name: "for=1.1.1.1"}), 421)
    for choice, status in (("off", 200), ("required", 401)):
        config = replace(shop.config, api_keys=choice)
        said = create_app(services_of(shop, config), here_only=True)
        assert (await get(said, {"Host": "evil.example"})).status_code == status


async def test_nobody_is_sent_elsewhere(caller: httpx.AsyncClient) -> None:
    """A redirect names the scheme that the proxy spoke, and a client would take its key there."""
    for path in ("/v1/jobs/", "/v1/models/", "/verify/", "/v2/"):
        assert (await caller.get(path, follow_redirects=False)).status_code == 404


async def test_one_caller_does_not_see_anothers_jobs(
    shop: Shop, outside: httpx.AsyncClient
) -> None:
    ann, bob = (bearer(shop, Scope.READ, Scope.SUBMIT) for _ in range(2))
    body = BODY | {"client_key": "same"}
    first = (await outside.post("/v1/jobs", json=body, headers=ann)).json()
    work(shop, first["id"])
    # The same client key and idempotency key of somebody else are other keys.
    ann_key, bob_key = ({**who, "Idempotency-Key": "k"} for who in (ann, bob))
    second = (await outside.post("/v1/jobs", json=body, headers=bob_key)).json()
    again = (await outside.post("/v1/jobs", json=body, headers=ann_key)).json()
    assert first["client_key"] == second["client_key"] == "same"
    assert again["id"] == first["id"] != second["id"]
    listed = (await outside.get("/v1/jobs", headers=bob)).json()["jobs"]
    assert [job["id"] for job in listed] == [second["id"]]
    for path in ("", "/events", "/bundle"):
        answer = await outside.get(f"/v1/jobs/{first['id']}{path}", headers=bob)
        expect_problem(answer, 404, "no job")
    expect_problem(await outside.post(f"/v1/jobs/{first['id']}/cancel", headers=bob), 404)
    operator = bearer(shop, Scope.ADMIN)
    listed = (await outside.get("/v1/jobs", headers=operator)).json()["jobs"]
    assert len(listed) == 2


@pytest.fixture
def one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests all come in one moment, however long they take on a busy machine."""
    now = time.time_ns()
    clock = SimpleNamespace(time_ns=lambda: now)
    monkeypatch.setattr("avow.api.gate.time", clock)


@pytest.mark.usefixtures("one_moment")
async def test_a_key_too_often_used_is_told_when(shop: Shop, outside: httpx.AsyncClient) -> None:
    slow = bearer(shop, Scope.READ, per_minute=12)
    answers = [await outside.get("/v1/jobs", headers=slow) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert [answer.headers["ratelimit"][:12] for answer in answers][:2] == [
        '"caller";r=1',
        '"caller";r=0',
    ]
    for answer in answers:
        assert answer.headers["ratelimit-policy"] == '"caller";q=12;w=60'
    expect_problem(answers[-1], 429, "more than 12 requests a minute")
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 5
    other = bearer(shop, Scope.READ)
    assert (await outside.get("/v1/jobs", headers=other)).status_code == 200
    assert (await outside.get("/healthz")).status_code == 200


@pytest.mark.usefixtures("one_moment")
async def test_guessing_is_limited_by_address(shop: Shop) -> None:
    config = replace(shop.config, api_rate=12)
    app = create_app(services_of(shop, config), reachable=True)
    transport = httpx.ASGITransport(app=app, client=("2001:db8::1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://avow") as client:
        wrong = {"Authorization": "Bearer avow_x"}
        statuses = [(await client.get("/v1/jobs", headers=wrong)).status_code for _ in range(4)]
        assert statuses == [401, 401, 429, 429]
    near = httpx.ASGITransport(app=app, client=("2001:db8::2", 1))
    async with httpx.AsyncClient(transport=near, base_url="http://avow") as client:
        assert (await client.get("/v1/jobs")).status_code == 429
    far = httpx.ASGITransport(app=app, client=("192.0.2.1", 1))
    async with httpx.AsyncClient(transport=far, base_url="http://avow") as client:
        assert (await client.get("/v1/jobs")).status_code == 401


@pytest.mark.parametrize(
    ("choice", "reachable", "status"),
    [
        ("auto", False, 200),
        ("auto", True, 401),
        ("required", False, 401),
        ("off", True, 200),
    ],
)
async def test_when_keys_are_required(
    shop: Shop, choice: str, reachable: bool, status: int
) -> None:
    app = create_app(services_of(shop, replace(shop.config, api_keys=choice)), reachable)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://avow") as client:
        assert (await client.get("/v1/jobs")).status_code == status


async def test_no_key_is_ever_logged(
    shop: Shop, outside: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = bearer(shop, Scope.ADMIN)
    for path in ("/v1/jobs", "/nowhere", "/v1/jobs/x"):
        answer = await outside.get(path, headers=headers)
        assert headers["Authorization"][7:] not in answer.text
    kept = [record for record in caplog.records if record.name.startswith("avow")]
    assert headers["Authorization"][29:] not in " ".join(map(str, kept))
    assert all(headers["Authorization"][29:] not in record.getMessage() for record in kept)


def test_a_refused_body_is_not_read(guarded: FastAPI, anyio_backend: str) -> None:
    import anyio

    from tests.api.asgi import post

    status, _, taken = anyio.run(post, guarded, "/v1/verify", [b"x" * 65536] * 4)
    assert (status, taken) == (401, 0)
