"""Dead letters: the jobs that were given up, for the operator."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from avow.api.access import Operator
from avow.api.answers import DeadLettersAnswer
from avow.api.problems import refusals
from avow.api.services import Offered

router = APIRouter(prefix="/v1/dead-letters", tags=["jobs"])


@router.get(
    "",
    response_model=DeadLettersAnswer,
    responses={
        200: {"description": "The newest first."},
        **refusals(401, 403, 422, 429, 503),
    },
)
def listing(
    offered: Offered,
    caller: Operator,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    before: Annotated[
        int | None, Query(ge=0, lt=2**63, description="Given up before this unix time in ms.")
    ] = None,
) -> Response:
    """Work that was attempted too often; `POST /v1/jobs/{id}/retry` asks for it again."""
    letters = offered.queue.dead_letters(limit, before)
    return JSONResponse({"dead_letters": [letter.to_json() for letter in letters]})
