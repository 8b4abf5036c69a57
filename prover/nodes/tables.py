"""The tables of the nodes: how far a chain was read, and which orders need attention."""

from __future__ import annotations

from sqlalchemy import Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from avow.prover.tables import Base


class NodeBlockRow(Base):
    """The last block of one reading of the chain; the highest number is the node's cursor.

    Hashes tell whether the chain still has what was read. `node` names chain, market, role and
    account.
    """

    __tablename__ = "node_blocks"

    node: Mapped[str] = mapped_column(String(200), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(String(66))


class NodeOrderRow(Base):
    """An order that a node has seen, its terms as requested, and what the node decided.

    `status` is one of `avow.prover.nodes.worklist.Status`. What stands on chain is never
    stored here: it is read anew at every step.
    """

    __tablename__ = "node_orders"
    __table_args__ = (Index("ix_node_orders_node_status", "node", "status"),)

    node: Mapped[str] = mapped_column(String(200), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(66), primary_key=True)
    nonce: Mapped[str] = mapped_column(String(78))
    requested_block: Mapped[int]
    terms: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    ended_block: Mapped[int | None]


class NodeDeliveryRow(Base):
    """A delivered leg, where its bundle is, and what the validator found."""

    __tablename__ = "node_deliveries"

    node: Mapped[str] = mapped_column(String(200), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(66), primary_key=True)
    leg: Mapped[int] = mapped_column(Integer, primary_key=True)
    bundle_digest: Mapped[str] = mapped_column(String(66))
    bundle_uri: Mapped[str] = mapped_column(Text)
    refused: Mapped[str] = mapped_column(Text)
