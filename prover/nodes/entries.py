"""Writing a market's events into the ledger, and what their transactions cost."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from avow.prover.nodes.ledger import Kind
from avow.prover.nodes.tables import MarketEventRow
from avow.prover.tables import JobRow
from avow.verifier.chain.events import (
    BondSlashed,
    LegDelivered,
    LegExpired,
    LegSettled,
    MarketEvent,
    OrderLocked,
    Place,
)
from avow.verifier.fields import to_hex


def note(
    session: Session, market: str, events: Sequence[MarketEvent], decimals: int | None
) -> None:
    """Writes events down; the same ones twice do no harm."""
    for event in events:
        row = _row(market, event, decimals)
        if row is None:
            continue
        known = session.get(MarketEventRow, (market, row.block, row.position))
        if known is not None and known.transaction == row.transaction:
            row.gas = known.gas
        session.merge(row)


def forget(session: Session, market: str, block: int) -> None:
    """Forgets what was said in blocks from `block` on: the chain no longer has them."""
    session.execute(
        delete(MarketEventRow).where(MarketEventRow.market == market, MarketEventRow.block >= block)
    )


def unpriced(session: Session, market: str, limit: int) -> list[bytes]:
    """Transactions of orders that have a job here, whose gas nobody has asked for yet."""
    query = select(MarketEventRow.transaction).join(JobRow, JobRow.order == MarketEventRow.order_id)
    wanted = query.where(MarketEventRow.market == market, MarketEventRow.gas.is_(None))
    newest = wanted.group_by(MarketEventRow.transaction).order_by(
        func.max(MarketEventRow.block).desc()
    )
    found = session.scalars(newest.limit(limit))
    return [bytes.fromhex(text[2:]) for text in found]


def price(session: Session, market: str, transaction: bytes, gas: int) -> None:
    """Notes the gas that a transaction used."""
    session.execute(
        update(MarketEventRow)
        .where(MarketEventRow.market == market, MarketEventRow.transaction == to_hex(transaction))
        .values(gas=gas)
    )


def _row(market: str, event: MarketEvent, decimals: int | None) -> MarketEventRow | None:
    leg: int | None = None
    account, amounts = b"", dict[str, int]()
    match event:
        case OrderLocked(provider=account, bond=bond):
            kind, amounts = Kind.LOCKED, {"bond": bond}
        case LegDelivered(provider=account, leg=leg):
            kind = Kind.DELIVERED
        case LegSettled(settler=account, leg=leg, payout=paid):
            kind = Kind.SETTLED
            amounts = {
                "provider": paid.provider,
                "validator": paid.validator,
                "royalty": paid.royalty,
                "treasury": paid.treasury,
            }
        case LegExpired(leg=leg, refund=refund):
            kind, amounts = Kind.EXPIRED, {"refund": refund}
        case BondSlashed(provider=account, leg=leg, to_requester=first, to_treasury=second):
            kind, amounts = Kind.SLASHED, {"to requester": first, "to treasury": second}
        case _:
            return None
    return _made(market, event.place, event.order_id, leg, kind, account, amounts, decimals)


def _made(
    market: str,
    place: Place,
    order_id: bytes,
    leg: int | None,
    kind: Kind,
    account: bytes,
    amounts: dict[str, int],
    decimals: int | None,
) -> MarketEventRow:
    return MarketEventRow(
        market=market,
        block=place.block,
        position=place.index,
        order_id=to_hex(order_id),
        leg=leg,
        kind=kind.value,
        transaction=to_hex(place.transaction),
        account=to_hex(account) if account else "",
        amounts=json.dumps({name: str(amount) for name, amount in amounts.items()}),
        decimals=decimals,
        gas=None,
    )
