"""Templates to responses: what is written into a page is escaped, and no script is inline."""

from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from avow.api.access import Caller
from avow.api.console import shown, states
from avow.prover.access.keys import Scope
from avow.prover.version import VERSION

_FOLDER = Path(__file__).parent
STATIC = _FOLDER / "static"

# Nothing but this server's own files, and no script or style within a page.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "moment": shown.moment,
        "exact": shown.exact,
        "duration": shown.duration,
        "size": shown.size,
        "whole": shown.whole,
        "real": shown.real,
        "short": shown.short,
        "digest": shown.digest,
        "words": shown.words,
        "money": shown.money,
        "stage": states.stage,
    }
    made.globals |= {"sign": states.sign, "version": VERSION, "not_known": shown.NOT_KNOWN}
    return made


def page(
    request: Request, template: str, status: int = HTTPStatus.OK, **values: Any
) -> HTMLResponse:
    """The page that a template makes of `values`."""
    text = (
        _environment()
        .get_template(template)
        .render(
            path=request.url.path,
            operator=_operator(request),
            status=int(status),
            reload_seconds=_reload(request),
            **values,
        )
    )
    return HTMLResponse(text, status, HEADERS)


def _operator(request: Request) -> bool:
    """Whether the reader may open what is for operators alone."""
    caller = request.scope.get("avow.caller")
    return isinstance(caller, Caller) and caller.allows(Scope.ADMIN)


def _reload(request: Request) -> int | None:
    """How often a reader without scripts wants the page loaded again; None unless asked for."""
    asked = request.query_params.get("reload", "")
    return int(asked) if asked in ("5", "30") else None
