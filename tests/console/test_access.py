"""Pages where API keys are required: the key is a browser's password, and shows its own jobs."""

from dataclasses import replace

import httpx
import pytest

from avow.prover.access.keys import Scope, create
from avow.prover.queue import now_ms
from tests.console.conftest import Desk
from tests.prover.tiny import request

pytestmark = pytest.mark.anyio


async def test_a_browser_is_asked_for_a_password(closed: httpx.AsyncClient) -> None:
    for path in ("/", "/models", "/providers", "/verify", "/dead-letters", "/jobs/" + "0" * 32):
        answer = await closed.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_a_key_shows_its_own_jobs_and_an_operators_all(
    closed: httpx.AsyncClient, desk: Desk
) -> None:
    database = desk.shop.database
    scopes = frozenset({Scope.READ})
    _, mine = create(database, "mine", scopes, now_ms())
    key, other = create(database, "other", scopes, now_ms())
    everything = frozenset({Scope.READ, Scope.ADMIN})
    _, admin = create(database, "admin", everything, now_ms())
    job = desk.shop.queue.submit(replace(request(1, 2, 3, 4), owner=key.id))
    for secret, sees in ((mine, False), (other, True), (admin, True)):
        login = ("anybody", secret)
        assert (f"/jobs/{job.id}" in (await closed.get("/", auth=login)).text) is sees
        page = await closed.get(f"/jobs/{job.id}", auth=login)
        assert page.status_code == (200 if sees else 404)
        model = await closed.get(f"/models/{job.model}", auth=login)
        assert (job.id in model.text) is sees
    refused = await closed.post("/verify", files={"bundle": ("a", b"x")}, auth=("anybody", mine))
    assert refused.status_code == 403
    assert "lacks the scope" in refused.text
