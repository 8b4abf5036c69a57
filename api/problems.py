"""RFC 9457 problem+json: how the API says no."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.types import Scope

from avow.api.errors import ApiError, describe, one_line
from avow.circuits.errors import CircuitError
from avow.models.errors import ModelError
from avow.prover.errors import (
    BrokerUnavailable,
    ConfigurationError,
    DatabaseUnavailable,
    IllegalTransition,
    KeyInUse,
    KeyReused,
    NotReady,
    ProverError,
    QueueFull,
    QuotaReached,
    RequestRefused,
    UnknownJob,
    UnknownKey,
    UnknownWebhook,
)
from avow.verifier.errors import VerificationError

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger("avow.api")

# First match wins, so that a class stands before its base.
_STATUS: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (RequestRefused, HTTPStatus.UNPROCESSABLE_ENTITY),
    (QuotaReached, HTTPStatus.TOO_MANY_REQUESTS),
    (QueueFull, HTTPStatus.SERVICE_UNAVAILABLE),
    (KeyReused, HTTPStatus.UNPROCESSABLE_ENTITY),
    (KeyInUse, HTTPStatus.CONFLICT),
    (UnknownJob, HTTPStatus.NOT_FOUND),
    (UnknownKey, HTTPStatus.NOT_FOUND),
    (UnknownWebhook, HTTPStatus.NOT_FOUND),
    (NotReady, HTTPStatus.CONFLICT),
    (IllegalTransition, HTTPStatus.CONFLICT),
    (DatabaseUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (BrokerUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (ConfigurationError, HTTPStatus.SERVICE_UNAVAILABLE),
    (ProverError, HTTPStatus.SERVICE_UNAVAILABLE),
    (VerificationError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (ModelError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (CircuitError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (ApiError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (OSError, HTTPStatus.SERVICE_UNAVAILABLE),
)


# What these say names addresses, accounts and folders of the installation: for its log only.
_INWARD: tuple[tuple[type[Exception], str], ...] = (
    (DatabaseUnavailable, "the job database cannot be reached or written now"),
    (BrokerUnavailable, "the message broker cannot be reached now"),
    (ConfigurationError, "this server is not set up for that; its log says why"),
    (OSError, "this server's files or network refused; its log says why"),
)


class ProblemDetails(BaseModel):
    """The body of every refusal. `detail` is one line: what was expected and what came."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Unprocessable Content",
                "status": 422,
                "detail": "inputs: 'pixels' needs 64 values (shape [1, 64]), got 63",
            }
        }
    )

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class Problem(HTTPException):
    """A refusal decided in this room."""

    def __init__(
        self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status.value, one_line(detail), headers)


def of(error: Exception) -> Problem:
    """The refusal that an error of any room means."""
    status = next(code for kind, code in _STATUS if isinstance(error, kind))
    headers = {}
    if isinstance(error, QueueFull):
        headers["Retry-After"] = str(error.seconds)
    elif isinstance(error, KeyInUse):
        headers["Retry-After"] = "1"
    elif status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "5"
    told = next((text for kind, text in _INWARD if isinstance(error, kind)), None)
    if told is not None:
        _LOG.error("answered %d: %s", status, describe(error))
    return Problem(status, told or describe(error), headers)


def refuse(scope: Scope, problem: HTTPException) -> JSONResponse:
    """The response for a refusal of the request in `scope`."""
    status, detail = problem.status_code, one_line(str(problem.detail))
    body = ProblemDetails(title=HTTPStatus(status).phrase, status=status, detail=detail)
    content = body.model_dump()
    if str(scope.get("path", "")).startswith("/v2"):
        # Where clients of the Open Inference Protocol look.
        content["error"] = detail
    return JSONResponse(content, status, dict(problem.headers or {}), MEDIA_TYPE)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of the problems that a route may answer with."""
    example = ProblemDetails.model_config["json_schema_extra"]
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "model": ProblemDetails,
            "content": {MEDIA_TYPE: example},
        }
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Make every refusal of `app` a problem, those of the framework included."""

    @app.exception_handler(HTTPException)
    async def _refused(request: Request, error: HTTPException) -> JSONResponse:
        return refuse(request.scope, error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return refuse(request.scope, Problem(HTTPStatus.UNPROCESSABLE_ENTITY, invalid(error)))

    @app.exception_handler(Exception)
    async def _defect(request: Request, error: Exception) -> JSONResponse:
        # The server logs the traceback; the stranger learns nothing of it.
        detail = "a defect of this server; it was logged"
        return refuse(request.scope, Problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail))

    async def _room(request: Request, error: Exception) -> JSONResponse:
        return refuse(request.scope, of(error))

    for kind, _ in _STATUS:
        app.add_exception_handler(kind, _room)


def invalid(error: RequestValidationError) -> str:
    """The first fault of a request in one line, and how many more there are.

    The offending value is not repeated: it may be huge.
    """
    faults = error.errors()
    first = faults[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "path", "query"))
    others = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{where[:100] or 'body'}: {first['msg']}{others}"
