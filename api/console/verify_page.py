"""The page for an auditor: drop a bundle, read the verdict."""

from http import HTTPStatus

from anyio import to_thread
from fastapi import APIRouter, Request, Response

from avow.api.access import Checker
from avow.api.console.checking import judge
from avow.api.console.plain_words import explain
from avow.api.console.render import page
from avow.api.console.uploads import UPLOAD_BYTES, Part, read_form
from avow.api.problems import Problem
from avow.verifier.errors import VerificationError
from avow.verifier.policy import parse_policy

router = APIRouter()

_POLICY_BYTES = 2**20


@router.get("/verify")
def form(request: Request) -> Response:
    """The form."""
    return page(request, "verify.html", title="Verify a bundle", told=None, most=UPLOAD_BYTES)


@router.post("/verify")
async def check(request: Request, caller: Checker) -> Response:
    """The verdict on the bundle of a form; 200 whether it convinces or not."""
    fields = await read_form(request)
    bundle, policy = fields.get("bundle"), fields.get("policy")
    if bundle is None or not bundle.data:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "expected a bundle, got no file")
    wanted = await to_thread.run_sync(_policy, policy)
    unsafe = "unsafe" in fields
    judged = await judge(bundle.data, wanted, unsafe)
    return page(
        request,
        "verify.html",
        title="Verdict",
        told=explain(judged),
        judged=judged,
        filename=(bundle.filename or "the file")[:120],
        size=len(bundle.data),
        with_policy=wanted is not None,
        unsafe=unsafe,
        most=UPLOAD_BYTES,
    )


def _policy(part: Part | None) -> bytes | None:
    """The policy that was sent along; refused before any bundle is looked at."""
    if part is None or not part.data:
        return None
    if len(part.data) > _POLICY_BYTES:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"policy: expected at most {_POLICY_BYTES} bytes, got {len(part.data)}",
        )
    try:
        parse_policy(part.data)
    except VerificationError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"policy: {error.message}") from error
    return part.data
