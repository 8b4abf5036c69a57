"""What the API offers when it is asked properly, and the document that describes it."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from avow.api.examples import JOB, VERDICT

PATHS = {
    "/v1/jobs": {"get", "post"},
    "/v1/jobs/{job_id}": {"get"},
    "/v1/jobs/{job_id}/cancel": {"post"},
    "/v1/jobs/{job_id}/events": {"get"},
    "/v1/jobs/{job_id}/bundle": {"get"},
    "/v1/jobs/{job_id}/retry": {"post"},
    "/v1/dead-letters": {"get"},
    "/v1/bundles/{statement}": {"get"},
    "/v1/verify": {"post"},
    "/v1/webhooks": {"get", "post"},
    "/v1/webhooks/{webhook_id}": {"get", "delete"},
    "/v1/webhooks/{webhook_id}/deliveries": {"get"},
    "/v1/webhooks/{webhook_id}/deliveries/{message_id}/retry": {"post"},
    "/v1/models": {"get"},
    "/v2": {"get"},
    "/v2/health/live": {"get"},
    "/v2/health/ready": {"get"},
    "/v2/models": {"get"},
    "/v2/models/{model}": {"get"},
    "/v2/models/{model}/ready": {"get"},
    "/v2/models/{model}/infer": {"post"},
    "/v2/models/{model}/versions/{version}": {"get"},
    "/v2/models/{model}/versions/{version}/ready": {"get"},
    "/v2/models/{model}/versions/{version}/infer": {"post"},
    "/healthz": {"get"},
    "/readyz": {"get"},
}


@pytest.mark.anyio
async def test_health(client: httpx.AsyncClient) -> None:
    alive = await client.get("/healthz")
    assert (alive.status_code, alive.json()["status"]) == (200, "ok")
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "models": 0})


@pytest.mark.anyio
async def test_not_ready_while_the_database_is_gone(
    app: FastAPI,
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Where it is and who asked it is in the log, not told to strangers."""
    from avow.prover.errors import DatabaseUnavailable

    def gone(*args: object, **kwargs: object) -> Any:
        raise DatabaseUnavailable('job database: no route to "10.1.2.3", user "avow"')

    monkeypatch.setattr(type(app.state.services.queue), "jobs", gone)
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["detail"] == "the job database cannot be reached or written now"
    assert '10.1.2.3", user "avow"' in caplog.text
    assert answer.headers["retry-after"]
    assert (await client.get("/healthz")).status_code == 200


@pytest.mark.anyio
async def test_no_models_is_an_empty_list(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/models")
    assert (answer.status_code, answer.json()) == (200, {"models": []})


def test_the_document_names_every_route_with_examples_and_problems(app: FastAPI) -> None:
    document = app.openapi()
    assert document["openapi"].startswith("3.1")
    assert {path: set(item) for path, item in document["paths"].items()} == PATHS
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation["description"] or operation["summary"], path
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    kind = answer["content"]
                    assert "application/problem+json" in kind, (path, method, status)
            if method == "post" and "requestBody" in operation:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                name = schema["$ref"].rpartition("/")[2]
                assert "example" in document["components"]["schemas"][name]
                assert not document["components"]["schemas"][name]["additionalProperties"]
    text = json.dumps(document)
    assert JOB["id"] in text and VERDICT["statement"] in text


@pytest.mark.anyio
async def test_an_unforeseen_error_is_a_problem_too(app: FastAPI) -> None:
    @app.get("/broken")
    def broken() -> None:
        raise ZeroDivisionError("secret detail")

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://avow") as client:
        answer = await client.get("/broken")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text


@contextmanager
def serving(app: FastAPI) -> Iterator[int]:
    """The application under uvicorn on a free port of the loopback address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        # Who comes before the server is ready waits.
        listening.listen(128)
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(60)


def raw(port: int, data: bytes) -> bytes:
    """Send bytes as they are and read the whole answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def test_over_a_real_socket(app: FastAPI) -> None:
    with serving(app) as port:
        url = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{url}/healthz", timeout=60).json()["status"] == "ok"
        body = {"model": "nobody", "inputs": [{"reals": [1]}]}
        refused = httpx.post(f"{url}/v1/jobs", json=body, timeout=60)
        assert refused.status_code == 422
        assert "no compiled model 'nobody'" in refused.json()["detail"]
        head = b"POST /v1/jobs HTTP/1.1\r\nHost: avow\r\nConnection: close\r\n"
        form = raw(port, head + b"Content-Length: 3\r\n\r\na=b")
        assert form.startswith(b"HTTP/1.1 415")
        huge = raw(
            port,
            head + b"Content-Type: application/json\r\nContent-Length: 99999999999999\r\n\r\n{",
        )
        assert huge.startswith(b"HTTP/1.1 413")
        assert raw(port, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")
        assert httpx.get(f"{url}/readyz", timeout=60).status_code == 200
