"""What a page may set in motion: only for a form of the console's own pages."""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from avow.api.problems import Problem


def from_own_page(request: Request) -> None:
    """Refuses with 403 what no page of this console has sent.

    A browser sends its password along whichever site makes it ask, so the key alone shows nothing.
    """
    site = request.headers.get("sec-fetch-site")
    if site is None:
        # Over plain HTTP to another machine a browser tells the origin alone.
        own = _same_host(request.headers.get("origin", ""), request.headers.get("host", ""))
    else:
        own = site == "same-origin"
    if not own:
        raise Problem(
            HTTPStatus.FORBIDDEN,
            "this was not sent by a page of this console; programs use the API",
        )


def _same_host(origin: str, host: str) -> bool:
    try:
        told = urlsplit(origin).netloc.lower()
    except ValueError:
        return False
    return told != "" and told == host.lower()


OwnPage = Annotated[None, Depends(from_own_page)]
