"""A provider inside the test: it keeps the protocol and really proves, until told to lie."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import httpx

from avow.api.client.settings import Bounds
from avow.verifier.bundle import MEDIA_TYPE, Bundle
from avow.verifier.fields import to_hex
from avow.verifier.policy import Policy
from avow.verifier.tensor import Tensor, parse_tensor
from tests.circuits.sumcheck import small

UNSAFE = Policy(unsafe_allow_unsafe_srs=True)
# Nobody waits in a test.
QUICK = Bounds(first_pause=0.001, longest_pause=0.01, poll_first=0.001, poll_longest=0.002)
JOB = "0f" * 16
KEY = "the-same-each-time"
Handler = Callable[[httpx.Request], httpx.Response]


@cache
def bundle(values: tuple[Tensor, ...], nonce: int) -> Bundle:
    """The proven answer to an input under a nonce, off chain."""
    return small.bundle(small.compiled(), values, nonce)


def reals(row: int = 0) -> list[float]:
    """A held-out row as real numbers."""
    (tensor,) = small.inputs(row=row)
    return list(small.stored().record.inputs[0].dequantise(tensor))


def problem(status: int, detail: str, **headers: str) -> httpx.Response:
    """A refusal as the API makes it."""
    body = {"type": "about:blank", "title": "No", "status": status, "detail": detail}
    return httpx.Response(
        status,
        headers={"content-type": "application/problem+json", **headers},
        content=json.dumps(body).encode(),
    )


@dataclass
class Provider:
    """Answers every route of the protocol; each attribute that is a handler replaces one route.

    `jobs` holds the bodies by Idempotency-Key, `seen` every request.
    """

    on: dict[str, Handler] = field(default_factory=dict)
    alter: Callable[[Bundle], Bundle] = lambda found: found
    seen: list[httpx.Request] = field(default_factory=list)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        route = f"{request.method} {request.url.path.replace(JOB, '*')}"
        if route in self.on:
            return self.on[route](request)
        if route == "GET /v1/models":
            return httpx.Response(200, json={"models": [self.offer()]})
        if route == "POST /v1/jobs":
            return self.submitted(request)
        if route in ("GET /v1/jobs/*", "POST /v1/jobs/*/cancel"):
            return httpx.Response(200, json=self.job("cancelled" if "POST" in route else "proven"))
        if route == "GET /v1/jobs/*/events":
            return problem(404, "no events here")
        if route == "GET /v1/jobs/*/bundle":
            return self.part(request)
        return problem(404, f"no route {route}")

    @property
    def transport(self) -> httpx.MockTransport:
        """For either client."""
        return httpx.MockTransport(lambda request: fresh(self(request)))

    def asked(self, method: str, path: str) -> list[httpx.Request]:
        """The requests of one route."""
        return [one for one in self.seen if (one.method, one.url.path) == (method, path)]

    def offer(self) -> dict[str, Any]:
        """The one model."""
        made = small.compiled().artifact
        return {
            "model": to_hex(made.model.digest()),
            "record": to_hex(made.record.digest()),
            "signed": False,
            "model_record": made.model.to_json(),
            "system_record": made.record.to_json(),
        }

    def submitted(self, request: httpx.Request) -> httpx.Response:
        """202, or 422 where the key belongs to another body."""
        body = json.loads(request.content)
        if self.keys.setdefault(request.headers["idempotency-key"], body) != body:
            return problem(422, "the key belongs to another request")
        self.body = body
        return httpx.Response(202, json=self.job("queued"))

    def job(self, state: str) -> dict[str, Any]:
        """The job in some state."""
        made = small.compiled().artifact
        return {
            "id": JOB,
            "state": state,
            "reason": "as it is",
            "model": to_hex(made.model.digest()),
            "nonce": self.body.get("nonce", "1"),
            "created_at": 1_700_000_000_000,
            "updated_at": 1_700_000_000_000,
            "deadline": 1_700_000_100_000,
            "evidence": [
                {
                    "leg": 0,
                    "system": "sumcheck/v1",
                    "record": to_hex(made.record.digest()),
                    "state": "delivered",
                }
            ],
            "history": [],
        }

    def data(self) -> bytes:
        """The bundle's bytes, altered as the test wants."""
        values = tuple(map(parse_tensor, self.body["inputs"]))
        return self.alter(bundle(values, int(self.body["nonce"]))).encode()

    def part(self, request: httpx.Request) -> httpx.Response:
        """The bundle, or the part that was asked for."""
        return ranged(self.data(), request)


def fresh(answer: httpx.Response) -> httpx.Response:
    """The answer as if it came over a connection: not one byte of it is read yet."""
    if not answer.is_stream_consumed:
        return answer
    body = httpx.ByteStream(answer.content)
    return httpx.Response(answer.status_code, headers=answer.headers, stream=body)


def ranged(data: bytes, request: httpx.Request, cut: int | None = None) -> httpx.Response:
    """Bytes with ETag and Range as the API serves them; `cut` ends the answer early."""
    etag = f'"{hashlib.sha256(data).hexdigest()}"'
    headers = {"content-type": MEDIA_TYPE, "etag": etag, "accept-ranges": "bytes"}
    wanted = request.headers.get("range")
    if wanted is not None and request.headers.get("if-range") == etag:
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        headers["content-range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return broken(206, headers, data[start:], cut)
    return broken(200, headers, data, cut)


def broken(
    status: int, headers: dict[str, str], data: bytes, cut: int | None = None
) -> httpx.Response:
    """An answer that breaks off after `cut` bytes, whole without one."""
    if cut is None or cut >= len(data):
        return httpx.Response(status, headers=headers, content=data)
    length = {"content-length": str(len(data))}
    return httpx.Response(status, headers=headers | length, stream=_Broken(data[:cut]))


class _Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self._data
        raise httpx.ReadError("the connection was reset")

    async def __aiter__(self) -> Any:
        yield self._data
        raise httpx.ReadError("the connection was reset")


class Endless(httpx.SyncByteStream):
    """The same bytes again and again; `taken` counts them."""

    def __init__(self, piece: bytes) -> None:
        self._piece = piece
        self.taken = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.taken += len(self._piece)
            yield self._piece

    def close(self) -> None:
        """Remember that the client let go."""
        self.closed = True


def other_nonce(found: Bundle) -> Bundle:
    """A proof of the same answer, made for somebody else's request."""
    return bundle(found.inputs or (), 7)


def other_inputs(found: Bundle) -> Bundle:
    """A true proof about another input, under the nonce that was asked for."""
    return bundle(small.inputs(row=1), found.statement.nonce)


def other_model(found: Bundle) -> Bundle:
    """The bundle with the record of a model that is called otherwise."""
    model = replace(found.model, name="another")
    system = replace(found.system, model=model.digest())
    statement = replace(found.statement, model=model.digest())
    return replace(found, model=model, system=system, statement=statement)
