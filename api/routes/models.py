"""The compiled models that this installation serves."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from avow.api.access import Reader
from avow.api.answers import ModelsAnswer
from avow.api.problems import refusals
from avow.api.services import Offered
from avow.prover.catalogue import Compiled

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get(
    "",
    response_model=ModelsAnswer,
    responses={
        200: {"description": "One entry for each model and proof system."},
        **refusals(401, 403, 422, 429, 503),
    },
)
def listing(offered: Offered, caller: Reader) -> Response:
    """What can be asked, with the records that statements will name."""
    return JSONResponse({"models": [_described(item) for item in offered.catalogue.all()]})


def _described(item: Compiled) -> dict[str, Any]:
    return {
        "model": item.model_digest,
        "record": item.record_digest,
        "signed": item.signature is not None,
        "model_record": item.model.to_json(),
        "system_record": item.record.to_json(),
    }
