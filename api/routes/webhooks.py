"""Webhooks: register one for all your jobs, see what was sent, send it again."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import JSONResponse

from avow.api.access import Submitter
from avow.api.answers import DeliveriesAnswer, DeliveryAnswer, NewWebhookAnswer
from avow.api.answers import WebhookAnswer as One
from avow.api.answers import WebhooksAnswer as Many
from avow.api.bodies import StrictRoute
from avow.api.problems import refusals
from avow.api.schemas import WebhookBody
from avow.api.services import Offered
from avow.prover.webhooks import registry

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=StrictRoute)

Name = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="32 hexadecimal digits.")]
Message = Annotated[str, Path(pattern="^msg_[0-9a-f]{32}$", description="The `webhook-id`.")]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    response_model=NewWebhookAnswer,
    responses={
        201: {"description": "Registered; the secret is shown this once."},
        **refusals(400, 401, 403, 408, 413, 415, 422, 429, 503),
    },
)
def register(body: WebhookBody, offered: Offered, caller: Submitter) -> Response:
    """Be told of all jobs that this API key submits."""
    wish = registry.make_wish(body.url, body.events, offered.config.webhooks_private)
    made = registry.register(offered.database, wish, caller.owner, offered.clock())
    content = made.to_json() | {"secret": wish.secret}
    return JSONResponse(content, HTTPStatus.CREATED, {"Location": f"/v1/webhooks/{made.id}"})


@router.get(
    "",
    response_model=Many,
    responses={200: {"description": "Not the removed ones."}, **refusals(401, 403, 429, 503)},
)
def listing(offered: Offered, caller: Submitter) -> Response:
    """The webhooks of this API key, those of single jobs included."""
    found = registry.webhooks(offered.database, caller.sees)
    return JSONResponse({"webhooks": [hook.to_json() for hook in found]})


@router.get(
    "/{webhook_id}",
    response_model=One,
    responses={200: {"description": "As it stands."}, **refusals(401, 403, 404, 422, 429, 503)},
)
def show(webhook_id: Name, offered: Offered, caller: Submitter) -> Response:
    """One webhook, without its secret."""
    return JSONResponse(registry.webhook(offered.database, webhook_id, caller.sees).to_json())


@router.delete(
    "/{webhook_id}",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses={204: {"description": "Removed."}, **refusals(401, 403, 404, 422, 429, 503)},
)
def remove(webhook_id: Name, offered: Offered, caller: Submitter) -> Response:
    """Send nothing more to it."""
    registry.remove(offered.database, webhook_id, caller.sees, offered.clock())
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.get(
    "/{webhook_id}/deliveries",
    response_model=DeliveriesAnswer,
    responses={200: {"description": "The newest first."}, **refusals(401, 403, 404, 422, 429, 503)},
)
def deliveries(
    webhook_id: Name,
    offered: Offered,
    caller: Submitter,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Response:
    """What was sent in the last seven days and what waits, with what the receiver answered."""
    found = registry.deliveries(offered.database, webhook_id, caller.sees, limit)
    return JSONResponse({"deliveries": [item.to_json() for item in found]})


@router.post(
    "/{webhook_id}/deliveries/{message_id}/retry",
    response_model=DeliveryAnswer,
    responses={200: {"description": "Due now."}, **refusals(401, 403, 404, 422, 429, 503)},
)
def resend(webhook_id: Name, message_id: Message, offered: Offered, caller: Submitter) -> Response:
    """Send a message again under its own id."""
    now = offered.clock()
    found = registry.resend(offered.database, webhook_id, message_id, caller.sees, now)
    return JSONResponse(found.to_json())
