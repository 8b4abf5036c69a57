"""The tables of disputes: claims that are watched, and moves that were begun."""

from __future__ import annotations

from sqlalchemy import Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from avow.prover.tables import Base


class DisputeClaimRow(Base):
    """A claim that a node has seen, and what it found of it.

    `node` is as in `node_blocks`. `traced` is the claim as it was made, a JSON object of hex
    strings; `block` and `position` say where the event with the output stands. `verdict` is one of
    `avow.prover.disputes.journal.Verdict`. How the claim stands on chain is never stored here.
    """

    __tablename__ = "dispute_claims"
    __table_args__ = (Index("ix_dispute_claims_node_ended", "node", "ended"),)

    node: Mapped[str] = mapped_column(String(200), primary_key=True)
    claim_id: Mapped[str] = mapped_column(String(66), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(66))
    leg: Mapped[int] = mapped_column(Integer)
    model_key: Mapped[str] = mapped_column(String(66))
    provider: Mapped[str] = mapped_column(String(42))
    traced: Mapped[str] = mapped_column(Text)
    window_end: Mapped[int]
    block: Mapped[int]
    position: Mapped[int] = mapped_column(Integer)
    verdict: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    ended: Mapped[bool]


class DisputeMoveRow(Base):
    """A move that a node has begun to send, under the account's nonce that it had chosen before.

    `move` is `avow.prover.disputes.moves.digest`, `transaction` empty until it was sent.
    """

    __tablename__ = "dispute_moves"
    __table_args__ = (UniqueConstraint("node", "nonce", name="uq_dispute_moves_node_nonce"),)

    node: Mapped[str] = mapped_column(String(200), primary_key=True)
    move: Mapped[str] = mapped_column(String(66), primary_key=True)
    claim_id: Mapped[str] = mapped_column(String(66))
    kind: Mapped[str] = mapped_column(String(32))
    nonce: Mapped[int]
    transaction: Mapped[str] = mapped_column("transaction_hash", String(66))
    begun_at: Mapped[int]


class WatchFindingRow(Base):
    """A claim that a validator of the watch had to check, and what refutes it.

    It is kept until nobody can be asked for it any more: whoever showed the tensors need not show
    them again. `traced` is as in `dispute_claims`.
    """

    __tablename__ = "watch_findings"
    __table_args__ = (Index("ix_watch_findings_node_epoch", "node", "epoch"),)

    node: Mapped[str] = mapped_column(String(200), primary_key=True)
    claim_id: Mapped[str] = mapped_column(String(66), primary_key=True)
    epoch: Mapped[int]
    traced: Mapped[str] = mapped_column(Text)
    refutation: Mapped[bytes] = mapped_column(LargeBinary)


class WatchTreeRow(Base):
    """The leaves of a root that a validator of the watch has begun to commit to for an epoch.

    `leaves` are 32 bytes each, in the tree's order. The chain says which root counts: that of the
    last transaction in time, which need not be the last one begun.
    """

    __tablename__ = "watch_trees"

    node: Mapped[str] = mapped_column(String(200), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    root: Mapped[str] = mapped_column(String(66), primary_key=True)
    leaves: Mapped[bytes] = mapped_column(LargeBinary)
