"""The outbox of webhooks: messages stored in the transaction that moved their job."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from avow.prover.tables import EvidenceRow, JobRow
from avow.prover.webhooks.tables import DeliveryRow, WebhookRow
from avow.verifier.lifecycle import JobState


def tell(session: Session, job: JobRow, came_from: str, now: int) -> None:
    """Asks for a message to every webhook that wants to know of the state a job came to.

    The message exists exactly when the caller's transaction does; its id stays the same however
    often it is sent.
    """
    if (came_from, job.state) == (JobState.PROVING.value, JobState.ANSWERED.value):
        # It was answered before; this is a proof that was put back.
        return
    _ask(session, job, f"job.{job.state}", {"from_state": came_from}, now)


def tell_of_leg(session: Session, job: JobRow, leg: EvidenceRow, now: int) -> None:
    """Likewise for what became of one leg of several."""
    about = {
        "leg": leg.leg,
        "system": leg.system,
        "outcome": leg.outcome,
        "leg_reason": leg.reason,
        "share_bps": leg.share_bps,
    }
    _ask(session, job, f"leg.{leg.outcome}", about, now)


def _ask(session: Session, job: JobRow, event: str, more: dict[str, Any], now: int) -> None:
    query = select(WebhookRow).where(
        WebhookRow.disabled_at.is_(None),
        or_(
            WebhookRow.job_id == job.id,
            and_(WebhookRow.job_id.is_(None), WebhookRow.owner == job.owner),
        ),
    )
    for row in session.scalars(query).all():
        if event not in row.events.split(","):
            continue
        session.add(
            DeliveryRow(
                id=f"msg_{uuid.uuid4().hex}",
                webhook_id=row.id,
                job_id=job.id,
                event=event,
                body=_body(event, job, more, now),
                created_at=now,
                due_at=now,
                claimed_until=0,
                attempts=0,
                delivered_at=None,
                dead_at=None,
                status=None,
                error="",
            )
        )


def _body(event: str, job: JobRow, more: dict[str, Any], now: int) -> str:
    # Nothing of the input or the answer: who may read them asks for the job.
    value = {
        "type": event,
        "timestamp": datetime.fromtimestamp(now / 1000, UTC).isoformat(timespec="milliseconds"),
        "data": {
            "job_id": job.id,
            **more,
            "state": job.state,
            "reason": job.reason,
            "model": job.model,
            "at": now,
        },
    }
    return json.dumps(value, separators=(",", ":"))
