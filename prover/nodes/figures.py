"""What a node shows of its money and its orders."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from avow.prover.disputes.attested import Outcome
from avow.prover.disputes.journal import Verdict
from avow.prover.disputes.tally import NOTHING
from avow.prover.errors import DatabaseUnavailable
from avow.prover.metrics import names
from avow.prover.metrics.jobs import gauge
from avow.prover.metrics.names import Metric
from avow.verifier.chain.errors import ChainError

if TYPE_CHECKING:
    from avow.prover.nodes.node import Node

_EVERY_SECONDS = 15.0
# Each costs a question to the chain.
_MOST_ORDERS = 100


class NodeFigures(Collector):
    """A node's figures, read by its own loop and shown as they were read last.

    A scrape asks neither the chain nor the database, so that it cannot hold the node up.
    """

    def __init__(
        self,
        node: Node,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node = node
        self._clock = clock
        self._due = 0.0
        self._families: tuple[Family, ...] = ()
        registry.register(self)

    def describe(self) -> list[Family]:
        """Nothing: there are no figures before the first reading."""
        return []

    def collect(self) -> Iterator[Family]:
        """The last reading; every metric is there from the first one on."""
        yield from self._families

    def refresh(self) -> None:
        """Reads everything anew when it is time; what fails is shown as such and read again."""
        now = self._clock()
        if now < self._due:
            return
        self._due = now + _EVERY_SECONDS
        role = (self._node.role,)
        try:
            parts = (self._money, self._orders, self._claims, self._attested, self._watch)
            families = tuple(family for part in parts for family in part(role))
        except (ChainError, DatabaseUnavailable):
            kept = [one for one in self._families if one.name != names.CHAIN_UP.name]
            self._families = (*kept, gauge(names.CHAIN_UP, {role: 0}))
            return
        self._families = (*families, gauge(names.CHAIN_UP, {role: 1}))

    def _money(self, role: tuple[str]) -> Iterator[Family]:
        market, account = self._node.market, self._node.signer.address
        yield gauge(names.ESCROW, {role: market.tokens(market.contract.address)})
        yield gauge(names.CREDIT, {role: market.credit(account)})
        yield gauge(names.TOKENS, {role: market.tokens(account)})
        yield gauge(names.STAKE, {role: market.stake(account) + self._bonds()})

    def _bonds(self) -> int:
        """The bonds of the orders under way that this account has locked as their provider."""
        found = 0
        for seen in self._node.worklist.active()[:_MOST_ORDERS]:
            order = self._node.market.order(seen.order_id)
            if order is not None and order.provider == self._node.signer.address:
                found += order.bond
        return found

    def _orders(self, role: tuple[str]) -> Iterator[Family]:
        worklist = self._node.worklist
        cursor = worklist.cursor()
        yield gauge(names.HEAD, {role: 0 if cursor is None else cursor.number})
        counts = worklist.counts()
        yield gauge(names.ORDERS, {(*role, status): count for status, count in counts.items()})
        slashes = worklist.slashes(self._node.signer.address)
        yield _counter(names.SLASHES, {(*role, whose): one.count for whose, one in slashes.items()})
        yield _counter(names.SLASHED, {(*role, whose): one.units for whose, one in slashes.items()})

    def _claims(self, role: tuple[str]) -> Iterator[Family]:
        party = self._node.party
        verdicts, moves = dict.fromkeys((one.value for one in Verdict), 0), dict[str, int]()
        engaged = credit = 0
        if party is not None:
            verdicts, moves = party.journal.counts()
            engaged = sum(one.verdict is Verdict.WRONG for one in party.journal.watched())
            credit = party.claims.credit(self._node.signer.address)
        yield gauge(names.CLAIMS, {(*role, name): count for name, count in verdicts.items()})
        yield gauge(names.DISPUTES, {role: engaged})
        yield _counter(names.MOVES, {(*role, kind): count for kind, count in moves.items()})
        yield gauge(names.CLAIM_CREDIT, {role: credit})

    def _attested(self, role: tuple[str]) -> Iterator[Family]:
        attested = self._node.attested
        none = dict.fromkeys((one.value for one in Outcome), 0)
        found = none if attested is None else attested.counts()
        yield _counter(
            names.WRONG_ATTESTED, {(*role, what): count for what, count in found.items()}
        )

    def _watch(self, role: tuple[str]) -> Iterator[Family]:
        tally = self._node.tally
        found = NOTHING if tally is None else tally.counts(self._node.confirmations)
        yield gauge(names.WATCH_STAKE, {role: found.stake})
        yield _counter(names.WATCH_DUTIES, {role: found.duties})
        yield gauge(names.WATCH_VERDICTS, {role: found.verdicts})
        plants = found.plants.items()
        yield _counter(names.WATCH_PLANTS, {(*role, what): count for what, count in plants})
        yield _counter(names.WATCH_CHARGED, {role: found.charged})


def _counter(metric: Metric, values: Mapping[tuple[str, ...], int]) -> CounterMetricFamily:
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family
