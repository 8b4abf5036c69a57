"""What is noted of every request: an id, one line in the log, metrics.

The id is the caller's `X-Request-Id` where that is one, else new; the answer repeats it. Only the
route's pattern is noted, never the address, its query, the caller or anything of a body.
"""

from __future__ import annotations

import logging
import re
import time
import uuid

from prometheus_client import CollectorRegistry, Histogram
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from avow.prover import tracing
from avow.prover.logs import about
from avow.prover.metrics import names
from avow.prover.metrics.serve import counter_of

_LOG = logging.getLogger("avow.api")
_HEADER, _TRACE = b"x-request-id", b"traceparent"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Asked every few seconds by machines.
_POLLED = frozenset({"/healthz", "/readyz", "/metrics"})


class Observed:
    """ASGI middleware around everything else, so that it sees every answer, refusals included."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = counter_of(names.HTTP_REQUESTS, registry)
        metric = names.HTTP_SECONDS
        self._seconds = Histogram(
            metric.name, metric.help, metric.labels, registry=registry, buckets=metric.bounds
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or hand a lifespan on untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _request_id(scope)
        status = 500
        began = time.perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request
            await send(message)

        given = _header(scope, _TRACE)
        with about(request=request), tracing.serving("HTTP", given) as span:
            try:
                await self._app(scope, receive, sending)
            finally:
                self._note(scope, status, time.perf_counter() - began)
                if span is not None:
                    method, route = _named(scope)
                    span.update_name(f"{method} {route}")
                    span.set_attribute("http.response.status_code", status)
                    span.set_attribute("avow.request", request)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = _named(scope)
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
        level = logging.DEBUG if route in _POLLED and status < 500 else logging.INFO
        _LOG.log(level, "%s %s status=%d seconds=%.3f", method, route, status, seconds)


def _named(scope: Scope) -> tuple[str, str]:
    """Method and route's pattern, of which there are few."""
    method = scope["method"] if scope["method"] in _METHODS else "OTHER"
    return method, getattr(scope.get("route"), "path", None) or "unmatched"


def _request_id(scope: Scope) -> str:
    given = _header(scope, _HEADER)
    return given if _ID.fullmatch(given) else uuid.uuid4().hex


def _header(scope: Scope, wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), "")
