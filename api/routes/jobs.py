"""Jobs: submit one, follow it, cancel it, fetch its bundle."""

import re
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse

from avow.api.bodies import StrictRoute
from avow.api.examples import JOB
from avow.api.problems import refusals
from avow.api.schemas import JobBody
from avow.api.services import Offered
from avow.prover.errors import UnknownJob
from avow.prover.request import request_from
from avow.verifier.bundle import MEDIA_TYPE

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=StrictRoute)

JobId = Annotated[str, Path(description="32 hexadecimal digits.", examples=[JOB["id"]])]

_JOB_ID = re.compile(r"[0-9a-f]{32}")
_JOB: dict[str, Any] = {"content": {"application/json": {"example": JOB}}}


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    responses={
        202: {"description": "Accepted; follow `Location`.", **_JOB},
        **refusals(400, 408, 413, 415, 422, 503),
    },
)
def submit(body: JobBody, offered: Offered) -> Response:
    """Ask for an answer and its proof."""
    job = offered.queue.submit(request_from(body.model_dump(exclude_unset=True)))
    return JSONResponse(job.to_json(), HTTPStatus.ACCEPTED, {"Location": f"/v1/jobs/{job.id}"})


@router.get(
    "/{job_id}",
    responses={200: {"description": "The job as it stands.", **_JOB}, **refusals(404, 422, 503)},
)
def status(job_id: JobId, offered: Offered) -> Response:
    """State, progress, answer, evidence and history of a job."""
    return JSONResponse(offered.queue.status(_known(job_id)).to_json())


@router.post(
    "/{job_id}/cancel",
    responses={200: {"description": "Cancelled.", **_JOB}, **refusals(404, 409, 422, 503)},
)
def cancel(job_id: JobId, offered: Offered) -> Response:
    """Cancel a job that is not proven yet; a proof under way ends within a second."""
    return JSONResponse(offered.queue.cancel(_known(job_id)).to_json())


@router.get(
    "/{job_id}/bundle",
    responses={
        200: {"description": "The bundle's canonical bytes.", "content": {MEDIA_TYPE: {}}},
        **refusals(404, 409, 422, 503),
    },
)
def bundle(job_id: JobId, offered: Offered) -> Response:
    """What `avow verify` checks."""
    return Response(offered.queue.bundle(_known(job_id)), media_type=MEDIA_TYPE)


def _known(job_id: str) -> str:
    # The database must not see what cannot be an id: PostgreSQL, for one, refuses NUL.
    if not _JOB_ID.fullmatch(job_id):
        raise UnknownJob(f"no job {job_id[:64]!r}: an id has 32 hexadecimal digits")
    return job_id
