"""Requests with an idempotency key: carried out once, answered alike as often as they come."""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

from fastapi import Header, Response
from fastapi.responses import JSONResponse

from avow.api.access import Caller
from avow.api.services import Services
from avow.prover.access.idempotency import Begun, Replay, abandon, begin, finish, release
from avow.prover.errors import DatabaseUnavailable, UnknownJob

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
        kept = {name: answer.headers[name] for name in _KEPT if name in answer.headers}
        value = json.dumps({"headers": kept, "body": bytes(answer.body).decode()})
        finish(offered.database, found, answer.status_code, value)
    except Exception as error:
        # Else it would stay taken for a minute. Where even this fails, that is how it ends.
        with suppress(DatabaseUnavailable):
            _give_back(offered, found, error)
        raise
    return answer


def _give_back(offered: Services, begun: Begun, error: Exception) -> None:
    stored = True
    # What was sent while the database went away may be stored yet.
    if not isinstance(error, DatabaseUnavailable):
        try:
            offered.queue.status(begun.job_id)
        except UnknownJob:
            stored = False
    if stored:
        abandon(offered.database, begun)
    else:
        release(offered.database, begun)


def _replayed(found: Replay) -> Response:
    value = json.loads(found.answer)
    headers = value["headers"] | {"Idempotency-Replayed": "true"}
    return JSONResponse(json.loads(value["body"]), found.status, headers)
