"""What is noted of requests: an id in the answer and the log, metrics by route, no secret."""

import logging
import re

import httpx
import pytest
from fastapi import FastAPI

from avow.prover.logs import JsonLines
from avow.prover.metrics.names import METRICS, Shown
from tests.prover.metrics.test_serve import family_names

pytestmark = pytest.mark.anyio
SHOWN = {metric.name for metric in METRICS if metric.shown in (Shown.API, Shown.EVERYWHERE)}


async def test_the_api_shows_every_metric_that_it_should(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    await client.get("/v1/jobs/" + "0" * 32)
    answer = await client.get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
    assert family_names(app.state.registry) == SHOWN
    line = r'avow_http_requests_total\{method="GET",route="/v1/jobs/\{job_id\}",status="404"\} 1.0'
    assert re.search(line, answer.text), answer.text
    # Two applications in one process do not share their figures.
    assert "avow_database_up 1.0" in answer.text


async def test_an_unknown_route_and_method_are_one_series(client: httpx.AsyncClient) -> None:
    for at in range(3):
        await client.request(f"ODD{at}", f"/nowhere/{at}")
    text = (await client.get("/metrics")).text
    line = 'avow_http_requests_total{method="OTHER",route="unmatched",status="404"} 3.0'
    assert line in text


async def test_ids_of_requests(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "avow.api")
    new = await client.get("/v1/models")
    assert re.fullmatch(r"[0-9a-f]{32}", new.headers["x-request-id"])
    own = await client.get("/v1/models", headers={"X-Request-Id": "mine-7"})
    assert own.headers["x-request-id"] == "mine-7"
    for wrong in ("two words", "x" * 65, "\xe4"):
        header = {"X-Request-Id": wrong.encode("latin-1")}
        other = await client.get("/v1/models", headers=header)
        assert re.fullmatch(r"[0-9a-f]{32}", other.headers["x-request-id"])
    lines = [record.getMessage() for record in caplog.records if record.name == "avow.api"]
    assert len(lines) == 5
    assert re.fullmatch(r"GET /v1/models status=200 seconds=\d+\.\d{3}", lines[0])
    await client.get("/healthz")
    assert len([record for record in caplog.records if record.name == "avow.api"]) == 5


async def test_nothing_of_a_caller_is_logged(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = {"model": "marked-model", "inputs": {"marked-input": [311, 307]}, "client_key": "marked"}
    headers = {"Authorization": "Bearer avow_marked", "Cookie": "marked=1"}
    for path in ("/v1/jobs?token=marked", "/v1/verify", "/marked", "/v1/jobs/marked"):
        await client.post(path, json=body, headers=headers)
        await client.get(path, headers=headers)
    # The client's own lines are not the server's.
    lines = [
        JsonLines().format(record)
        for record in caplog.records
        if not record.name.startswith(("httpx", "httpcore"))
    ]
    assert len([line for line in lines if '"avow.api"' in line]) == 8
    text = "\n".join(lines)
    assert "marked" not in text and not re.search("311(,| |, )307", text), text
