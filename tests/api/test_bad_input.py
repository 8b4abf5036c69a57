"""Whatever a stranger sends, the API answers with a problem of one line and never with a 500."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from avow.api.app import from_config
from avow.api.bodies import JSON_BODY_BYTES
from avow.api.problems import MEDIA_TYPE
from avow.prover.config import from_environment
from tests.api.asgi import post

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json"}
GOOD_JOB = {"model": "digits-mlp", "inputs": [{"reals": [0.5]}]}
UNKNOWN_JOB = "0" * 32
STATEMENT = "0x" + "0" * 64
BODY_ROUTES = ("/v1/jobs", "/v1/verify")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """One application for all: nothing that it refuses changes it."""
    home = tmp_path_factory.mktemp("home")
    made = from_config(from_environment({"AVOW_HOME": str(home)}))
    yield made
    made.state.services.close()


def expect_problem(answer: httpx.Response, status: int, says: str = "") -> None:
    """The answer is a complete RFC 9457 problem with one line of detail."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail"}
    assert body["status"] == status
    assert body["detail"] and body["detail"].isprintable() and len(body["detail"]) <= 600
    assert says in body["detail"]


@pytest.mark.parametrize("path", BODY_ROUTES)
@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "got nothing"),
        (b"  \n", 400, "got nothing"),
        (b"{", 400, "not JSON"),
        (b"{'a': 1}", 400, "not JSON"),
        (b'{"a": 1} x', 400, "not JSON"),
        (b'{"a": NaN}', 400, "NaN"),
        (b'{"a": -Infinity}', 400, "-Infinity"),
        (b'{"a": 1e999}', 400, "1e999"),
        (b'{"a": ' + b"9" * 5000 + b"}", 400, "not JSON"),
        (b'{"a": 1, "a": 1}', 400, "twice"),
        (b'"\xff"', 400, "UTF-8"),
        (b"[" * 100_000, 400, "deeper"),
        (b"[" * 40 + b"]" * 40, 400, "deeper"),
        (b"[]", 422, ""),
        (b"null", 422, ""),
        (b"1", 422, ""),
        (b'"text"', 422, ""),
        (b"{}", 422, "required"),
        (b'{"surprise": 1}', 422, ""),
        (b'{"model": "\\ud800", "inputs": [], "bundle": {"\\ud800": 1}}', 400, "not JSON"),
        (json.dumps(dict.fromkeys(map(str, range(257)), 1)).encode(), 400, "257 keys"),
        (b" " * (JSON_BODY_BYTES + 1), 413, "at most"),
    ],
)
async def test_bodies_that_are_no_request(
    client: httpx.AsyncClient, path: str, body: bytes, status: int, says: str
) -> None:
    expect_problem(await client.post(path, content=body, headers=JSON), status, says)


@pytest.mark.parametrize("path", BODY_ROUTES)
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""]
)
async def test_bodies_of_another_media_type(
    client: httpx.AsyncClient, path: str, kind: str
) -> None:
    answer = await client.post(path, content=b"{}", headers={"content-type": kind})
    expect_problem(answer, 415, "application/json")


async def test_a_media_type_may_have_parameters(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/v1/jobs", content=b"{}", headers={"content-type": "Application/JSON; charset=utf-8"}
    )
    expect_problem(answer, 422, "required")


async def test_an_undeclared_body_is_cut_off_while_it_arrives(app: FastAPI) -> None:
    """Without content-length only counting helps; the rest is never taken from the socket."""
    chunk = b" " * 2**16
    chunks = [chunk] * (4 * JSON_BODY_BYTES // len(chunk))
    status, _, taken = await post(app, "/v1/verify", chunks)
    assert status == 413
    assert taken <= JSON_BODY_BYTES + 2 * len(chunk)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": ""}, "model"),
        ({"model": "x" * 201}, "model"),
        ({"model": 7}, "model"),
        ({"model": None}, "model"),
        ({"model": "nobody"}, "no compiled model 'nobody'"),
        ({"model": "a\x00b"}, "model"),
        ({"system": ""}, "system"),
        ({"system": ["ezkl/v1"]}, "system"),
        ({"inputs": []}, "inputs"),
        ({"inputs": {}}, "inputs"),
        ({"inputs": [{}]}, "inputs"),
        ({"inputs": [[0.5]]}, "inputs"),
        ({"inputs": [{"reals": []}]}, "empty"),
        ({"inputs": [{"reals": ["1"]}]}, "finite numbers"),
        ({"inputs": [{"reals": [True]}]}, "finite numbers"),
        ({"inputs": [{"reals": [None]}]}, "finite numbers"),
        ({"inputs": [{"reals": [10**400]}]}, "finite numbers"),
        ({"inputs": [{"reals": [[1], [1, 2]]}]}, "ragged"),
        ({"inputs": [{"reals": [[[[[[[[[[1]]]]]]]]]]}]}, "nested"),
        ({"inputs": [{"reals": [1], "integers": [1]}]}, "integers"),
        ({"inputs": [{"integers": [1.5]}]}, "64-bit integers"),
        ({"inputs": [{"integers": [2**63]}]}, "64-bit integers"),
        ({"inputs": [{"type": "int8", "shape": [2], "data": "AA=="}]}, "2 bytes"),
        ({"inputs": [{"type": "int8", "shape": [-1], "data": ""}]}, "dimension"),
        ({"inputs": [{"type": "int8", "shape": ["1"] * 17, "data": ""}]}, "at most 16"),
        ({"inputs": [{"type": "int8", "shape": [2**31, 2**31], "data": ""}]}, "elements"),
        ({"inputs": [{"reals": [0.5]}] * 17}, "inputs"),
        ({"nonce": "0"}, "nonce"),
        ({"nonce": "-1"}, "nonce"),
        ({"nonce": 1}, "nonce"),
        ({"nonce": str(2**256)}, "nonce"),
        ({"record": "0x12"}, "record"),
        ({"record": "0x" + "G" * 64}, "record"),
        ({"record": "0x" + "0" * 64}, "record"),
        ({"client_key": ""}, "client_key"),
        ({"client_key": "two words"}, "client_key"),
        ({"order": {"chain_id": 1}}, "order"),
    ],
)
async def test_requests_that_cannot_be_served(
    client: httpx.AsyncClient, change: dict[str, Any], says: str
) -> None:
    body = json.dumps(GOOD_JOB | change)
    expect_problem(await client.post("/v1/jobs", content=body, headers=JSON), 422, says)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"bundle": "text"}, "bundle"),
        ({"bundle": None}, "bundle"),
        ({"policy": []}, "policy"),
        ({"policy": {}}, "format"),
        ({"policy": {"format": "avow-policy/2"}}, "policy"),
        ({"policy": {"format": "avow-policy/1", "lenient": True}}, "unknown"),
        ({"policy": {"format": "avow-policy/1", "systems": []}}, "systems"),
        ({"at": -1}, "at"),
        ({"at": 1.5}, "at"),
        ({"at": "now"}, "at"),
        ({"at": 2**60}, "at"),
    ],
)
async def test_questions_that_cannot_be_judged(
    client: httpx.AsyncClient, change: dict[str, Any], says: str
) -> None:
    body = json.dumps({"bundle": {}} | change)
    expect_problem(await client.post("/v1/verify", content=body, headers=JSON), 422, says)


@pytest.mark.parametrize(
    "bundle", [{}, {"format": "avow-bundle/1"}, {"a": 0.5}, {"a": None}, {"a": 2**60}, {"ü": 1}]
)
async def test_what_is_no_bundle_is_rejected_with_its_step(
    client: httpx.AsyncClient, bundle: dict[str, Any]
) -> None:
    answer = await client.post("/v1/verify", json={"bundle": bundle})
    assert answer.status_code == 200
    assert answer.json()["accepted"] is False
    assert answer.json()["step"] == "parse"
    assert answer.json()["reason"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/v1/jobs/{UNKNOWN_JOB}", 404),
        ("GET", "/v1/jobs/nonsense", 404),
        ("GET", "/v1/jobs/%00", 404),
        ("GET", "/v1/jobs/" + "x" * 5000, 404),
        ("GET", f"/v1/jobs/{UNKNOWN_JOB}/bundle", 404),
        ("POST", f"/v1/jobs/{UNKNOWN_JOB}/cancel", 404),
        ("POST", "/v1/jobs/%ff/cancel", 404),
        ("GET", f"/v1/bundles/{STATEMENT}", 404),
        ("GET", "/v1/bundles/..%2f..%2fetc%2fpasswd", 404),
        ("GET", "/v1/bundles/0x" + "A" * 64, 404),
        ("GET", "/v1/bundles/%00", 404),
        ("GET", "/nowhere", 404),
        ("DELETE", "/v1/jobs", 405),
        ("GET", "/v1/verify", 405),
        ("PUT", "/healthz", 405),
        ("POST", "/v1/models", 405),
    ],
)
async def test_addresses_that_are_nothing(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    expect_problem(await client.request(method, path), status)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = ("model", "system", "inputs", "client_key", "nonce", "record", "bundle", "policy", "at")
NEAR_REQUESTS = st.fixed_dictionaries({}, optional={name: JSON_VALUES for name in FIELDS})


@pytest.mark.parametrize("path", BODY_ROUTES)
def test_any_json_is_answered(app: FastAPI, anyio_backend: str, path: str) -> None:
    import anyio

    @settings(max_examples=150)
    @given(NEAR_REQUESTS | JSON_VALUES)
    def answered(value: Any) -> None:
        body = json.dumps(value).encode()
        status, answer, _ = anyio.run(post, app, path, [body], backend=anyio_backend)
        assert status in (200, 400, 422)
        if status != 200:
            assert json.loads(answer)["detail"].isprintable()

    answered()


@pytest.mark.parametrize("path", BODY_ROUTES)
def test_any_bytes_are_answered(app: FastAPI, anyio_backend: str, path: str) -> None:
    import anyio

    @settings(max_examples=100)
    @given(st.binary(max_size=200))
    def answered(body: bytes) -> None:
        status, answer, _ = anyio.run(post, app, path, [body], backend=anyio_backend)
        assert status in (400, 422)
        assert json.loads(answer)["detail"].isprintable()

    answered()
