"""What both drivers share of httpx: its errors and timeouts in the client's own terms."""

import httpx

from avow.api.client.effects import Failure, Head, Request
from avow.api.client.settings import Settings

# Everything that a connection can do to a request.
TROUBLE = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError)


def timeouts(settings: Settings, request: Request) -> httpx.Timeout:
    """How long to wait for a connection, and for each next piece of an answer."""
    return httpx.Timeout(request.silence, connect=settings.bounds.connect)


def head_of(answer: httpx.Response) -> Head:
    """Status and headers; of a header that came twice, both, with a comma."""
    return Head(answer.status_code, {name.lower(): value for name, value in answer.headers.items()})


def said(error: Exception) -> Failure:
    """What went wrong, without the request's headers."""
    kind = type(error).__name__
    text = str(error)
    return Failure(f"{kind}: {text}" if text else kind)
