"""The gate before every route: who asks, and whether they have asked too often."""

import ipaddress
import math
import re
import time
from dataclasses import dataclass
from http import HTTPStatus

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from avow.api import problems
from avow.api.access import BASIC, BEARER, Caller, key_of
from avow.api.services import Services
from avow.prover.access.keys import ApiKey
from avow.prover.access.rates import Allowance, Rate, spend
from avow.prover.errors import DatabaseUnavailable

# Asked by machines that hold no key; they tell nothing about anybody's work.
OPEN = frozenset(
    {"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/v2", "/openapi.json"}
)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_USUAL_PER_MINUTE = 600
_BURST_SHARE = 6


@dataclass(frozen=True, slots=True)
class Terms:
    """Whether a key is required, and the requests a minute of one caller; 0 for no limit.

    `here_only`: nothing but this machine's own programs may ask, by its own address.
    """

    keys_required: bool
    per_minute: int
    here_only: bool = False


def terms_of(services: Services, reachable: bool, here_only: bool) -> Terms:
    """The terms of a configuration; `reachable` is whether other machines reach the API."""
    choice, rate = services.config.api_keys, services.config.api_rate
    required = choice == "required" or (choice == "auto" and reachable)
    usual = _USUAL_PER_MINUTE if required else 0
    return Terms(required, usual if rate is None else rate, here_only and choice == "auto")


class Gate:
    """Puts the `Caller` into the scope, or answers 401, 403, 421 or 429 itself."""

    def __init__(self, app: ASGIApp, services: Services, terms: Terms) -> None:
        self._app = app
        self._services = services
        self._terms = terms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through to the application, with the headers of its rate limit."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = _cross_site(scope, headers)
        if refusal is None and self._terms.here_only and scope["path"] not in OPEN:
            refusal = _from_elsewhere(scope, headers)
        limit: tuple[Rate, Allowance] | None = None
        if refusal is None and scope["path"] not in OPEN:
            try:
                caller = await self._identify(scope, headers)
                limit = await self._count(caller, scope)
            except DatabaseUnavailable as error:
                refusal = problems.refuse(scope, problems.of(error))
            else:
                refusal = self._refused(caller, limit, scope, headers)
                if caller is not None:
                    scope["avow.caller"] = caller
        elif refusal is None:
            scope["avow.caller"] = Caller(None)

        async def answer(message: Message) -> None:
            if limit is not None and message["type"] == "http.response.start":
                _describe(MutableHeaders(scope=message), *limit)
            await send(message)

        await (refusal or self._app)(scope, receive, answer)

    async def _identify(self, scope: Scope, headers: Headers) -> Caller | None:
        if not self._terms.keys_required:
            return Caller(None)
        given = headers.get("authorization", "")
        # A browser sends a password along on its own, even when another site makes it ask.
        from_browser = given[:6].lower() == "basic "
        if not given or (from_browser and _is_interface(scope) and scope["method"] not in _SAFE):
            return None
        now = time.time_ns() // 1_000_000
        key: ApiKey | None = await to_thread.run_sync(key_of, self._services.database, given, now)
        return None if key is None else Caller(key)

    async def _count(self, caller: Caller | None, scope: Scope) -> tuple[Rate, Allowance] | None:
        key = caller.key if caller is not None else None
        per_minute = self._terms.per_minute
        if key is not None and key.per_minute is not None:
            per_minute = key.per_minute
        if per_minute == 0:
            return None
        bucket = f"address:{_network(scope)}" if key is None else f"key:{key.id}"
        rate = Rate(per_minute, max(1, per_minute // _BURST_SHARE))
        now = time.time_ns() // 1000
        spent = await to_thread.run_sync(spend, self._services.database, bucket, rate, now)
        return rate, spent

    def _refused(
        self,
        caller: Caller | None,
        limit: tuple[Rate, Allowance] | None,
        scope: Scope,
        headers: Headers,
    ) -> ASGIApp | None:
        if limit is not None and not limit[1].allowed:
            seconds = math.ceil(limit[1].wait)
            detail = f"more than {limit[0].per_minute} requests a minute; try again in {seconds} s"
            problem = problems.Problem(
                HTTPStatus.TOO_MANY_REQUESTS, detail, {"Retry-After": str(seconds)}
            )
            return problems.refuse(scope, problem)
        if caller is None:
            page = "text/html" in headers.get("accept", "") and not _is_interface(scope)
            detail = "an API key is required: Authorization: Bearer avow_..."
            problem = problems.Problem(
                HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": BASIC if page else BEARER}
            )
            return problems.refuse(scope, problem)
        return None


def _cross_site(scope: Scope, headers: Headers) -> ASGIApp | None:
    # On the loopback address no key protects from what a web page elsewhere makes a browser send.
    # Another port of this machine is the same site to a browser, but not the same origin.
    foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
    if foreign and scope["method"] not in _SAFE:
        problem = problems.Problem(HTTPStatus.FORBIDDEN, "another web site's page sent this")
        return problems.refuse(scope, problem)
    return None


def _from_elsewhere(scope: Scope, headers: Headers) -> ASGIApp | None:
    # A name that leads to the loopback address makes a browser take its owner's page for this
    # API's own, and a proxy on this machine hands on what strangers send.
    forwarded = "forwarded" in headers or "x-forwarded-for" in headers
    if not forwarded and _is_here(headers.get("host", "")):
        return None
    detail = (
        "without API keys only this machine is served, by the name localhost or its address: "
        "set AVOW_API_KEYS=required, or off"
    )
    return problems.refuse(scope, problems.Problem(HTTPStatus.MISDIRECTED_REQUEST, detail))


def _is_here(host: str) -> bool:
    name = re.sub(r":[0-9]{1,5}\Z", "", host).lower()
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return name in ("", "localhost") or name.endswith(".localhost")


def _is_interface(scope: Scope) -> bool:
    return str(scope["path"]).startswith(("/v1/", "/v2/"))


def _network(scope: Scope) -> str:
    client = scope.get("client")
    try:
        address = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        # One subscriber commonly has that many addresses.
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _describe(headers: MutableHeaders, rate: Rate, spent: Allowance) -> None:
    headers["RateLimit-Policy"] = f'"caller";q={rate.per_minute};w=60'
    headers["RateLimit"] = f'"caller";r={spent.remaining};t={math.ceil(spent.drained)}'
