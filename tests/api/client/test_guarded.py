"""The client where the service asks for keys and counts requests: the real routes, no socket."""

import httpx
import pytest
from fastapi import FastAPI

from avow.api.app import create_app
from avow.api.client import AsyncClient, Limited, NotAllowed, Refused, Unknown
from avow.prover.access.keys import Scope, create
from avow.verifier.lifecycle import JobState
from tests.api.client.provider import JOB, QUICK
from tests.api.stall import services_of
from tests.prover.tiny import Shop

pytestmark = pytest.mark.anyio
VALUES = {"x": [1.0, 2.0, 3.0, 4.0]}


@pytest.fixture
def guarded(shop: Shop) -> FastAPI:
    """The application where other machines reach it."""
    return create_app(services_of(shop), reachable=True)


def client_of(app: FastAPI, key: str | None) -> AsyncClient:
    """A client with a key, of a service elsewhere."""
    transport = httpx.ASGITransport(app=app)
    return AsyncClient("https://avow.example", api_key=key, bounds=QUICK, transport=transport)


async def test_a_key_opens_what_its_scopes_say(shop: Shop, guarded: FastAPI) -> None:
    for key in (None, "avow_unknown"):
        async with client_of(guarded, key) as client:
            with pytest.raises(NotAllowed, match="401 Unauthorized"):
                await client.models()
    _, reading = create(shop.database, "test", [Scope.READ], 1)
    async with client_of(guarded, reading) as client:
        (offer,) = await client.models()
        assert offer.is_called("tiny")
        with pytest.raises(NotAllowed, match=r"403 Forbidden: .*'submit'"):
            await client.submit("tiny", VALUES)
    _, asking = create(shop.database, "test", [Scope.READ, Scope.SUBMIT], 1)
    async with client_of(guarded, asking) as client:
        asked = await client.submit("tiny", VALUES, idempotency_key="once", priority=5)
        assert (await client.submit("tiny", VALUES, idempotency_key="once", priority=5)) == asked
        with pytest.raises(Refused, match="422") as caught:
            await client.submit("tiny", {"x": [4.0, 3.0, 2.0, 1.0]}, idempotency_key="once")
        assert caught.value.status == 422
        assert [job.id async for job in client.jobs()] == [asked.job]
        assert (await client.job(asked)).raw["priority"] == 5
        assert (await client.cancel(asked)).state is JobState.CANCELLED
    # Another caller does not see it.
    async with client_of(guarded, reading) as client:
        for job in (asked.job, JOB):
            with pytest.raises(Unknown):
                await client.job(job)


async def test_pages_are_followed_to_their_end(shop: Shop, guarded: FastAPI) -> None:
    _, key = create(shop.database, "test", [Scope.READ, Scope.SUBMIT], 1)
    async with client_of(guarded, key) as client:
        made = [(await client.submit("tiny", VALUES)).job for _ in range(5)]
        assert {job.id async for job in client.jobs(states=[JobState.QUEUED])} == set(made)
        assert len([job async for job in client.jobs(limit=3)]) == 3


async def test_who_asks_too_often_is_told_when_to_come_back(shop: Shop, guarded: FastAPI) -> None:
    _, key = create(shop.database, "test", [Scope.READ], 1, per_minute=1)
    async with client_of(guarded, key) as client:
        with pytest.raises(Limited) as caught:
            for _ in range(5):
                await client.models()
        assert caught.value.status == 429
        assert caught.value.retry_after is not None and caught.value.retry_after > 0
