"""Whether the process lives, and whether it can take requests."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from avow.api.answers import AliveAnswer, ReadyAnswer
from avow.api.problems import refusals
from avow.api.services import Offered
from avow.prover.version import VERSION

router = APIRouter(tags=["health"])


@router.get(
    "/healthz", response_model=AliveAnswer, responses={200: {"description": "The process answers."}}
)
def alive() -> Response:
    """Always 200 while the process answers."""
    return JSONResponse({"status": "ok", "version": VERSION})


@router.get(
    "/readyz",
    response_model=ReadyAnswer,
    responses={200: {"description": "Requests are taken."}, **refusals(503)},
)
def ready(offered: Offered) -> Response:
    """200 when a job can be stored; a worker need not be there for that."""
    offered.queue.jobs(limit=1)
    return JSONResponse({"status": "ready", "models": len(offered.catalogue.all())})
