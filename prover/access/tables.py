"""The tables of API keys, rate limits and idempotency keys; times are unix milliseconds."""

from __future__ import annotations

from sqlalchemy import Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from avow.prover.tables import Base


class ApiKeyRow(Base):
    """One API key: the SHA-256 of its secret, never the secret; and its own limits."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str] = mapped_column(String(66))
    scopes: Mapped[str] = mapped_column(String(200))
    per_minute: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[int]
    expires_at: Mapped[int | None]
    revoked_at: Mapped[int | None]
    jobs: Mapped[int | None] = mapped_column(Integer)
    streams: Mapped[int | None] = mapped_column(Integer)
    priority: Mapped[int | None] = mapped_column(Integer)


class RateRow(Base):
    """One bucket of a rate limit: the theoretical arrival time of its next request, in us."""

    __tablename__ = "rate_limits"

    bucket: Mapped[str] = mapped_column(String(200), primary_key=True)
    arrival: Mapped[int] = mapped_column(index=True)


class IdempotencyRow(Base):
    """One idempotency key of one caller: what was asked with it, and the answer once given.

    `status` is None while the request is in progress, at most until `locked_until`.
    """

    __tablename__ = "idempotency_keys"

    owner: Mapped[str] = mapped_column(String(16), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(66))
    job_id: Mapped[str] = mapped_column(String(32))
    locked_until: Mapped[int]
    status: Mapped[int | None] = mapped_column(Integer)
    answer: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[int] = mapped_column(index=True)
