"""The Open Inference Protocol: what its clients ask, answered from proven programs."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from avow.api.problems import MEDIA_TYPE
from avow.prover.attempt import Outcome, attempt
from avow.prover.errors import Refused
from avow.prover.inference import infer
from avow.prover.outbox import Task
from avow.prover.systems.system import Tick
from tests.api.stall import work
from tests.prover.tiny import Shop

pytestmark = pytest.mark.anyio

INPUT = {"name": "x", "shape": [4], "datatype": "INT16", "data": [1, 2, 3, 4]}
ASK: dict[str, Any] = {"inputs": [INPUT]}


def refused(answer: httpx.Response, status: int, says: str) -> None:
    """A problem that the protocol's clients can read too."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail", "error"}
    assert body["error"] == body["detail"] and says in body["error"]


def working(shop: Shop, count: int = 1, only: Callable[[str], None] | None = None) -> Any:
    """A worker in a thread: it carries out the next jobs."""

    def carry_out() -> None:
        done: set[str] = set()
        while len(done) < count and not stop.wait(0.01):
            for job in shop.queue.jobs():
                if job.id not in done:
                    done.add(job.id)
                    (only or (lambda job_id: work(shop, job_id)))(job.id)

    stop = threading.Event()
    thread = threading.Thread(target=carry_out)

    class Context:
        def __enter__(self) -> None:
            thread.start()

        def __exit__(self, *_: object) -> None:
            stop.set()
            thread.join(60)

    return Context()


async def test_the_server_and_its_models(caller: httpx.AsyncClient) -> None:
    assert (await caller.get("/v2")).json()["name"] == "avow"
    assert (await caller.get("/v2/health/live")).json() == {"live": True}
    assert (await caller.get("/v2/health/ready")).json() == {"ready": True}
    assert (await caller.get("/v2/models")).json() == {
        "models": [{"name": "tiny", "versions": ["1"]}]
    }
    for path in ("/v2/models/tiny", "/v2/models/tiny/versions/1"):
        described = (await caller.get(path)).json()
        assert described["name"] == "tiny" and described["versions"] == ["1"]
        (put,) = described["inputs"]
        assert (put["name"], put["datatype"], put["shape"]) == ("x", "FP64", [4])
        assert put["parameters"] == {
            "scale": 4,
            "integers": "INT16",
            "minimum": -320,
            "maximum": 320,
        }
        assert described["outputs"][0]["name"] == "y"
        assert (await caller.get(f"{path}/ready")).json() == {"name": "tiny", "ready": True}
    for path in ("/v2/models/nobody", "/v2/models/tiny/versions/2", "/v2/models/nobody/ready"):
        refused(await caller.get(path), 404, "no compiled model")


async def test_an_answer_comes_from_the_proven_program(
    shop: Shop, caller: httpx.AsyncClient
) -> None:
    with working(shop):
        answer = await caller.post(
            "/v2/models/tiny/infer", json=ASK | {"id": "a", "parameters": {"until": "proven"}}
        )
    assert answer.status_code == 200, answer.text
    value = answer.json()
    assert (value["model_name"], value["model_version"], value["id"]) == ("tiny", "1", "a")
    (output,) = value["outputs"]
    assert output == {
        "name": "y",
        "shape": [1],
        "datatype": "FP64",
        "parameters": {"scale": 4},
        "data": [10 / 16],
    }
    told = value["parameters"]
    assert (told["state"], told["proven"], told["evidence"]) == ("proven", True, "tiny/v1")
    bundle = await caller.get(told["bundle"])
    assert bundle.content == shop.queue.bundle(told["job_id"])
    assert answer.headers["location"] == f"/v1/jobs/{told['job_id']}"


async def test_reals_are_quantised_and_integers_given_back(
    shop: Shop, caller: httpx.AsyncClient
) -> None:
    reals = {"name": "x", "shape": [4], "datatype": "FP32", "data": [0.5, 0.25, 0, 1]}
    ask = {
        "inputs": [reals],
        "outputs": [{"name": "y", "parameters": {"integers": True}}],
        "parameters": {"until": "proven", "wait": 60},
    }
    with working(shop):
        value = (await caller.post("/v2/models/tiny/versions/1/infer", json=ask)).json()
    (output,) = value["outputs"]
    assert (output["datatype"], output["data"]) == ("INT32", [28])


async def test_who_does_not_wait_gets_the_job(shop: Shop, caller: httpx.AsyncClient) -> None:
    answer = await caller.post(
        "/v2/models/tiny/infer", json=ASK | {"parameters": {"wait": 0, "priority": 9}}
    )
    assert answer.status_code == 202
    value = answer.json()
    assert value["outputs"] == [] and value["parameters"]["state"] == "queued"
    job = (await caller.get(answer.headers["location"])).json()
    assert (job["id"], job["priority"]) == (value["parameters"]["job_id"], 9)


async def test_where_no_more_may_wait_the_job_is_told(
    stall: FastAPI, caller: httpx.AsyncClient
) -> None:
    """Refused after it was stored, it would be asked for a second time."""
    streams = stall.state.services.streams
    with ExitStack() as places:
        while not streams.full():
            places.enter_context(streams.place())
        answer = await caller.post("/v2/models/tiny/infer", json=ASK)
    assert (answer.status_code, answer.json()["outputs"]) == (202, [])
    assert (await caller.get(answer.headers["location"])).json()["state"] == "queued"


async def test_waiting_ends(shop: Shop, caller: httpx.AsyncClient) -> None:
    """Not answered in time: the job. Answered but not proven: the answer, and that it is not."""
    ask = ASK | {"parameters": {"until": "proven", "wait": 1}}
    headers = {"Idempotency-Key": "k"}
    early = await caller.post("/v2/models/tiny/infer", json=ask, headers=headers)
    assert (early.status_code, early.json()["outputs"]) == (202, [])
    job_id = early.json()["parameters"]["job_id"]
    # Before it is waited for again: a worker beside it may take longer than the wait.
    assert attempt(shop.bench(), job_id, 0, Task.INFER, infer) is Outcome.DONE
    answer = await caller.post("/v2/models/tiny/infer", json=ask, headers=headers)
    assert answer.status_code == 200
    value = answer.json()
    assert value["outputs"][0]["data"] == [10 / 16]
    assert value["parameters"]["proven"] is False and "bundle" not in value["parameters"]


async def test_a_job_that_failed_is_said_so(shop: Shop, caller: httpx.AsyncClient) -> None:
    def fails(tick: Tick) -> None:
        raise Refused("this model never answers")

    def once_only(job_id: str) -> None:
        attempt(shop.bench(), job_id, 0, Task.INFER, infer)

    shop.system.on_answer = fails
    with working(shop, only=once_only):
        answer = await caller.post("/v2/models/tiny/infer", json=ASK)
    refused(answer, 503, "this model never answers")


async def test_a_repeated_request_is_the_same_job(shop: Shop, caller: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k"}
    ask = ASK | {"parameters": {"wait": 0}}
    answers = [
        await caller.post("/v2/models/tiny/infer", json=ask, headers=headers) for _ in range(3)
    ]
    assert len({answer.json()["parameters"]["job_id"] for answer in answers}) == 1
    work(shop, answers[0].json()["parameters"]["job_id"])
    late = await caller.post("/v2/models/tiny/infer", json=ask, headers=headers)
    assert (late.status_code, late.json()["outputs"][0]["data"]) == (200, [10 / 16])
    other = await caller.post("/v2/models/tiny/infer", json=ask | {"id": "other"}, headers=headers)
    refused(other, 422, "another request")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"inputs": []}, "inputs"),
        ({"inputs": [INPUT, INPUT]}, "each of x once"),
        ({"inputs": [INPUT | {"name": "z"}]}, "each of x once"),
        ({"inputs": [INPUT | {"shape": [2, 2]}]}, "shape"),
        ({"inputs": [INPUT | {"shape": [-4]}]}, "shape"),
        ({"inputs": [INPUT | {"data": [1, 2, 3]}]}, "shape"),
        ({"inputs": [INPUT | {"data": [1, 2, 3, 400]}]}, "400"),
        ({"inputs": [INPUT | {"data": [1, 2, 3, 0.5]}]}, "64-bit integers"),
        ({"inputs": [INPUT | {"datatype": "BYTES"}]}, "datatype"),
        ({"inputs": [INPUT | {"datatype": "FP64", "data": ["1"] * 4}]}, "finite numbers"),
        ({"outputs": [{"name": "z"}]}, "outputs"),
        ({"outputs": [{"name": "y"}, {"name": "y"}]}, "outputs"),
        ({"parameters": {"evidence": "magic"}}, "model"),
        ({"parameters": {"hides": "inputs"}}, ""),
        ({"parameters": {"wait": 61}}, "wait"),
        ({"parameters": {"wait": -1}}, "wait"),
        ({"parameters": {"until": "paid"}}, "until"),
        ({"parameters": {"nonce": "0"}}, "nonce"),
        ({"parameters": {"record": "0x12"}}, "record"),
        ({"parameters": {"sequence_id": 1}}, "sequence_id"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_requests_that_cannot_be_served(
    shop: Shop, caller: httpx.AsyncClient, change: dict[str, Any], says: str
) -> None:
    refused(await caller.post("/v2/models/tiny/infer", json=ASK | change), 422, says)
    assert shop.queue.jobs() == []


async def test_what_is_not_there_is_a_problem_with_an_error(caller: httpx.AsyncClient) -> None:
    refused(await caller.post("/v2/models/nobody/infer", json=ASK), 404, "no compiled model")
    refused(await caller.get("/v2/nowhere"), 404, "Not Found")
    refused(await caller.delete("/v2/models/tiny"), 405, "Method Not Allowed")
    refused(await caller.post("/v2/models/tiny/infer", content=b"{"), 415, "application/json")
