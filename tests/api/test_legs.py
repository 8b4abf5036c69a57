"""Several kinds of evidence over HTTP: asked for, followed, fetched leg by leg, or refused."""

from typing import Any

import httpx
import pytest

from avow.api.app import create_app
from avow.prover.attempt import Outcome, attempt
from avow.prover.errors import Refused
from avow.prover.inference import infer
from avow.prover.outbox import Task
from avow.prover.systems.system import Tick
from avow.verifier.bundle import parse_bundle
from tests.api.stall import BODY, services_of
from tests.api.test_bad_input import expect_problem
from tests.prover.several import CLAIM, PROOF, TEE, Market, open_market
from tests.prover.tiny import Shop

pytestmark = pytest.mark.anyio
LEGS = [
    {"any_of": ["optimistic"], "within_seconds": 60, "share_bps": 3000},
    {"any_of": ["tee/v1", "sumcheck/v1"], "within_seconds": 3600, "share_bps": 7000},
]


@pytest.fixture
def market(shop: Shop) -> Market:
    """Several systems over the shop's database."""
    return open_market(shop)


@pytest.fixture
def caller(market: Market) -> httpx.AsyncClient:
    """A client of an application over the market."""
    transport = httpx.ASGITransport(app=create_app(services_of(market)))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


async def submit(caller: httpx.AsyncClient, legs: Any = LEGS) -> dict[str, Any]:
    answer = await caller.post("/v1/jobs", json=BODY | {"legs": legs})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def test_legs_are_asked_for_followed_and_fetched(
    market: Market, caller: httpx.AsyncClient
) -> None:
    job = await submit(caller)
    assert [leg["share_bps"] for leg in job["evidence"]] == [3000, 7000]
    assert "any_of" not in job["evidence"][0]
    assert job["evidence"][1]["any_of"] == [TEE, PROOF]
    assert "outcome" not in job["evidence"][0]
    attempt(market.bench(), job["id"], 0, Task.INFER, infer)
    expect_problem(await caller.get(f"/v1/jobs/{job['id']}/bundle?leg=1"), 409, "leg 1 of job")

    def gone(_tick: Tick) -> None:
        raise Refused("the enclave is gone")

    market.systems[TEE].on_prove = gone
    assert market.work(job["id"], 1) is Outcome.FAILED
    assert market.work(job["id"], 1) is Outcome.DONE
    stands = (await caller.get(f"/v1/jobs/{job['id']}")).json()
    (first, second) = stands["evidence"]
    assert stands["state"] == "answered" and "outcome" not in first
    assert (second["system"], second["outcome"]) == (PROOF, "proven")
    assert second["given_up"] == [{"system": TEE, "reason": "the enclave is gone"}]
    fetched = await caller.get(f"/v1/jobs/{job['id']}/bundle?leg=1")
    assert parse_bundle(fetched.content).statement.system == PROOF
    assert market.work(job["id"], 0) is Outcome.DONE
    for path, system in (("bundle", CLAIM), ("bundle?leg=0", CLAIM), ("bundle?leg=1", PROOF)):
        found = await caller.get(f"/v1/jobs/{job['id']}/{path}")
        assert parse_bundle(found.content).statement.system == system
    expect_problem(await caller.get(f"/v1/jobs/{job['id']}/bundle?leg=2"), 404, "has no leg 2")
    assert (await caller.get(f"/v1/jobs/{job['id']}")).json()["state"] == "challengeable"


async def test_one_leg_is_asked_for_again(market: Market, caller: httpx.AsyncClient) -> None:
    job = await submit(caller)
    attempt(market.bench(), job["id"], 0, Task.INFER, infer)

    def no(_tick: Tick) -> None:
        raise Refused("no")

    market.systems[CLAIM].on_prove = no
    market.work(job["id"], 0)
    (letter,) = (await caller.get("/v1/dead-letters")).json()["dead_letters"]
    assert letter["leg"] == 0
    expect_problem(await caller.post(f"/v1/jobs/{job['id']}/retry?leg=1"), 409, "leg 1 of job")
    market.systems[CLAIM].on_prove = lambda tick: None
    again = await caller.post(f"/v1/jobs/{job['id']}/retry?leg=0")
    assert again.status_code == 200 and "outcome" not in again.json()["evidence"][0]
    assert market.work(job["id"], 0) is Outcome.DONE


def leg(*systems: str, **more: Any) -> dict[str, Any]:
    return {"any_of": list(systems), **more}


@pytest.mark.parametrize(
    ("legs", "said"),
    [
        ([], "legs"),
        ([leg(PROOF)] * 5, "legs"),
        ([leg()], "any_of"),
        ([leg(PROOF, share_bps=9000)], "expected shares of 10000 in all, got 9000"),
        ([leg(PROOF), leg(PROOF)], "'sumcheck/v1' is named twice"),
        ([leg("magic/v1")], "unknown system 'magic/v1'; known: "),
        ([leg(PROOF), leg("ezkl")], "all legs of a job must have the same answer"),
        ([leg(PROOF, within_seconds=0)], "within_seconds"),
        ([leg(PROOF, within=1)], "within"),
        ({"any_of": [PROOF]}, "legs"),
    ],
)
async def test_bad_legs_are_a_problem_in_one_line(
    market: Market, caller: httpx.AsyncClient, legs: Any, said: str
) -> None:
    answer = await caller.post("/v1/jobs", json=BODY | {"legs": legs})
    expect_problem(answer, 422, said)
    assert market.queue.jobs() == []


async def test_legs_and_a_system_are_one_too_many(caller: httpx.AsyncClient) -> None:
    answer = await caller.post("/v1/jobs", json=BODY | {"legs": LEGS, "system": PROOF})
    expect_problem(answer, 422, "expected none beside legs")


async def test_the_page_of_a_job_shows_its_legs(market: Market, caller: httpx.AsyncClient) -> None:
    job = await submit(caller)
    page = (await caller.get(f"/jobs/{job['id']}", headers={"Accept": "text/html"})).text
    assert '<h2 id="legs">Legs</h2>' in page and "30.0 %" in page and "not yet" in page
    attempt(market.bench(), job["id"], 0, Task.INFER, infer)
    assert market.work(job["id"], 1) is Outcome.DONE
    page = (await caller.get(f"/jobs/{job['id']}", headers={"Accept": "text/html"})).text
    assert '<progress max="100"' in page and f"/v1/jobs/{job['id']}/bundle?leg=1" in page
    alone = await submit(caller, [leg(PROOF)])
    page = (await caller.get(f"/jobs/{alone['id']}", headers={"Accept": "text/html"})).text
    assert '<h2 id="legs">' not in page
