"""What the markets' events said of orders: who did what, in which transaction, for how much."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from avow.prover.database import Database
from avow.prover.nodes.tables import MarketEventRow
from avow.prover.tables import JobRow
from avow.verifier.fields import to_hex

_MOST_READ = 20_000


class Kind(Enum):
    """What happened; the value is stored."""

    LOCKED = "OrderLocked"
    DELIVERED = "LegDelivered"
    SETTLED = "LegSettled"
    EXPIRED = "LegExpired"
    SLASHED = "BondSlashed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One event. Amounts are token units by their names, `decimals` the token's where known.

    `account` is who locked, delivered, settled or was slashed; empty where nobody is named.
    `gas` is that of the whole transaction, None where it is not known; `legs` is how many legs it
    settled, those of others included.
    """

    market: str
    block: int
    position: int
    order_id: str
    leg: int | None
    kind: Kind
    transaction: str
    account: str
    amounts: dict[str, int]
    decimals: int | None
    gas: int | None
    legs: int = 1


@dataclass(slots=True)
class Account:
    """What a provider did and got in one market, in token units; `gas` of what it sent itself.

    `unpriced` counts its transactions whose gas is not known.
    """

    market: str
    address: str
    decimals: int | None
    locked: int = 0
    delivered: int = 0
    settled: int = 0
    slashed: int = 0
    earned: int = 0
    lost: int = 0
    gas: int = 0
    unpriced: int = 0
    last_block: int = 0
    sent: dict[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The events in the job database."""

    database: Database

    def of_job(self, job_id: str) -> list[Entry]:
        """What happened to the order that a job is for, oldest first; nothing off chain."""
        with self.database.read() as session:
            job = session.get(JobRow, job_id)
            if job is None or job.chain_id == "0":
                return []
            query = select(MarketEventRow).where(
                MarketEventRow.order_id == job.order,
                MarketEventRow.market == f"{job.chain_id}:{job.market}",
            )
            ordered = query.order_by(MarketEventRow.block, MarketEventRow.position)
            return _entries(session, session.scalars(ordered).all())

    def last(self, limit: int = 50) -> list[Entry]:
        """The newest events of every market."""
        newest = select(MarketEventRow).order_by(
            MarketEventRow.block.desc(), MarketEventRow.position.desc()
        )
        with self.database.read() as session:
            return _entries(session, session.scalars(newest.limit(limit)).all())

    def jobs_of(self, entries: Sequence[Entry]) -> dict[str, str]:
        """The jobs that were made here for the entries' orders, by order."""
        query = select(JobRow.order, JobRow.id).where(
            JobRow.order.in_({entry.order_id for entry in entries})
        )
        with self.database.read() as session:
            return {order: job_id for order, job_id in session.execute(query)}

    def accounts(self) -> list[Account]:
        """Every provider that was seen in a market's last events, the best paid first."""
        found: dict[tuple[str, str], Account] = {}
        # Who settled may be anybody; the provider of an order is who locked it.
        providers: dict[tuple[str, str], str] = {}
        with self.database.read() as session:
            newest = select(MarketEventRow).order_by(MarketEventRow.block.desc())
            rows = session.scalars(newest.limit(_MOST_READ)).all()
            entries = [_entry(row) for row in rows]
        for entry in sorted(entries, key=lambda one: (one.block, one.position)):
            order = (entry.market, entry.order_id)
            if entry.kind in (Kind.LOCKED, Kind.DELIVERED, Kind.SLASHED):
                providers[order] = entry.account
            address = providers.get(order)
            if address is not None:
                _book(found, entry, address)
        for account in found.values():
            account.gas = sum(gas for gas in account.sent.values() if gas is not None)
            account.unpriced = sum(gas is None for gas in account.sent.values())
        return sorted(found.values(), key=lambda one: (-one.earned, one.address))


@dataclass(frozen=True, slots=True)
class Slashes:
    """How many bonds were slashed, and how much in token units."""

    count: int = 0
    units: int = 0

    def plus(self, units: int) -> Slashes:
        """With one more."""
        return Slashes(self.count + 1, self.units + units)


def slashes(session: Session, market: str, account: bytes) -> dict[str, Slashes]:
    """All bonds that were slashed in a market: `own` of an account, and `other`."""
    found = {"own": Slashes(), "other": Slashes()}
    query = select(MarketEventRow.account, MarketEventRow.amounts).where(
        MarketEventRow.market == market, MarketEventRow.kind == Kind.SLASHED.value
    )
    for provider, amounts in session.execute(query):
        whose = "own" if provider == to_hex(account) else "other"
        found[whose] = found[whose].plus(sum(map(int, json.loads(amounts).values())))
    return found


def _book(found: dict[tuple[str, str], Account], entry: Entry, address: str) -> None:
    key = (entry.market, address)
    account = found.setdefault(key, Account(entry.market, address, entry.decimals))
    account.last_block = max(account.last_block, entry.block)
    match entry.kind:
        case Kind.LOCKED:
            account.locked += 1
        case Kind.DELIVERED:
            account.delivered += 1
        case Kind.SETTLED:
            account.settled += 1
            account.earned += entry.amounts.get("provider", 0)
        case Kind.SLASHED:
            account.slashed += 1
            account.lost += sum(entry.amounts.values())
        case Kind.EXPIRED:
            return
    if entry.account == address and entry.kind is not Kind.SLASHED:
        account.sent[entry.transaction] = entry.gas


def _entries(session: Session, rows: Sequence[MarketEventRow]) -> list[Entry]:
    sharing = select(MarketEventRow.transaction, func.count()).where(
        MarketEventRow.transaction.in_({row.transaction for row in rows}),
        MarketEventRow.kind == Kind.SETTLED.value,
    )
    grouped = session.execute(sharing.group_by(MarketEventRow.transaction))
    legs = {transaction: count for transaction, count in grouped}
    return [_entry(row, legs.get(row.transaction, 1)) for row in rows]


def _entry(row: MarketEventRow, legs: int = 1) -> Entry:
    return Entry(
        market=row.market,
        block=row.block,
        position=row.position,
        order_id=row.order_id,
        leg=row.leg,
        kind=Kind(row.kind),
        transaction=row.transaction,
        account=row.account,
        amounts={name: int(text) for name, text in json.loads(row.amounts).items()},
        decimals=row.decimals,
        gas=row.gas,
        legs=legs,
    )
