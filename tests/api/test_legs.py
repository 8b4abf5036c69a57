"""Several kinds of evidence over HTTP: asked for, followed, fetched leg by leg, or refused."""

import re
from typing import Any

import httpx
import pytest

from avow.api.app import create_app
from avow.api.cli.job import print_job
from avow.api.client.replies import read_job
from avow.api.inference import answer
from avow.api.schemas import InferBody
from avow.prover.attempt import Outcome, attempt
from avow.prover.errors import Refused
from avow.prover.inference import infer
from avow.prover.outbox import Task
from avow.prover.systems.system import Tick
from avow.verifier.bundle import parse_bundle
from avow.verifier.lifecycle import JobState
from avow.verifier.verdict import Assurance
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
    ended = (await caller.get(f"/v1/jobs/{job['id']}")).json()
    assert ended["state"] == "challengeable"
    assert [one["outcome"] for one in ended["evidence"]] == ["challengeable", "proven"]


KINDS = [
    (CLAIM, Assurance.CHALLENGEABLE, "challengeable", "Challengeable"),
    (TEE, Assurance.ATTESTED, "attested", "Attested"),
    (TEE, Assurance.SIMULATED, "simulated", "SIMULATED"),
    (PROOF, Assurance.PROVEN, "proven", "Proven"),
]


@pytest.mark.parametrize(("system", "worth", "state", "label"), KINDS)
async def test_every_layer_calls_a_job_what_its_evidence_is(
    market: Market,
    caller: httpx.AsyncClient,
    system: str,
    worth: Assurance,
    state: str,
    label: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    market.worth[system] = worth
    job = (await caller.post("/v1/jobs", json=BODY | {"system": system})).json()
    attempt(market.bench(), job["id"], 0, Task.INFER, infer)
    assert market.work(job["id"], 0) is Outcome.DONE
    found = (await caller.get(f"/v1/jobs/{job['id']}")).json()
    assert (found["state"], found["evidence"][0]["outcome"]) == (state, state)
    for one in JobState:
        listed = (await caller.get(f"/v1/jobs?state={one.value}")).json()["jobs"]
        assert bool(listed) is (one.value == state)
    events = (await caller.get(f"/v1/jobs/{job['id']}/events")).text
    assert f'"to_state":"{state}"' in events
    assert ('"to_state":"proven"' in events) is (state == "proven")
    for path in ("/", f"/jobs/{job['id']}"):
        page = (await caller.get(path, headers={"Accept": "text/html"})).text
        for other in KINDS:
            shown = f"<span>{other[3]}</span>" in page
            assert shown is (other[3] == label), (path, other)
    stop = re.search(
        r'<span class="stop">[^§]*?</svg>\s*(\w+)</span>', page.partition("Answered")[2]
    )
    assert stop is not None and stop[1] == label
    # Among those with evidence, whichever it is; and nobody calls that list proven.
    done = (await caller.get("/?show=done", headers={"Accept": "text/html"})).text
    assert job["id"] in done and 'show=done">With evidence' in done.replace(
        ' aria-current="true"', ""
    )
    metrics = (await caller.get("/metrics")).text
    for one in ("proven", "challengeable", "attested", "simulated"):
        count = 1.0 if one == state else 0.0
        assert f'avow_jobs{{state="{one}"}} {count}' in metrics
        assert f'avow_leg_outcomes{{outcome="{one}"}} {count}' in metrics
    print_job(market.queue.status(job["id"]), False)
    told = capsys.readouterr().out
    assert told.startswith(f"{job['id']}  {state}: ")
    assert f"evidence  {system}: {state}, delivered" in told
    read = read_job(found)
    assert read.has_evidence and not read.has_ended and read.state.value == state


async def test_an_answer_by_inference_says_proven_of_a_proof_alone(
    market: Market, caller: httpx.AsyncClient
) -> None:
    for system, worth in ((TEE, Assurance.SIMULATED), (PROOF, Assurance.PROVEN)):
        market.worth[system] = worth
        job = (await caller.post("/v1/jobs", json=BODY | {"system": system})).json()
        attempt(market.bench(), job["id"], 0, Task.INFER, infer)
        market.work(job["id"], 0)
        body = InferBody.model_validate_json(
            '{"inputs": [{"name": "x", "shape": [4], "datatype": "INT64", "data": [1, 2, 3, 4]}]}'
        )
        told = answer(body, market.several.items[system], market.queue.status(job["id"]))
        said = told["parameters"]
        assert said["proven"] is (worth is Assurance.PROVEN)
        assert said["state"] == worth.value.lower() and said["bundle"]


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
    # The cheapest of its alternatives served it.
    assert "<span>Attested</span>" in page and "<span>Proven</span>" not in page
    alone = await submit(caller, [leg(PROOF)])
    page = (await caller.get(f"/jobs/{alone['id']}", headers={"Accept": "text/html"})).text
    assert '<h2 id="legs">' not in page
