"""The Open Inference Protocol, version 2: what its clients ask, answered from proven programs."""

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated

import anyio
from anyio import to_thread
from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse

from avow.api.access import Reader, Submitter
from avow.api.answers import (
    InferAnswer,
    LiveAnswer,
    MetadataAnswer,
    ModelReadyAnswer,
    NamedModelsAnswer,
    ServerAnswer,
    ServerReadyAnswer,
)
from avow.api.bodies import StrictRoute
from avow.api.idempotency import IdempotencyKey, once
from avow.api.inference import answer, came, check_outputs, metadata, ordered_inputs
from avow.api.problems import Problem, refusals
from avow.api.quotas import quota_of
from avow.api.schemas import InferBody
from avow.api.services import Offered, Services
from avow.prover.catalogue import Compiled, system_id
from avow.prover.job import Job
from avow.prover.request import request_from
from avow.prover.version import VERSION
from avow.verifier.lifecycle import JobState
from avow.verifier.verdict import Hides

router = APIRouter(prefix="/v2", tags=["open inference protocol"], route_class=StrictRoute)

Model = Annotated[str, Path(description="Name or digest of a model.", max_length=200)]
Version = Annotated[str, Path(description="Its version.", max_length=200)]

_LOOK_SECONDS = 0.1
_ENDS = {JobState.FAILED, JobState.EXPIRED, JobState.CANCELLED}
_ASKED = refusals(401, 403, 404, 422, 429, 503)
_INFER = {
    200: {"description": "The program's answer."},
    202: {"description": "No answer yet: `outputs` is empty, `Location` is where to follow it."},
    **refusals(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503),
}


@router.get("", response_model=ServerAnswer)
def server() -> Response:
    """Name, version and extensions of this server."""
    return JSONResponse({"name": "avow", "version": VERSION, "extensions": []})


@router.get("/health/live", response_model=LiveAnswer)
def live() -> Response:
    """Always 200 while the process answers."""
    return JSONResponse({"live": True})


@router.get("/health/ready", response_model=ServerReadyAnswer, responses=refusals(503))
def ready(offered: Offered) -> Response:
    """200 when requests can be stored."""
    offered.queue.jobs(limit=1)
    return JSONResponse({"ready": True})


@router.get("/models", response_model=NamedModelsAnswer, responses=refusals(401, 403, 429, 503))
def models(offered: Offered, caller: Reader) -> Response:
    """The models that can be asked, with their versions (no part of the protocol)."""
    versions: dict[str, set[str]] = {}
    for item in offered.catalogue.all():
        versions.setdefault(item.model.name, set()).add(item.model.version)
    found = [{"name": name, "versions": sorted(versions[name])} for name in sorted(versions)]
    return JSONResponse({"models": found})


@router.get("/models/{model}", response_model=MetadataAnswer, responses=_ASKED)
def describe(model: Model, offered: Offered, caller: Reader) -> Response:
    """Inputs and outputs of a model. FP64 is quantised by the scale that `parameters` name."""
    return JSONResponse(metadata(_named(offered, model, None)))


@router.get("/models/{model}/versions/{version}", response_model=MetadataAnswer, responses=_ASKED)
def describe_version(model: Model, version: Version, offered: Offered, caller: Reader) -> Response:
    """Inputs and outputs of a version of a model."""
    return JSONResponse(metadata(_named(offered, model, version)))


@router.get("/models/{model}/ready", response_model=ModelReadyAnswer, responses=_ASKED)
def model_ready(model: Model, offered: Offered, caller: Reader) -> Response:
    """200 when the model is compiled here."""
    return JSONResponse({"name": _named(offered, model, None)[-1].model.name, "ready": True})


@router.get(
    "/models/{model}/versions/{version}/ready", response_model=ModelReadyAnswer, responses=_ASKED
)
def version_ready(model: Model, version: Version, offered: Offered, caller: Reader) -> Response:
    """200 when the version is compiled here."""
    return JSONResponse({"name": _named(offered, model, version)[-1].model.name, "ready": True})


@router.post("/models/{model}/infer", response_model=InferAnswer, responses=_INFER)
async def infer(
    model: Model,
    body: InferBody,
    offered: Offered,
    caller: Submitter,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Ask for an answer; `parameters` say by which evidence, and how long to wait for what."""
    return await _infer(model, None, body, offered, caller, idempotency_key)


@router.post(
    "/models/{model}/versions/{version}/infer", response_model=InferAnswer, responses=_INFER
)
async def infer_version(
    model: Model,
    version: Version,
    body: InferBody,
    offered: Offered,
    caller: Submitter,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Ask a version of a model for an answer."""
    return await _infer(model, version, body, offered, caller, idempotency_key)


async def _infer(
    model: str,
    version: str | None,
    body: InferBody,
    offered: Services,
    caller: Submitter,
    key: str | None,
) -> Response:
    compiled = await to_thread.run_sync(_chosen, offered, model, version, body)
    asked = body.model_dump(exclude_unset=True)
    submit = partial(_submit, offered, caller, compiled, body)
    scope = {"infer": asked, "record": compiled.record_digest}
    began = await to_thread.run_sync(once, offered, caller, key, scope, submit)
    job_id = bytes(began.body).decode().strip('"')
    job = await _wait(offered, caller, job_id, body)
    if job.state in _ENDS and job.answer is None:
        status = HTTPStatus.SERVICE_UNAVAILABLE
        if job.state is JobState.CANCELLED:
            status = HTTPStatus.CONFLICT
        raise Problem(status, f"job {job.id} {job.state.value}: {job.reason}")
    status = HTTPStatus.ACCEPTED if job.answer is None else HTTPStatus.OK
    headers = {"Location": f"/v1/jobs/{job.id}"}
    return JSONResponse(answer(body, compiled, job), status, headers)


def _submit(
    offered: Services, caller: Submitter, compiled: Compiled, body: InferBody, job_id: str | None
) -> Response:
    wanted, quota = body.parameters, quota_of(caller, offered.config.api)
    value = {
        "model": compiled.model_digest,
        "record": compiled.record_digest,
        "inputs": ordered_inputs(body, compiled.model.inputs),
        "priority": quota.priority_of(
            wanted.priority if "priority" in wanted.model_fields_set else None
        ),
    }
    if wanted.nonce is not None:
        value["nonce"] = wanted.nonce
    job = offered.queue.submit(request_from(value, caller.owner), job_id, quota.jobs)
    return JSONResponse(job.id)


async def _wait(offered: Services, caller: Submitter, job_id: str, body: InferBody) -> Job:
    look = partial(offered.queue.status, job_id)
    job = await to_thread.run_sync(look)
    # Where nobody more may wait the job is stored all the same: who were refused would ask twice.
    mine = (caller.owner, quota_of(caller, offered.config.api).streams)
    full = offered.streams.full(*mine)
    if body.parameters.wait == 0 or full or came(job, body.parameters.until):
        return job
    with offered.streams.place(*mine), anyio.move_on_after(body.parameters.wait):
        while not came(job, body.parameters.until):
            await anyio.sleep(_LOOK_SECONDS)
            job = await to_thread.run_sync(look)
    return job


def _chosen(offered: Services, model: str, version: str | None, body: InferBody) -> Compiled:
    digests = {item.model_digest for item in _named(offered, model, version)}
    wanted = body.parameters
    if len(digests) > 1:
        detail = f"model {model[:100]!r} has several versions here, ask for one"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    system = None if wanted.evidence is None else system_id(wanted.evidence)
    hides = None if wanted.hides is None else Hides(wanted.hides)
    compiled = offered.catalogue.find(digests.pop(), system, wanted.record, hides)
    check_outputs(body, compiled.record.outputs)
    # Before anything is stored under an idempotency key.
    ordered_inputs(body, compiled.model.inputs)
    return compiled


def _named(offered: Services, model: str, version: str | None) -> Sequence[Compiled]:
    found = [
        item
        for item in offered.catalogue.all()
        if model in (item.model.name, item.model_digest) and version in (None, item.model.version)
    ]
    if not found:
        shown = model[:100] + ("" if version is None else f" version {version[:100]}")
        raise Problem(HTTPStatus.NOT_FOUND, f"no compiled model {shown!r}")
    return found
