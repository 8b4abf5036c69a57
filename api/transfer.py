"""Sending a bundle: whole, in part, or not at all where the client has it (RFC 9110)."""

import hashlib
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response

from avow.api.problems import Problem
from avow.verifier.bundle import MEDIA_TYPE

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII | re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_WHOLE: dict[str, Any] = {"schema": {"type": "object"}}


@dataclass(frozen=True, slots=True)
class Asked:
    """The conditions of a request, as its headers said them."""

    range: str | None
    if_range: str | None
    if_none_match: str | None


def _asked(
    range_: Annotated[
        str | None, Header(alias="Range", description="One range, as in bytes=0-1023.")
    ] = None,
    if_range: Annotated[
        str | None, Header(alias="If-Range", description="Send a part only of this ETag.")
    ] = None,
    if_none_match: Annotated[
        str | None, Header(alias="If-None-Match", description="ETags that the client has.")
    ] = None,
) -> Asked:
    return Asked(range_, if_range, if_none_match)


Conditions = Annotated[Asked, Depends(_asked)]


def transfer(request: Request, data: bytes, asked: Asked) -> Response:
    """The response that sends `data`, a bundle; its strong ETag is the SHA-256 in hexadecimal.

    A part only where the request asks for one range that there is; several ranges, other units
    and malformed ones get the whole, as RFC 9110 allows. Raises Problem 416 for a range that
    begins after the end.
    """
    tag = f'"{hashlib.sha256(data).hexdigest()}"'
    headers = {
        "ETag": tag,
        "Accept-Ranges": "bytes",
        # The same address never gives other bytes, but only who may see them may keep them.
        "Cache-Control": "private, max-age=31536000, immutable",
    }
    if asked.if_none_match is not None and _matches(asked.if_none_match, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    wanted = asked.range if request.method == "GET" else None
    if wanted is not None and asked.if_range not in (None, tag):
        wanted = None
    part = None if wanted is None else _part(wanted, len(data))
    if part is None:
        headers["Content-Length"] = str(len(data))
        body = data if request.method == "GET" else b""
        return Response(body, headers=headers, media_type=MEDIA_TYPE)
    headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(data)}"
    body = data[part.start : part.stop]
    return Response(body, HTTPStatus.PARTIAL_CONTENT, headers, MEDIA_TYPE)


def described() -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of what `transfer` answers."""
    return {
        200: {"description": "The bundle's canonical bytes.", "content": {MEDIA_TYPE: _WHOLE}},
        206: {"description": "The part asked for.", "content": {MEDIA_TYPE: {}}},
        304: {"description": "The client has it."},
    }


def _matches(header: str, tag: str) -> bool:
    return header.strip() == "*" or tag in _TAG.findall(header)


def _part(header: str, size: int) -> range | None:
    match = _RANGE.fullmatch(header.strip())
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        start, stop = max(0, size - int(match[2])), size
    else:
        start = int(match[1])
        stop = size if match[2] == "" else min(size, int(match[2]) + 1)
        if match[2] and int(match[2]) < start:
            return None
    if start >= size:
        raise Problem(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"the bundle has {size} bytes",
            {"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"},
        )
    return range(start, stop)
