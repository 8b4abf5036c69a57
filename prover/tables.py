"""The tables of the job database; digests are 0x hexadecimal, times unix milliseconds."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """What every table shares: constraint names that a migration can speak of."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map = {int: BigInteger}  # noqa: RUF012 - SQLAlchemy declares it so


class JobRow(Base):
    """A request that was accepted, and the state it stands in.

    `owner` is the id of the API key that asked, empty without one; of two jobs that wait, the one
    with the higher `priority` (0 to 9) goes first.
    `traceparent` is the W3C trace context of the request, empty when it was not traced.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_state_updated_at", "state", "updated_at"),
        Index("ix_jobs_created_at", "created_at", "id"),
        Index("ix_jobs_owner_state", "owner", "state"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    client_key: Mapped[str | None] = mapped_column(String(200), unique=True)
    request_digest: Mapped[str] = mapped_column(String(66))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(String(66))
    inputs: Mapped[str] = mapped_column(Text)
    salt: Mapped[str] = mapped_column(String(66))
    chain_id: Mapped[str] = mapped_column(String(78))
    market: Mapped[str] = mapped_column(String(42))
    order: Mapped[str] = mapped_column("order_id", String(66))
    provider: Mapped[str] = mapped_column(String(42))
    nonce: Mapped[str] = mapped_column(String(78))
    created_at: Mapped[int]
    updated_at: Mapped[int]
    deadline: Mapped[int] = mapped_column(index=True)
    owner: Mapped[str] = mapped_column(String(16), server_default="")
    priority: Mapped[int] = mapped_column(Integer, server_default="5")
    traceparent: Mapped[str] = mapped_column(String(55), server_default="")


class EvidenceRow(Base):
    """One leg: which system shows the answer, until when, for which share of the price.

    `batches` are the numbers of answers in one proof that its market can settle, as decimals
    between commas; empty where there is no market. `queue` is where the proof waits.
    `alternatives` are the systems that may serve the leg, empty where it names one. `outcome` is
    what became of its own work (the kind of its evidence, or how it ended without), empty while it
    goes on, and `reason` why; `state` is the market's.
    """

    __tablename__ = "evidence"
    __table_args__ = (Index("ix_evidence_outcome", "outcome", "deadline"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    leg: Mapped[int] = mapped_column(Integer, primary_key=True)
    system: Mapped[str] = mapped_column(String(64))
    selector: Mapped[str] = mapped_column(String(10))
    record: Mapped[str] = mapped_column(String(66))
    deadline: Mapped[int]
    share_bps: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(16))
    batches: Mapped[str] = mapped_column(Text, server_default="")
    queue: Mapped[str] = mapped_column(String(16), server_default="prove")
    alternatives: Mapped[str] = mapped_column(Text, server_default="")
    outcome: Mapped[str] = mapped_column(String(16), server_default="")
    reason: Mapped[str] = mapped_column(Text, server_default="")
    ended_at: Mapped[int | None]


class TransitionRow(Base):
    """One entry of a job's history; `from_state` equals `to_state` for a remark."""

    __tablename__ = "transitions"

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    from_state: Mapped[str] = mapped_column(String(16))
    to_state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[int]


class OutboxRow(Base):
    """A message that the broker shall carry; marked once it does, pruned much later."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_sent_at_not_before", "sent_at", "not_before"),)

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    leg: Mapped[int] = mapped_column(Integer)
    task: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[int]
    not_before: Mapped[int]
    claimed_until: Mapped[int]
    sent_at: Mapped[int | None]


class LeaseRow(Base):
    """Who works on one task of one job, until when, and how far the work is.

    The row outlives the lease (`holder` and `token` empty) because it counts the attempts.
    `reserved` is the memory in bytes that the work is predicted to take of its machine.
    """

    __tablename__ = "leases"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    leg: Mapped[int] = mapped_column(Integer, primary_key=True)
    task: Mapped[str] = mapped_column(String(16), primary_key=True)
    attempts: Mapped[int] = mapped_column(Integer)
    holder: Mapped[str] = mapped_column(String(200))
    token: Mapped[str] = mapped_column(String(32))
    acquired_at: Mapped[int]
    heartbeat_at: Mapped[int]
    expires_at: Mapped[int] = mapped_column(index=True)
    stage: Mapped[str] = mapped_column(String(32))
    percent: Mapped[int] = mapped_column(Integer)
    eta_seconds: Mapped[int | None]
    reserved: Mapped[int] = mapped_column(server_default="0")


class MemoryClaimRow(Base):
    """A proof that waits for memory which other proofs on a machine hold: `bytes`, since when.

    `seen` is when it last tried; the row goes away when it gets its memory.
    """

    __tablename__ = "memory_claims"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    leg: Mapped[int] = mapped_column(Integer, primary_key=True)
    machine: Mapped[str] = mapped_column(String(200), index=True)
    bytes: Mapped[int]
    since: Mapped[int]
    seen: Mapped[int]


class DeadLetterRow(Base):
    """A leg's task that was given up; the row goes away when it is asked for again."""

    __tablename__ = "dead_letters"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    leg: Mapped[int] = mapped_column(Integer, primary_key=True)
    task: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[int] = mapped_column(index=True)


class AnswerRow(Base):
    """The published answer of a job; the primary key makes it the only one.

    `provider` is what ran the proven program, empty for answers of earlier versions.
    """

    __tablename__ = "answers"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    outputs: Mapped[str] = mapped_column(Text)
    input_scheme: Mapped[int] = mapped_column(Integer)
    input_value: Mapped[str] = mapped_column(String(66))
    preview: Mapped[str] = mapped_column(Text)
    seconds: Mapped[float]
    at: Mapped[int]
    program: Mapped[str | None] = mapped_column(Text)
    provider: Mapped[str] = mapped_column(String(64), server_default="")


class ProofRow(Base):
    """The stored bundle of one leg; the primary key makes it the only one.

    `batch` is how many samples its proof held when it was made (0: it was taken up from the
    store), `members` how many jobs shared it (the others were padding), `place` which of them is
    this job's, from 0 (None: unknown), `seconds` what the proof and its check took for all.
    """

    __tablename__ = "proofs"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    leg: Mapped[int] = mapped_column(Integer, primary_key=True)
    record: Mapped[str] = mapped_column(String(66), index=True)
    statement: Mapped[str] = mapped_column(String(66), index=True)
    file: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(66))
    size: Mapped[int]
    seconds: Mapped[float]
    at: Mapped[int]
    batch: Mapped[int] = mapped_column(Integer, server_default="1")
    members: Mapped[int] = mapped_column(Integer, server_default="1")
    place: Mapped[int | None] = mapped_column(Integer)


class PaymentRow(Base):
    """The mark that one leg was paid; the primary key makes it the only one."""

    __tablename__ = "payments"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    leg: Mapped[int] = mapped_column(Integer, primary_key=True)
    reference: Mapped[str] = mapped_column(String(200))
    at: Mapped[int]


class ObservationRow(Base):
    """One bucket of a histogram: how many values fell into it, and their sum.

    `label` is the metric's one label, a proof system's id; `bucket` counts from 0, the last one
    has no upper bound.
    """

    __tablename__ = "observations"

    metric: Mapped[str] = mapped_column(String(48), primary_key=True)
    label: Mapped[str] = mapped_column(String(64), primary_key=True)
    bucket: Mapped[int] = mapped_column(Integer, primary_key=True)
    count: Mapped[int]
    total: Mapped[float]
