"""The page for an auditor: drop a bundle, or several with a policy over them; read the verdict."""

from dataclasses import dataclass
from http import HTTPStatus

from anyio import to_thread
from fastapi import APIRouter, Request, Response

from avow.api.access import Checker
from avow.api.console.checking import judge
from avow.api.console.plain_words import explain
from avow.api.console.render import page
from avow.api.console.together import explain_together
from avow.api.console.uploads import UPLOAD_BYTES, Form, Part, read_form
from avow.api.problems import Problem
from avow.verifier import canonical
from avow.verifier.errors import VerificationError
from avow.verifier.mixed.policy import FORMAT, MOST_BUNDLES, parse_evidence_policy
from avow.verifier.policy import parse_policy

router = APIRouter()

_POLICY_BYTES = 2**20


@router.get("/verify")
def form(request: Request) -> Response:
    """The form."""
    return page(request, "verify.html", title="Verify a bundle", told=None, **_limits())


@router.post("/verify")
async def check(request: Request, caller: Checker) -> Response:
    """The verdict on the bundles of a form; 200 whether they convince or not."""
    fields = await read_form(request, {"bundle"})
    bundles = _bundles(fields)
    wanted = await to_thread.run_sync(_policy, fields.get("policy", (None,))[0])
    together = wanted is not None and wanted.over_all
    if len(bundles) > 1 and not together:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"several bundles: expected a policy of the format {FORMAT}, which says which of them "
            f"must convince, got {'none' if wanted is None else 'one for a single bundle'}",
        )
    unsafe = "unsafe" in fields
    policy = None if wanted is None else wanted.data
    judged = await judge([one.data for one in bundles], policy, unsafe)
    names = [(one.filename or "the file")[:120] for one in bundles]
    return page(
        request,
        "together.html" if together else "verify.html",
        title="Verdict",
        told=explain_together(judged, names) if together else explain(judged),
        judged=judged,
        files=list(zip(names, (len(one.data) for one in bundles), strict=True)),
        with_policy=wanted is not None,
        unsafe=unsafe,
        **_limits(),
    )


def _limits() -> dict[str, int]:
    return {"most": UPLOAD_BYTES, "most_bundles": MOST_BUNDLES}


def _bundles(fields: Form) -> list[Part]:
    """The files of the form that hold something, in its order."""
    bundles = [one for one in fields.get("bundle", ()) if one.data]
    if not bundles:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "expected a bundle, got no file")
    if len(bundles) > MOST_BUNDLES:
        said = f"expected at most {MOST_BUNDLES} bundles, got {len(bundles)}"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, said)
    return bundles


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A policy file that was parsed; `over_all`: an evidence policy over all bundles."""

    data: bytes
    over_all: bool


def _policy(part: Part | None) -> _Wanted | None:
    """The policy that was sent along; refused before any bundle is looked at."""
    if part is None or not part.data:
        return None
    if len(part.data) > _POLICY_BYTES:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"policy: expected at most {_POLICY_BYTES} bytes, got {len(part.data)}",
        )
    try:
        value = canonical.parse_lenient(part.data, _POLICY_BYTES, "policy")
        over_all = isinstance(value, dict) and value.get("format") == FORMAT
        if over_all:
            parse_evidence_policy(part.data)
        else:
            parse_policy(part.data)
    except VerificationError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"policy: {error.message}") from error
    return _Wanted(part.data, over_all)
