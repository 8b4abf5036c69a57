"""One request and its answer: bounded in bytes and time, tried again where that can help."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from avow.api.client.effects import Close, Failure, Head, Open, Pause, Read, Request, Steps
from avow.api.client.errors import Misbehaved, Refused, Unreachable, refusal
from avow.api.client.settings import Settings
from avow.verifier.canonical import check_nesting
from avow.verifier.errors import VerificationError

JSON = "application/json"
PROBLEM = "application/problem+json"
# What the same request may meet with better luck a moment later.
PASSING = frozenset({429, 502, 503, 504})
_PROBLEM_BYTES = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    head: Head
    body: bytes


def headers(settings: Settings, **more: str) -> dict[str, str]:
    """What every request carries; names in `more` have underscores for dashes."""
    found = {"Accept": JSON, "Accept-Encoding": "identity", "User-Agent": "avow-client"}
    if settings.api_key is not None:
        found["Authorization"] = f"Bearer {settings.api_key}"
    return found | {name.replace("_", "-"): value for name, value in more.items()}


def call(
    settings: Settings, request: Request, limit: int, passing: frozenset[int] = PASSING
) -> Steps[Reply]:
    """The answer to a request, below status 300 and of at most `limit` bytes.

    Refusals of a status in `passing` are tried again. Raises Refused, Misbehaved, and Unreachable
    after the last attempt.
    """
    retries = Retries(settings)
    while True:
        outcome = yield from _once(settings, request, limit)
        if isinstance(outcome, Failure):
            yield from retries.wait(outcome)
        elif outcome.head.status < 300:
            return outcome
        else:
            yield from retries.wait(refused(settings, outcome), passing)


class Retries:
    """How often something was tried, and how long to wait before it is tried again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._failed = 0

    def reset(self) -> None:
        """Something came of the last attempt."""
        self._failed = 0

    def wait(self, outcome: Failure | Refused, passing: frozenset[int] = PASSING) -> Steps[None]:
        """Pause, or raise what another attempt would not mend.

        The pauses double, are spread, and are never shorter than the server asks.
        """
        bounds = self._settings.bounds
        error: Refused | Unreachable
        asked = 0.0
        if isinstance(outcome, Failure):
            error = Unreachable(f"{self._settings.url}: {outcome.reason}")
        else:
            error, asked = outcome, outcome.retry_after or 0.0
            if outcome.status not in passing:
                raise error
        self._failed += 1
        if self._failed >= bounds.attempts or asked > bounds.longest_pause:
            raise error
        pause = min(bounds.longest_pause, bounds.first_pause * 2 ** (self._failed - 1))
        yield Pause(max(asked, pause * (0.5 + self._settings.jitter() / 2)))


def opened(request: Request) -> Steps[Head | Failure]:
    """Send a request; refuses what no answer of this protocol may be."""
    head: Head | Failure = yield Open(request)
    if isinstance(head, Failure):
        return head
    if 300 <= head.status < 400:
        yield Close()
        raise Misbehaved(
            f"{request.path}: expected an answer, got {head.status}, a redirect; none is followed"
        )
    if head.headers.get("content-encoding", "identity") != "identity":
        yield Close()
        raise Misbehaved(f"{request.path}: expected an unencoded answer, as was asked")
    return head


def read_on(
    settings: Settings, request: Request, into: bytearray, limit: int, began: float
) -> Steps[Failure | None]:
    """Read the open answer to its end into `into`, which may hold `limit` bytes."""
    while True:
        chunk: bytes | Failure | None = yield Read()
        if chunk is None or isinstance(chunk, Failure):
            return chunk
        if len(into) + len(chunk) > limit:
            yield Close()
            raise Misbehaved(f"{request.path}: expected at most {limit} bytes, got more")
        into += chunk
        if settings.clock() - began > settings.bounds.exchange:
            yield Close()
            return Failure(f"no whole answer within {settings.bounds.exchange:g} s")


def _once(settings: Settings, request: Request, limit: int) -> Steps[Reply | Failure]:
    began = settings.clock()
    head = yield from opened(request)
    if isinstance(head, Failure):
        return head
    body = bytearray()
    most = limit if head.status < 300 else _PROBLEM_BYTES
    failure = yield from read_on(settings, request, body, most, began)
    yield Close()
    return failure or Reply(head, bytes(body))


def refused(settings: Settings, reply: Reply) -> Refused:
    """The typed error of an answer of status 400 and above, whatever its body is."""
    head = reply.head
    title = detail = ""
    if media_type(head) == PROBLEM:
        try:
            value = parse_json(reply.body, "problem")
        except Misbehaved:
            value = None
        if isinstance(value, dict):
            title, detail = (str(value.get(key, "")) for key in ("title", "detail"))
    if settings.api_key is not None:
        # A server may repeat what it was sent, and errors end in logs.
        title, detail = (text.replace(settings.api_key, "***") for text in (title, detail))
    return refusal(head.status, title or "refused", detail, retry_after(head))


def retry_after(head: Head) -> float | None:
    """The header Retry-After in seconds from now, given as a number or as a date."""
    text = head.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def media_type(head: Head) -> str:
    """The answer's media type without parameters."""
    return head.headers.get("content-type", "").partition(";")[0].strip().lower()


def json_of(reply: Reply, what: str) -> dict[str, Any]:
    """The object in an answer; raises Misbehaved."""
    if media_type(reply.head) != JSON:
        raise Misbehaved(f"{what}: expected {JSON}, got {media_type(reply.head)[:60] or 'nothing'}")
    value = parse_json(reply.body, what)
    if not isinstance(value, dict):
        raise Misbehaved(f"{what}: expected an object, got {type(value).__name__}")
    return value


def parse_json(data: bytes, what: str) -> Any:
    """Parse JSON from a stranger; raises Misbehaved for anything that JSON does not define."""
    try:
        # Before the parser, which recurses as deep as the text says.
        check_nesting(data, what)
        return json.loads(data.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite)
    except VerificationError as error:
        raise Misbehaved(error.message) from error
    except (ValueError, RecursionError) as error:
        raise Misbehaved(f"{what}: expected JSON, got {str(error)[:120]}") from error


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text}, which is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]}, which is not finite")
    return value
