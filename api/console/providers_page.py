"""Providers, what they did and what they earned, as the markets' events said it."""

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from avow.api.access import Reader
from avow.api.console.charts import bars
from avow.api.console.render import page
from avow.api.console.shown import money, short
from avow.api.services import Offered
from avow.prover.nodes.ledger import Account, Entry, Kind, Ledger

router = APIRouter()

_LAST = 25

SAID = {
    Kind.LOCKED: "took the order, putting up its bond",
    Kind.DELIVERED: "delivered an answer",
    Kind.SETTLED: "had the evidence checked, and everybody paid",
    Kind.EXPIRED: "ended without payment",
    Kind.SLASHED: "lost its bond",
}


@dataclass(frozen=True, slots=True)
class Market:
    """A market: the sums of what its providers earned and lost, in token units."""

    name: str
    chain: str
    address: str
    accounts: tuple[Account, ...]
    chart: str


@router.get("/providers")
def providers(request: Request, offered: Offered, caller: Reader) -> Response:
    """Every provider that was seen in a market, and what happened last."""
    ledger = Ledger(offered.database)
    last = ledger.last(_LAST)
    return page(
        request,
        "providers.html",
        title="Providers",
        markets=_markets(ledger.accounts()),
        last=last,
        # Which jobs there are is nobody's business who may not see them.
        jobs=ledger.jobs_of(last) if caller.sees is None else {},
        said=SAID,
        paid=paid,
    )


def paid(entry: Entry) -> str:
    """The amounts of an event in words."""
    parts = [
        f"{name} {money(amount, entry.decimals)}"
        for name, amount in entry.amounts.items()
        if amount
    ]
    return ", ".join(parts)


def _markets(accounts: list[Account]) -> list[Market]:
    by_market: dict[str, list[Account]] = {}
    for account in accounts:
        by_market.setdefault(account.market, []).append(account)
    return [_market(name, found) for name, found in sorted(by_market.items())]


def _market(name: str, accounts: list[Account]) -> Market:
    chain, _, address = name.partition(":")
    decimals = accounts[0].decimals
    earned = [(short(one.address), float(one.earned)) for one in accounts[:12]]
    chart = (
        bars(
            earned,
            "What providers earned",
            shown=lambda value: money(int(value), decimals),
            stress=False,
        )
        if len(earned) > 1
        else ""
    )
    return Market(name, chain, address, tuple(accounts), chart)
