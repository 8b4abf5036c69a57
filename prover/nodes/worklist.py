"""What a node remembers between steps: how far it has read, and the orders it has seen."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import func, select

from avow.prover.database import Database
from avow.prover.history import one_line
from avow.prover.nodes import cursors, entries, ledger
from avow.prover.nodes.cursors import Cursor
from avow.prover.nodes.tables import NodeDeliveryRow, NodeOrderRow
from avow.prover.nodes.terms import read_terms, terms_text
from avow.verifier.chain.events import LegDelivered, MarketEvent, OrderRequested
from avow.verifier.chain.orders import OrderTerms
from avow.verifier.fields import to_base64, to_hex


class Status(Enum):
    """What a node does about an order; the value is stored."""

    ACTIVE = "active"
    IGNORED = "ignored"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Seen:
    """An order as it was requested. `ended_block` is the head at which it was first seen ended."""

    order_id: bytes
    nonce: int
    requested_block: int
    terms: OrderTerms
    status: Status
    reason: str
    ended_block: int | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivered leg; `refused` says why its bundle does not convince, empty while unknown."""

    order_id: bytes
    leg: int
    bundle_digest: bytes
    bundle_uri: str
    refused: str


class Worklist:
    """One node's memory in the job database. Every change is one transaction and idempotent."""

    def __init__(self, database: Database, market: str, role: str) -> None:
        """`market` is chain id and address, `role` this node's with its account."""
        self._database = database
        self._market = market
        self._node = f"{market}:{role}"

    def cursor(self) -> Cursor | None:
        """Where the reading stands."""
        with self._database.read() as session:
            return cursors.newest(session, self._node)

    def rewind(self, number: int) -> None:
        """Forgets that blocks from `number` on were read."""
        with self._database.write() as session:
            cursors.rewind(session, self._node, number)
            entries.forget(session, self._market, number)

    def store(
        self, events: Sequence[MarketEvent], cursor: Cursor, decimals: int | None = None
    ) -> None:
        """Takes in events up to `cursor`, all of them or none; the same ones twice do no harm.

        After a re-organisation an id may stand for an order with other terms: the newest
        reading counts, and a decision about other terms is forgotten. `decimals` are those of the
        market's token.
        """
        with self._database.write() as session:
            entries.note(session, self._market, events, decimals)
            for event in events:
                if isinstance(event, OrderRequested):
                    row = session.get(NodeOrderRow, (self._node, to_hex(event.order_id)))
                    session.merge(self._requested(event, row))
                elif isinstance(event, LegDelivered):
                    key = (self._node, to_hex(event.order_id), event.leg)
                    known = session.get(NodeDeliveryRow, key)
                    session.merge(self._delivered(event, known))
            cursors.keep(session, self._node, cursor)

    def unpriced(self, limit: int) -> list[bytes]:
        """Transactions about orders that have a job here, whose gas is not known yet."""
        with self._database.read() as session:
            return entries.unpriced(session, self._market, limit)

    def price(self, gas: Mapping[bytes, int]) -> None:
        """Notes what transactions used."""
        with self._database.write() as session:
            for transaction, used in gas.items():
                entries.price(session, self._market, transaction, used)

    def active(self) -> list[Seen]:
        """The orders that may still need something, oldest first."""
        query = select(NodeOrderRow).where(
            NodeOrderRow.node == self._node, NodeOrderRow.status == Status.ACTIVE.value
        )
        ordered = query.order_by(NodeOrderRow.requested_block, NodeOrderRow.order_id)
        with self._database.read() as session:
            return [_seen(row) for row in session.scalars(ordered)]

    def counts(self) -> dict[str, int]:
        """How many orders of each status there are."""
        query = select(NodeOrderRow.status, func.count()).where(NodeOrderRow.node == self._node)
        with self._database.read() as session:
            rows = session.execute(query.group_by(NodeOrderRow.status)).all()
        found = {str(status): int(count) for status, count in rows}
        return {status.value: found.get(status.value, 0) for status in Status}

    def slashes(self, account: bytes) -> dict[str, ledger.Slashes]:
        """The bonds slashed in this market: `own` of an account, and `other`."""
        with self._database.read() as session:
            return ledger.slashes(session, self._market, account)

    def order(self, order_id: bytes) -> Seen | None:
        """What is known of one order."""
        with self._database.read() as session:
            row = session.get(NodeOrderRow, (self._node, to_hex(order_id)))
            return _seen(row) if row else None

    def delivery(self, order_id: bytes, leg: int) -> Delivery | None:
        """The newest delivery of a leg."""
        with self._database.read() as session:
            row = session.get(NodeDeliveryRow, (self._node, to_hex(order_id), leg))
            if row is None:
                return None
            digest = bytes.fromhex(row.bundle_digest[2:])
            uri = base64.b64decode(row.bundle_uri).decode("utf-8", "surrogatepass")
            return Delivery(order_id, leg, digest, uri, row.refused)

    def decide(self, order_id: bytes, status: Status, reason: str) -> None:
        """Notes a decision about an order."""
        with self._database.write() as session:
            row = session.get(NodeOrderRow, (self._node, to_hex(order_id)))
            if row is not None:
                row.status, row.reason = status.value, _plain(reason)

    def remark(self, order_id: bytes, reason: str) -> bool:
        """Notes why an order waits; False when that is known already."""
        seen = self.order(order_id)
        if seen is None or seen.reason == _plain(reason):
            return False
        self.decide(order_id, seen.status, reason)
        return True

    def ended(self, order_id: bytes, block: int | None) -> None:
        """Notes the head at which an order was first seen ended; None when it is not any more."""
        with self._database.write() as session:
            row = session.get(NodeOrderRow, (self._node, to_hex(order_id)))
            if row is not None:
                row.ended_block = block

    def refuse(self, delivery: Delivery, reason: str) -> None:
        """Notes that a delivered bundle does not convince."""
        with self._database.write() as session:
            key = (self._node, to_hex(delivery.order_id), delivery.leg)
            row = session.get(NodeDeliveryRow, key)
            if row is not None and row.bundle_digest == to_hex(delivery.bundle_digest):
                row.refused = _plain(reason)

    def _requested(self, event: OrderRequested, known: NodeOrderRow | None) -> NodeOrderRow:
        text = terms_text(event.terms)
        same = known is not None and known.terms == text and known.nonce == str(event.nonce)
        return NodeOrderRow(
            node=self._node,
            order_id=to_hex(event.order_id),
            nonce=str(event.nonce),
            requested_block=event.place.block,
            terms=text,
            status=known.status if known and same else Status.ACTIVE.value,
            reason=known.reason if known and same else "",
            ended_block=known.ended_block if known and same else None,
        )

    def _delivered(self, event: LegDelivered, known: NodeDeliveryRow | None) -> NodeDeliveryRow:
        digest = to_hex(event.bundle_digest)
        same = known is not None and known.bundle_digest == digest
        return NodeDeliveryRow(
            node=self._node,
            order_id=to_hex(event.order_id),
            leg=event.leg,
            bundle_digest=digest,
            # Somebody else's text; not every database takes every character.
            bundle_uri=to_base64(event.bundle_uri.encode("utf-8", "surrogatepass")),
            refused=known.refused if known and same else "",
        )


def _plain(text: str) -> str:
    return one_line("".join(item if item.isprintable() else " " for item in text))


def _seen(row: NodeOrderRow) -> Seen:
    return Seen(
        order_id=bytes.fromhex(row.order_id[2:]),
        nonce=int(row.nonce),
        requested_block=row.requested_block,
        terms=read_terms(row.terms),
        status=Status(row.status),
        reason=row.reason,
        ended_block=row.ended_block,
    )
