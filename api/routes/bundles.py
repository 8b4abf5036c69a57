"""Bundles: fetch one by its statement, have one verified."""

import json
import re
from http import HTTPStatus
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse

from avow.api.access import Checker, Reader
from avow.api.answers import VerdictAnswer
from avow.api.bodies import StrictRoute
from avow.api.problems import Problem, refusals
from avow.api.schemas import VerifyBody
from avow.api.services import Offered
from avow.api.transfer import Conditions, described, transfer
from avow.api.turns import Turns
from avow.prover.judging import Question, judge
from avow.verifier.bundle import parse_bundle
from avow.verifier.errors import VerificationError
from avow.verifier.policy import parse_policy

router = APIRouter(prefix="/v1", tags=["bundles"], route_class=StrictRoute)

_MAY_WAIT = 8
_STATEMENT = re.compile(r"0x[0-9a-f]{64}")
_TURNS = Turns("avow.api.routes.bundles.limiter", 2)

Statement = Annotated[str, Path(description="Digest: 0x and 64 hexadecimal digits.")]


@router.head("/bundles/{statement}", include_in_schema=False)
@router.get(
    "/bundles/{statement}",
    response_class=Response,
    responses={**described(), **refusals(401, 403, 404, 409, 416, 422, 429, 503)},
)
def fetch(
    statement: Statement,
    offered: Offered,
    caller: Reader,
    request: Request,
    conditions: Conditions,
) -> Response:
    """The bundle of a statement, for validators and auditors; any key with `read` gets it."""
    found = None
    if _STATEMENT.fullmatch(statement):
        found = offered.bundles.find(bytes.fromhex(statement[2:]))
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"no bundle of a statement {statement[:70]!r}")
    return transfer(request, offered.bundles.read(found.name, found.sha256), conditions)


@router.post(
    "/verify",
    response_model=VerdictAnswer,
    responses={
        200: {"description": "The verdict; `accepted` false names the step and the reason."},
        **refusals(400, 401, 403, 408, 413, 415, 422, 429, 503),
    },
)
async def check(body: VerifyBody, caller: Checker) -> Response:
    """Verify a bundle here. For a verdict that rests on nobody, run `avow verify` yourself."""
    limiter = _TURNS.limiter()
    if limiter.statistics().tasks_waiting >= _MAY_WAIT:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"{_TURNS.at_once} verifications run and {_MAY_WAIT} wait already; try again",
            {"Retry-After": "2"},
        )
    return JSONResponse(await to_thread.run_sync(_verdict, body, limiter=limiter))


def _verdict(body: VerifyBody) -> dict[str, Any]:
    policy = None
    if body.policy is not None:
        policy = json.dumps(body.policy).encode()
        try:
            parse_policy(policy)
        except VerificationError as error:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"policy: {error.message}") from error
    # Spacing and key order of the request's own JSON are no part of the bundle.
    data = json.dumps(body.bundle, sort_keys=True, separators=(",", ":")).encode("ascii")
    try:
        # Most of what is no bundle need not cost a process.
        parse_bundle(data)
    except VerificationError as error:
        return {"accepted": False, "step": error.step, "reason": error.message}
    return judge(Question(data, policy, body.at))
