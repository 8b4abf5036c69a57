"""Requests with an idempotency key: carried out once, answered alike as often as they come."""

import hashlib
import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Header, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from avow.api.access import Caller
from avow.api.services import Services
from avow.prover.access.idempotency import Replay, begin, finish, release
from avow.prover.errors import QueueFull, RequestRefused

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=255,
        description="A request repeated with its key within a day gets the first one's answer. "
        "Another body with the key: 422. While the first is in progress: 409.",
        examples=["8e03978e-40d5-43e8-bc93-6894a57f9324"],
    ),
]
_KEPT = ("location", "content-type")


def once(
    offered: Services,
    caller: Caller,
    key: str | None,
    asked: dict[str, Any],
    act: Callable[[str | None], Response],
) -> Response:
    """What `act` answers; with a key, what it answered the first time.

    `asked` is what two requests with one key must share. `act` gets the id to give to its job.
    """
    if key is None:
        return act(None)
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    fingerprint = "0x" + hashlib.sha256(text.encode()).hexdigest()
    found = begin(offered.database, caller.owner, key, fingerprint, offered.clock())
    if isinstance(found, Replay):
        return _replayed(found)
    try:
        answer = act(found.job_id)
    except (HTTPException, RequestRefused, QueueFull):
        # Nothing was stored, so that the key is free. After any other error something may have
        # been: who repeats the request then gets the same job.
        release(offered.database, found)
        raise
    kept = {name: answer.headers[name] for name in _KEPT if name in answer.headers}
    value = json.dumps({"headers": kept, "body": bytes(answer.body).decode()})
    finish(offered.database, found, answer.status_code, value)
    return answer


def _replayed(found: Replay) -> Response:
    value = json.loads(found.answer)
    headers = value["headers"] | {"Idempotency-Replayed": "true"}
    return JSONResponse(json.loads(value["body"]), found.status, headers)
