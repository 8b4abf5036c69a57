"""Jobs: submit one, list them, follow one, cancel it, fetch its bundle."""

import re
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from avow.api.access import Caller, Operator, Reader, Submitter
from avow.api.answers import JobAnswer, JobsAnswer
from avow.api.bodies import StrictRoute
from avow.api.events import MEDIA_TYPE as EVENTS
from avow.api.examples import EVENT_STREAM, JOB
from avow.api.idempotency import IdempotencyKey, once
from avow.api.problems import Problem, refusals
from avow.api.quotas import quota_of
from avow.api.schemas import JobBody
from avow.api.services import Offered, Services
from avow.api.transfer import Conditions, described, transfer
from avow.prover.errors import UnknownJob
from avow.prover.job import Job
from avow.prover.listing import MOST, Wanted
from avow.prover.request import request_from
from avow.prover.webhooks.registry import make_wish, of_job
from avow.verifier.lifecycle import JobState

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=StrictRoute)

Leg = Annotated[int | None, Query(ge=0, le=255, description="One leg of a job that has several.")]
JobId = Annotated[str, Path(description="32 hexadecimal digits.", examples=[JOB["id"]])]

_JOB_ID = re.compile(r"[0-9a-f]{32}")
_DIGEST = re.compile(r"0x[0-9a-f]{64}")
_EVENT_ID = re.compile(r"[0-9]{1,18}")
_LOCATION: dict[str, Any] = {
    "Location": {"description": "Where to follow the job.", "schema": {"type": "string"}}
}


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    response_model=JobAnswer,
    responses={
        202: {"description": "Accepted; follow `Location`.", "headers": _LOCATION},
        **refusals(400, 401, 403, 408, 409, 413, 415, 422, 429, 503),
    },
)
def submit(
    body: JobBody, offered: Offered, caller: Submitter, idempotency_key: IdempotencyKey = None
) -> Response:
    """Ask for an answer, and evidence for it."""
    asked = body.model_dump(exclude_unset=True)
    quota = quota_of(caller, offered.config.api)

    def act(job_id: str | None) -> Response:
        plain = {name: value for name, value in asked.items() if name != "webhook"}
        if body.legs is not None:
            plain["legs"] = [leg.model_dump(exclude_none=True) for leg in body.legs]
        plain["priority"] = quota.priority_of(plain.get("priority"))
        request = request_from(plain, caller.owner)
        if body.webhook is not None:
            private = offered.config.webhooks_private
            wish = make_wish(body.webhook.url, body.webhook.events, private)
            request = replace(request, webhook=wish)
        job = offered.queue.submit(request, job_id, quota.jobs)
        content = job.to_json()
        if request.webhook is not None:
            # A repeated request got an earlier job, which has the webhook of its own request. But
            # the job of this idempotency key is this request's, whoever stored it and then died.
            secret = None if job.id == job_id else request.webhook.secret
            found = of_job(offered.database, job.id, secret)
            if found is not None:
                content["webhook"] = found[0].to_json() | {"secret": found[1]}
        return JSONResponse(content, HTTPStatus.ACCEPTED, {"Location": f"/v1/jobs/{job.id}"})

    return once(offered, caller, idempotency_key, {"jobs": asked}, act)


@router.get(
    "",
    response_model=JobsAnswer,
    responses={200: {"description": "A page of jobs."}, **refusals(401, 403, 422, 429, 503)},
)
def listing(
    offered: Offered,
    caller: Reader,
    state: Annotated[
        list[JobState] | None, Query(description="Only these states; may be repeated.")
    ] = None,
    model: Annotated[
        str | None, Query(max_length=200, description="Digest, name, or name@version.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    cursor: Annotated[
        str | None, Query(max_length=200, description="The `next` of an earlier page.")
    ] = None,
) -> Response:
    """Jobs, newest first. A key without the scope `admin` sees its own."""
    models = None if model is None else _digests(offered, model)
    wanted = Wanted(state or None, models, caller.sees)
    page = offered.queue.page(wanted, limit, cursor)
    return JSONResponse({"jobs": [job.to_json() for job in page.jobs], "next": page.next})


@router.get(
    "/{job_id}",
    response_model=JobAnswer,
    responses={
        200: {"description": "The job as it stands."},
        **refusals(401, 403, 404, 422, 429, 503),
    },
)
def status(job_id: JobId, offered: Offered, caller: Reader) -> Response:
    """State, progress, answer, evidence and history of a job."""
    return JSONResponse(_known(job_id, offered, caller).to_json())


@router.post(
    "/{job_id}/cancel",
    response_model=JobAnswer,
    responses={
        200: {"description": "Cancelled."},
        **refusals(401, 403, 404, 409, 422, 429, 503),
    },
)
def cancel(job_id: JobId, offered: Offered, caller: Submitter) -> Response:
    """Cancel a job whose evidence is not all there; work under way ends within a second."""
    return JSONResponse(offered.queue.cancel(_known(job_id, offered, caller).id).to_json())


@router.post(
    "/{job_id}/retry",
    response_model=JobAnswer,
    responses={
        200: {"description": "Asked for again; what was stored of it is kept."},
        **refusals(401, 403, 404, 409, 422, 429, 503),
    },
)
def retry(job_id: JobId, offered: Offered, caller: Operator, leg: Leg = None) -> Response:
    """Ask again for the work of a job that failed, or of one of its legs."""
    job = _known(job_id, offered, caller)
    return JSONResponse(offered.queue.retry(job.id, leg).to_json())


@router.get(
    "/{job_id}/events",
    response_class=Response,
    responses={
        200: {
            "description": "A stream of `state` events, each with its id, and `progress` events "
            "without one. It ends after the final state; comments are heartbeats.",
            "content": {EVENTS: {"example": EVENT_STREAM}},
        },
        204: {"description": "The job has ended and the client knows everything."},
        **refusals(400, 401, 403, 404, 422, 429, 503),
    },
)
async def events(
    job_id: JobId,
    offered: Offered,
    caller: Reader,
    last_event_id: Annotated[
        str | None,
        Header(
            alias="Last-Event-ID",
            description="Resume after this event; nothing is lost and nothing repeated.",
        ),
    ] = None,
) -> Response:
    """Follow a job as server-sent events."""
    if last_event_id is not None and not _EVENT_ID.fullmatch(last_event_id):
        raise Problem(HTTPStatus.BAD_REQUEST, "Last-Event-ID: expected an id of an earlier event")
    after = int(last_event_id or 0)
    job = await to_thread.run_sync(_known, job_id, offered, caller)
    news = await to_thread.run_sync(offered.queue.news, job.id, after)
    if news.final and not news.events:
        # Where an EventSource stops asking.
        return Response(status_code=HTTPStatus.NO_CONTENT)
    most = quota_of(caller, offered.config.api).streams
    return offered.streams.respond(
        lambda known: offered.queue.news(job.id, known), news, after, caller.owner, most
    )


@router.head("/{job_id}/bundle", include_in_schema=False)
@router.get(
    "/{job_id}/bundle",
    response_class=Response,
    responses={**described(), **refusals(401, 403, 404, 409, 416, 422, 429, 503)},
)
def bundle(
    job_id: JobId,
    offered: Offered,
    caller: Reader,
    request: Request,
    conditions: Conditions,
    leg: Leg = None,
) -> Response:
    """What `avow verify` checks; of several legs the first one's, unless `leg` says which."""
    job = _known(job_id, offered, caller)
    return transfer(request, offered.queue.bundle(job.id, leg), conditions)


def _known(job_id: str, offered: Services, caller: Caller) -> Job:
    # The database must not see what cannot be an id: PostgreSQL, for one, refuses NUL.
    if not _JOB_ID.fullmatch(job_id):
        raise UnknownJob(f"no job {job_id[:64]!r}: an id has 32 hexadecimal digits")
    return caller.own(offered.queue.status(job_id))


def _digests(offered: Services, model: str) -> set[str]:
    if _DIGEST.fullmatch(model):
        return {model}
    return {
        item.model_digest
        for item in offered.catalogue.all()
        if model in (item.model.name, f"{item.model.name}@{item.model.version}")
    }
