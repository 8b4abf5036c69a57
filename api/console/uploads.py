"""Files that a browser sends with a form (multipart/form-data), read to a limit."""

from collections.abc import Collection
from dataclasses import dataclass
from email.errors import MessageError
from email.message import Message
from email.parser import HeaderParser
from http import HTTPStatus

from fastapi import Request

from avow.api.bodies import bounded_body
from avow.api.problems import Problem

# Of everything that a form holds together.
UPLOAD_BYTES = 16 * 2**20
_PARTS = 12
_HEADER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form; `filename` is None for what is no file."""

    filename: str | None
    data: bytes


Form = dict[str, tuple[Part, ...]]


async def read_form(request: Request, several: Collection[str] = ()) -> Form:
    """The fields of a form by name, of those in `several` as many as were sent.

    Raises `Problem`: 400, 408, 413, 415.
    """
    given = request.headers.get("content-type", "")
    head = Message()
    head["content-type"] = given
    boundary = head.get_param("boundary")
    if head.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"expected a form with a file (multipart/form-data), got {given[:80] or 'nothing'}",
        )
    body = await bounded_body(request, UPLOAD_BYTES + _PARTS * _HEADER_BYTES)
    return parse_form(body, boundary, several)


def parse_form(body: bytes, boundary: str, several: Collection[str] = ()) -> Form:
    """The fields of a body, in its order; whatever is cut off is refused (400), and a name that is
    given twice and is none of `several`."""
    try:
        mark = b"\r\n--" + boundary.encode("ascii")
    except UnicodeEncodeError as error:
        raise _damaged("its boundary is not ASCII") from error
    if not 1 <= len(boundary) <= 70:
        raise _damaged("its boundary must have 1 to 70 characters")
    pieces = (b"\r\n" + body).split(mark, _PARTS + 2)
    if len(pieces) > _PARTS + 2:
        raise _damaged(f"it has more than {_PARTS} fields")
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise _damaged("it is cut off")
    found: Form = {}
    for piece in pieces[1:-1]:
        name, part = _part(piece)
        if name in found and name not in several:
            raise _damaged(f"it holds the field {name[:40]!r} twice")
        found[name] = (*found.get(name, ()), part)
    return found


def _part(piece: bytes) -> tuple[str, Part]:
    head, gap, data = piece.partition(b"\r\n\r\n")
    if not gap or not head.startswith(b"\r\n") or len(head) > _HEADER_BYTES:
        raise _damaged("a field has no header")
    try:
        # Browsers write names as they are, in UTF-8.
        message = HeaderParser().parsestr(head[2:].decode("utf-8", "replace") + "\r\n\r\n")
        name = message.get_param("name", header="content-disposition")
        filename = message.get_filename()
    except (MessageError, ValueError, LookupError) as error:
        raise _damaged("a field's header cannot be read") from error
    if message.get_content_disposition() != "form-data" or not isinstance(name, str):
        raise _damaged("a field has no name")
    if filename is not None:
        # Some character sets have halves of characters, which no page can show.
        filename = filename.encode("utf-8", "replace").decode()
    return name, Part(filename, data)


def _damaged(why: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, f"the form is damaged: {why}")
