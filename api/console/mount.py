"""Putting the console onto an application: pages, files, and refusals as pages."""

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles

from avow.api.console import (
    job_page,
    letters_page,
    models_page,
    providers_page,
    queue_page,
    verify_page,
)
from avow.api.console.render import STATIC, page

_MACHINES = ("/v1/", "/v2/", "/openapi.json", "/healthz", "/readyz", "/metrics")

# What a reader can do about a refusal, by its status.
_ADVICE = {
    404: "It may never have been here, or it was removed. The list of jobs shows what there is.",
    408: "The file did not arrive in time. Try again on a better connection.",
    409: "It may have changed since the page was loaded. The list of jobs shows how it stands.",
    413: "Bundles are far smaller. Was this the right file?",
    422: "Look at what was sent, and send it again.",
    503: "This passes: try again in a few seconds.",
}

Handler = Callable[[Request, Exception], Awaitable[Response]]


def install(app: FastAPI) -> None:
    """Adds the console. Call it last: it wraps the handlers of errors that are there by then.

    A browser gets every refusal as a page of the same status and text; everybody else, and
    whatever asks for the API's own paths, keeps the problem+json.
    """
    for module in (queue_page, job_page, letters_page, models_page, providers_page, verify_page):
        app.include_router(module.router, include_in_schema=False)
    app.mount("/console", StaticFiles(directory=STATIC), name="console")
    for kind, handler in list(app.exception_handlers.items()):
        app.exception_handlers[kind] = _for_readers(handler)


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks, and for a page."""
    accepted = request.headers.get("accept", "")
    return "text/html" in accepted and not request.url.path.startswith(_MACHINES)


def _for_readers(handler: Any) -> Any:
    async def handle(request: Request, error: Exception) -> Response:
        answer: Response = await handler(request, error)
        if not wants_page(request) or answer.media_type != "application/problem+json":
            return answer
        said = json.loads(bytes(answer.body))
        status = answer.status_code
        shown = page(
            request,
            "refusal.html",
            status,
            title=HTTPStatus(status).phrase,
            detail=said["detail"],
            advice=_ADVICE.get(status),
        )
        kept = ("retry-after", "www-authenticate", "connection", "allow")
        for name in kept:
            if name in answer.headers:
                shown.headers[name] = answer.headers[name]
        return shown

    return handle
