"""The OpenAPI document against the application: no 500, and every answer is as described.

Each operation gets a small seeded sample here; with AVOW_TEST_FUZZ=N it gets N random examples.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.python import asgi
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from avow.api.app import create_app
from avow.prover.config import from_environment
from avow.prover.database import open_database
from tests.api.stall import services_of, work
from tests.api.test_routes import PATHS
from tests.prover.tiny import Shop, request

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SAMPLE = int(os.environ.get("AVOW_TEST_FUZZ", "0"))
OPERATIONS = [(path, method) for path, methods in sorted(PATHS.items()) for method in methods]
INPUTS = [{"integers": [1, 2, 3, 4]}]
TENSORS = [{"name": "x", "shape": [4], "datatype": "INT16", "data": [1, 2, 3, 4]}]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One shop for all operations: what one of them leaves there must not disturb another."""
    config = from_environment({"AVOW_HOME": str(tmp_path_factory.mktemp("shop"))})
    database = open_database(config.database_url)
    yield Shop(config, database)
    database.close()


@pytest.fixture(scope="module")
def stall(shop: Shop) -> FastAPI:
    """The application over the shop."""
    return create_app(services_of(shop))


@pytest.fixture(scope="module")
def described(stall: FastAPI) -> Any:
    """What the application says of itself."""
    return schemathesis.openapi.from_asgi("/openapi.json", stall)


@pytest.fixture(scope="module")
def known(shop: Shop) -> dict[str, list[str]]:
    """Things that are there: jobs that have ended, a statement, a model."""
    proven, cancelled = (shop.queue.submit(request()).id for _ in range(2))
    work(shop, proven)
    shop.queue.cancel(cancelled)
    statement = shop.queue.status(proven).evidence[0].statement
    return {
        "job_id": [proven, cancelled],
        "statement": [str(statement)],
        "model": ["tiny"],
        "version": ["1"],
    }


@pytest.fixture(scope="module")
def session(stall: FastAPI) -> Iterator[Any]:
    """A client that raises nothing: what the application does not handle is a 500."""
    with asgi.get_client(stall) as client:
        yield client


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_whatever_is_sent_is_answered_as_described(
    described: Any,
    session: Any,
    known: dict[str, list[str]],
    path: str,
    method: str,
) -> None:
    operation = described[path][method.upper()]
    turn = 0

    def send(case: Case) -> None:
        nonlocal turn
        turn += 1
        if turn % 2:
            # Half of the requests are about something that is there.
            for name, values in known.items():
                if name in (case.path_parameters or {}):
                    case.path_parameters[name] = values[turn // 2 % len(values)]
            if isinstance(case.body, dict):
                case.body |= {"model": "tiny", "inputs": INPUTS} if "model" in case.body else {}
                if path.endswith("/infer"):
                    case.body["inputs"] = TENSORS
        if path.endswith("/infer") and isinstance(case.body, dict):
            if isinstance(case.body.get("parameters", {}), dict):
                case.body.setdefault("parameters", {})["wait"] = 0
        case.call_and_validate(session=session, checks=CHECKS)

    for mode, share in ((GenerationMode.POSITIVE, 1), (GenerationMode.NEGATIVE, 1)):
        examples = SAMPLE or 4 * share
        if mode is GenerationMode.NEGATIVE and not _can_be_wrong(operation):
            continue
        settings(
            max_examples=examples,
            derandomize=not SAMPLE,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )(given(case=operation.as_strategy(generation_mode=mode))(send))()


def _can_be_wrong(operation: Any) -> bool:
    return bool(operation.body or operation.query or operation.path_parameters)


def test_every_example_fits_its_schema(shop: Shop) -> None:
    import jsonschema

    document = create_app(services_of(shop)).openapi()
    found = 0
    for name, schema in document["components"]["schemas"].items():
        if "example" in schema:
            found += 1
            whole = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
            jsonschema.Draft202012Validator(whole).validate(schema["example"])
    assert found >= 15
