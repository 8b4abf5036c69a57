"""Webhooks as their owners see them: registered, listed, removed; what was sent to them."""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from avow.prover.database import Database
from avow.prover.errors import RequestRefused, UnknownWebhook
from avow.prover.webhooks.addresses import parse_target
from avow.prover.webhooks.tables import DeliveryRow, WebhookRow
from avow.verifier.lifecycle import EVIDENCE_STATES, JobState

_WORK = (JobState.QUEUED, JobState.RUNNING, JobState.PROVING)
# Of a job with several legs, what became of each.
_LEG_EVENTS = tuple(
    f"leg.{one.value}" for one in (*EVIDENCE_STATES, JobState.FAILED, JobState.EXPIRED)
)
EVENTS = (*(f"job.{state.value}" for state in JobState if state not in _WORK), *_LEG_EVENTS)
MOST = 20
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller wants to be told, where, and signed by which secret."""

    url: str
    events: tuple[str, ...]
    secret: str


@dataclass(frozen=True, slots=True)
class Webhook:
    """A registered webhook, without its secret. `job_id` None: told of all its owner's jobs."""

    id: str
    owner: str
    job_id: str | None
    url: str
    events: tuple[str, ...]
    created_at: int
    disabled_at: int | None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, without the owner."""
        names = ("id", "job_id", "url", "created_at", "disabled_at")
        return {name: getattr(self, name) for name in names} | {"events": list(self.events)}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to a webhook: pending until it was delivered or given up (dead)."""

    id: str
    job_id: str
    event: str
    state: str
    attempts: int
    created_at: int
    due_at: int | None
    delivered_at: int | None
    dead_at: int | None
    status: int | None
    error: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


def make_wish(url: str, events: Sequence[str] | None, allow_private: bool) -> Wish:
    """A wish with a new secret; raises RequestRefused for an address or event that cannot be."""
    parse_target(url, allow_private)
    wanted = EVENTS if events is None else tuple(dict.fromkeys(events))
    unknown = [event for event in wanted if event not in EVENTS]
    if unknown or not wanted:
        raise RequestRefused(f"events: expected some of {', '.join(EVENTS)}")
    secret = base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    return Wish(url, wanted, f"whsec_{secret}")


def add(session: Session, wish: Wish, owner: str, job_id: str | None, now: int) -> Webhook:
    """Registers a webhook in the caller's transaction; raises RequestRefused beyond `MOST`."""
    if job_id is None:
        query = select(func.count()).where(
            WebhookRow.owner == owner,
            WebhookRow.job_id.is_(None),
            WebhookRow.disabled_at.is_(None),
        )
        if (session.scalar(query) or 0) >= MOST:
            raise RequestRefused(f"at most {MOST} webhooks may be registered")
    row = WebhookRow(
        id=uuid.uuid4().hex,
        owner=owner,
        job_id=job_id,
        url=wish.url,
        secret=wish.secret,
        events=",".join(wish.events),
        created_at=now,
        disabled_at=None,
    )
    session.add(row)
    session.flush()
    return _read(row)


def register(database: Database, wish: Wish, owner: str, now: int) -> Webhook:
    """Registers a webhook for all jobs of an owner."""
    with database.write() as session:
        return add(session, wish, owner, None, now)


def of_job(database: Database, job_id: str, secret: str | None) -> tuple[Webhook, str] | None:
    """The webhook that was registered for a job with this secret (None: any), and its secret."""
    query = select(WebhookRow).where(WebhookRow.job_id == job_id)
    if secret is not None:
        query = query.where(WebhookRow.secret == secret)
    with database.read() as session:
        row = session.scalars(query).first()
        return None if row is None else (_read(row), row.secret)


def webhooks(database: Database, owner: str | None) -> list[Webhook]:
    """The webhooks of an owner (everybody's when None) that are not removed, newest first."""
    query = select(WebhookRow).where(WebhookRow.disabled_at.is_(None))
    if owner is not None:
        query = query.where(WebhookRow.owner == owner)
    newest = query.order_by(WebhookRow.created_at.desc(), WebhookRow.id)
    with database.read() as session:
        return [_read(row) for row in session.scalars(newest.limit(1000))]


def webhook(database: Database, identifier: str, owner: str | None) -> Webhook:
    """One webhook, removed or not; raises UnknownWebhook, also for somebody else's."""
    with database.read() as session:
        return _read(_row(session, identifier, owner))


def remove(database: Database, identifier: str, owner: str | None, now: int) -> None:
    """Sends nothing more to a webhook; doing it twice is no error. Raises UnknownWebhook."""
    with database.write() as session:
        row = _row(session, identifier, owner)
        if row.disabled_at is None:
            row.disabled_at = now


def deliveries(
    database: Database, identifier: str, owner: str | None, limit: int
) -> list[Delivery]:
    """What was and will be sent to a webhook, newest first; raises UnknownWebhook."""
    query = select(DeliveryRow).where(DeliveryRow.webhook_id == identifier)
    newest = query.order_by(DeliveryRow.created_at.desc(), DeliveryRow.id).limit(limit)
    with database.read() as session:
        _row(session, identifier, owner)
        return [_told(row) for row in session.scalars(newest)]


def resend(
    database: Database, identifier: str, delivery_id: str, owner: str | None, now: int
) -> Delivery:
    """Sends a message again, under its own id, whatever became of it; raises UnknownWebhook."""
    with database.write() as session:
        hook = _row(session, identifier, owner)
        row = session.get(DeliveryRow, delivery_id, with_for_update=True)
        if row is None or row.webhook_id != hook.id:
            raise UnknownWebhook(f"no delivery {delivery_id[:64]!r} of webhook {hook.id}")
        row.due_at, row.dead_at, row.delivered_at, row.attempts = now, None, None, 0
        session.flush()
        return _told(row)


def _row(session: Session, identifier: str, owner: str | None) -> WebhookRow:
    row = session.get(WebhookRow, identifier)
    if row is None or owner not in (None, row.owner):
        raise UnknownWebhook(f"no webhook {identifier[:64]!r}")
    return row


def _read(row: WebhookRow) -> Webhook:
    return Webhook(
        row.id,
        row.owner,
        row.job_id,
        row.url,
        tuple(row.events.split(",")),
        row.created_at,
        row.disabled_at,
    )


def _told(row: DeliveryRow) -> Delivery:
    state = "delivered" if row.delivered_at else "dead" if row.dead_at else "pending"
    return Delivery(
        id=row.id,
        job_id=row.job_id,
        event=row.event,
        state=state,
        attempts=row.attempts,
        created_at=row.created_at,
        due_at=row.due_at,
        delivered_at=row.delivered_at,
        dead_at=row.dead_at,
        status=row.status,
        error=row.error,
    )
