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


class MarketEventRow(Base):
    """What one event of a market said about an order: who did what in which transaction.

    `market` is chain id and address. `kind` is the event's name, `account` who acted or lost,
    `amounts` a JSON object of decimal strings in token units, `decimals` the token's. `gas` is the
    whole transaction's, None until it was asked for: of orders that have a job here.
    """

    __tablename__ = "market_events"
    __table_args__ = (Index("ix_market_events_order_id", "order_id"),)

    market: Mapped[str] = mapped_column(String(121), primary_key=True)
    block: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    order_id: Mapped[str] = mapped_column(String(66))
    leg: Mapped[int | None] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(32))
    transaction: Mapped[str] = mapped_column("transaction_hash", String(66))
    account: Mapped[str] = mapped_column(String(42))
    amounts: Mapped[str] = mapped_column(Text)
    decimals: Mapped[int | None] = mapped_column(Integer)
    gas: Mapped[int | None]
