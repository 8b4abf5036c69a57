"""Request bodies from strangers: bounded, declared as JSON, strictly parsed off the event loop."""

import json
import math
from collections.abc import Callable, Coroutine
from functools import partial
from http import HTTPStatus
from typing import Any

from anyio import fail_after, to_thread
from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.requests import ClientDisconnect

from avow.api.problems import Problem
from avow.api.turns import Turns
from avow.verifier.limits import LIMITS

# Deep enough for every format of this project.
_MAX_DEPTH = 32
# Every key that a shape does not know becomes an error with a message: a million of them, which
# fit into one body, would take seconds and gigabytes.
_MOST_KEYS = LIMITS.object_keys
JSON_BODY_BYTES = 8 * 2**20
# A parsed body takes many times its size, so only a few are parsed at a time.
_PARSERS = Turns("avow.api.bodies.limiter", 4)


class StrictRequest(Request):
    """A request whose body is read to a limit and parsed without JSON's usual leniency."""

    _parsed: Any
    _have_parsed: bool = False
    _read: bytes | None = None

    async def body(self) -> bytes:
        """The whole body; more than `JSON_BODY_BYTES` is refused before it is read to the end."""
        if self._read is None:
            self._read = await bounded_body(self, JSON_BODY_BYTES)
        return self._read

    async def json(self) -> Any:
        """The parsed body; refuses an empty body, NaN, duplicate keys and deep nesting."""
        if not self._have_parsed:
            data = await self.body()
            self._parsed = await to_thread.run_sync(parse_json, data, limiter=_PARSERS.limiter())
            self._have_parsed = True
        return self._parsed


async def bounded_body(request: Request, most: int) -> bytes:
    """The whole body; more than `most` bytes are refused before they are read to the end.

    Raises `Problem`: 413, 408 after the seconds that the configuration gives, 400 where the client
    goes away.
    """
    seconds = request.app.state.services.config.api.body_seconds
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared[:20]) > most:
        raise _too_large(most)
    data = bytearray()
    try:
        with fail_after(seconds):
            async for chunk in request.stream():
                data += chunk
                if len(data) > most:
                    raise _too_large(most)
    except TimeoutError as error:
        raise Problem(
            HTTPStatus.REQUEST_TIMEOUT,
            f"expected the whole body within {seconds} s, got {len(data)} bytes",
            {"Connection": "close"},
        ) from error
    except ClientDisconnect as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "the client went away") from error
    return bytes(data)


class StrictRoute(APIRoute):
    """A route whose JSON bodies are `StrictRequest`s."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler behind the checks on the body."""
        inner = super().get_route_handler()
        wants_body = self.body_field is not None

        async def handle(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            if wants_body:
                _check_media_type(strict)
                # An absent body would reach the framework as "field required".
                await strict.json()
            return await inner(strict)

        return handle


def parse_json(data: bytes, what: str = "the body") -> Any:
    """Parse a JSON document in UTF-8; raises `Problem` (400) for anything JSON does not define.

    `what` is how the message calls the document.
    """
    if not data.strip():
        raise Problem(HTTPStatus.BAD_REQUEST, f"expected a JSON object in {what}, got nothing")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(
            HTTPStatus.BAD_REQUEST, f"{what} is not UTF-8: byte {error.start} is no character"
        ) from error
    try:
        # json recurses on the C stack as deep as the process-wide limit, which any library may
        # raise (py_ecc does): a deep nest would end the process. This parser stops at 200 levels.
        from_json(data, cache_strings="none")
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=partial(_object, what=what),
        )
    except json.JSONDecodeError as error:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            f"{what} is not JSON: {error.msg} (line {error.lineno}, column {error.colno})",
        ) from error
    except ValueError as error:
        if "recursion" in str(error):
            raise _too_deep(what) from error
        raise Problem(HTTPStatus.BAD_REQUEST, f"{what} is not JSON: {error}") from error
    _check_depth(value, what)
    return value


def _refuse_constant(name: str) -> Any:
    raise Problem(HTTPStatus.BAD_REQUEST, f"expected finite numbers, got {name}")


def _finite(text: str) -> float:
    # JSON allows 1e999, which Python reads as infinity.
    value = float(text)
    if not math.isfinite(value):
        raise Problem(HTTPStatus.BAD_REQUEST, f"expected finite numbers, got {text[:40]}")
    return value


def _object(pairs: list[tuple[str, Any]], what: str) -> dict[str, Any]:
    if len(pairs) > _MOST_KEYS:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            f"{what} holds an object of {len(pairs)} keys, at most {_MOST_KEYS} may be",
        )
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Problem(HTTPStatus.BAD_REQUEST, f"{what} holds the key {key[:80]!r} twice")
        found[key] = value
    return found


def _check_depth(value: Any, what: str) -> None:
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise _too_deep(what)


def _check_media_type(request: Request) -> None:
    given = request.headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() != "application/json":
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"expected content-type application/json, got {given[:80] or 'none'}",
        )


def _too_large(most: int) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"expected a body of at most {most} bytes, got more",
        {"Connection": "close"},
    )


def _too_deep(what: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, f"{what} nests deeper than {_MAX_DEPTH} levels")
