"""Idempotency keys: a repeated request gets the first one's answer, and nothing happens twice."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError

from avow.prover.access.tables import IdempotencyRow
from avow.prover.database import Database
from avow.prover.errors import KeyInUse, KeyReused, RequestRefused
from avow.prover.history import changed

# Printable ASCII without space; a quoted string of RFC 8941 is such a text too.
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_LOCK_MS = 60_000
_KEEP_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Begun:
    """A request to carry out now: with this id for its job, and with `finish` or `release`."""

    owner: str
    key: str
    job_id: str
    token: int


@dataclass(frozen=True, slots=True)
class Replay:
    """The answer that the first request with the key got."""

    status: int
    answer: str


def begin(database: Database, owner: str, key: str, fingerprint: str, now: int) -> Begun | Replay:
    """Takes the key for a request, or gives the answer of the request that had it.

    A key counts for a day, for each owner alone. Raises RequestRefused for a malformed key,
    KeyReused when it belongs to another request, KeyInUse while the first request is in progress.
    A request that died is taken up after a minute under the same job id, so that what it did
    before is found.
    """
    if not _KEY.fullmatch(key):
        raise RequestRefused("Idempotency-Key: expected 1 to 255 printable characters, no space")
    try:
        with database.write() as session:
            session.execute(
                delete(IdempotencyRow).where(IdempotencyRow.created_at < now - _KEEP_MS)
            )
            row = session.get(IdempotencyRow, (owner, key), with_for_update=True)
            if row is None:
                job_id = uuid.uuid4().hex
                row = IdempotencyRow(
                    owner=owner,
                    key=key,
                    fingerprint=fingerprint,
                    job_id=job_id,
                    locked_until=now + _LOCK_MS,
                    status=None,
                    answer=None,
                    created_at=now,
                )
                session.add(row)
                session.flush()
                return Begun(owner, key, job_id, row.locked_until)
            if row.fingerprint != fingerprint:
                raise KeyReused("Idempotency-Key: another request was made with it before")
            if row.status is not None and row.answer is not None:
                return Replay(row.status, row.answer)
            if row.locked_until > now:
                raise KeyInUse("Idempotency-Key: the first request with it is still in progress")
            row.locked_until = now + _LOCK_MS
            return Begun(owner, key, row.job_id, row.locked_until)
    except IntegrityError as error:
        raise KeyInUse("Idempotency-Key: a request with it came at the same moment") from error


def finish(database: Database, begun: Begun, status: int, answer: str) -> None:
    """Keeps the answer for whoever repeats the request."""
    with database.write() as session:
        session.execute(
            update(IdempotencyRow)
            .where(IdempotencyRow.owner == begun.owner, IdempotencyRow.key == begun.key)
            .values(status=status, answer=answer, locked_until=0)
        )


def abandon(database: Database, begun: Begun) -> bool:
    """Lets the next request with the key, the same one, go on at once under the same job id.

    For a failure after which the job may be stored: whoever repeats the request finds it, or
    stores it. False as for `release`.
    """
    with database.write() as session:
        done = session.execute(
            update(IdempotencyRow)
            .where(
                IdempotencyRow.owner == begun.owner,
                IdempotencyRow.key == begun.key,
                IdempotencyRow.locked_until == begun.token,
                IdempotencyRow.status.is_(None),
            )
            .values(locked_until=0)
        )
        return changed(done) == 1


def release(database: Database, begun: Begun) -> bool:
    """Gives the key back after a refusal: nothing happened, and the next request may differ.

    False when the request was taken up by somebody else meanwhile.
    """
    with database.write() as session:
        done = session.execute(
            delete(IdempotencyRow).where(
                IdempotencyRow.owner == begun.owner,
                IdempotencyRow.key == begun.key,
                IdempotencyRow.locked_until == begun.token,
                IdempotencyRow.status.is_(None),
            )
        )
        return changed(done) == 1
