"""Bundles: fetch one by its statement, have one verified."""

import json
import re
from http import HTTPStatus
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse

from avow.api.bodies import StrictRoute
from avow.api.examples import VERDICT
from avow.api.problems import Problem, refusals
from avow.api.schemas import VerifyBody
from avow.api.services import Offered
from avow.verifier.bundle import MEDIA_TYPE
from avow.verifier.errors import VerificationError
from avow.verifier.policy import Policy, parse_policy
from avow.verifier.verify import verify

router = APIRouter(prefix="/v1", tags=["bundles"], route_class=StrictRoute)

_AT_ONCE = 2
_MAY_WAIT = 8
_STATEMENT = re.compile(r"0x[0-9a-f]{64}")
_limiter: RunVar[CapacityLimiter] = RunVar("avow.api.routes.bundles.limiter")

Statement = Annotated[str, Path(description="Digest: 0x and 64 hexadecimal digits.")]


@router.get(
    "/bundles/{statement}",
    responses={
        200: {"description": "The bundle's canonical bytes.", "content": {MEDIA_TYPE: {}}},
        **refusals(404, 409, 422, 503),
    },
)
def fetch(statement: Statement, offered: Offered) -> Response:
    """The bundle of a statement, for validators and auditors."""
    found = None
    if _STATEMENT.fullmatch(statement):
        found = offered.bundles.find(bytes.fromhex(statement[2:]))
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"no bundle of a statement {statement[:70]!r}")
    return Response(offered.bundles.read(found.name, found.sha256), media_type=MEDIA_TYPE)


@router.post(
    "/verify",
    responses={
        200: {
            "description": "The verdict; `accepted` false names the step and the reason.",
            "content": {"application/json": {"example": VERDICT}},
        },
        **refusals(400, 408, 413, 415, 422, 503),
    },
)
async def check(body: VerifyBody) -> Response:
    """Verify a bundle here. For a verdict that rests on nobody, run `avow verify` yourself."""
    limiter = _verifications()
    if limiter.statistics().tasks_waiting >= _MAY_WAIT:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"{_AT_ONCE} verifications run and {_MAY_WAIT} wait already; try again",
            {"Retry-After": "2"},
        )
    return JSONResponse(await to_thread.run_sync(_verdict, body, limiter=limiter))


def _verdict(body: VerifyBody) -> Any:
    policy = Policy()
    if body.policy is not None:
        try:
            policy = parse_policy(json.dumps(body.policy).encode())
        except VerificationError as error:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"policy: {error.message}") from error
    # Spacing and key order of the request's own JSON are no part of the bundle.
    data = json.dumps(body.bundle, sort_keys=True, separators=(",", ":")).encode("ascii")
    try:
        return verify(data, policy, body.at).to_json()
    except VerificationError as error:
        if error.step == "setup":
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE, f"nothing was decided: {error.message}"
            ) from error
        return {"accepted": False, "step": error.step, "reason": error.message}


def _verifications() -> CapacityLimiter:
    try:
        return _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(_AT_ONCE)
        _limiter.set(limiter)
        return limiter
