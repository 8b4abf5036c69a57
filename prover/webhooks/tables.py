"""The tables of webhooks and their deliveries; times are unix milliseconds."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from avow.prover.tables import Base


class WebhookRow(Base):
    """An address that is told of jobs: one job's when `job_id` is set, else all of its owner's.

    The secret signs what is sent, so that it is kept as it is. `events` are names between commas.
    """

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(16), index=True)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"), index=True)
    url: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(String(200))
    events: Mapped[str] = mapped_column(String(400))
    created_at: Mapped[int]
    disabled_at: Mapped[int | None]


class DeliveryRow(Base):
    """One message to one webhook. `due_at` is None once it was delivered or given up."""

    __tablename__ = "webhook_deliveries"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id"), index=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    event: Mapped[str] = mapped_column(String(40))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[int] = mapped_column(index=True)
    due_at: Mapped[int | None] = mapped_column(index=True)
    claimed_until: Mapped[int]
    attempts: Mapped[int] = mapped_column(Integer)
    delivered_at: Mapped[int | None]
    dead_at: Mapped[int | None]
    status: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str] = mapped_column(String(200))
