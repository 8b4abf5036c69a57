"""The market's events, taken into a worklist; and what their transactions cost."""

from __future__ import annotations

from avow.prover.nodes.reading import Reading
from avow.prover.nodes.worklist import Worklist
from avow.verifier.chain.errors import Reverted, RpcRefused
from avow.verifier.chain.market import Market

_RECEIPTS_PER_STEP = 8


class Follower:
    """Takes a market's events into a worklist, `confirmations` blocks behind the head."""

    def __init__(self, market: Market, worklist: Worklist, confirmations: int) -> None:
        self._market = market
        self._worklist = worklist
        self._reading = Reading(
            market.chain, worklist, market.deployment.first_block, confirmations, market.events
        )
        self._decimals: int | None = None

    def sync(self) -> bool:
        """Reads on; returns whether anything was read."""
        found = self._reading.on(self._market.chain.head())
        if found is None:
            return False
        events, cursor = found
        self._worklist.store(events, cursor, self._token_decimals())
        return True

    def price(self) -> None:
        """Asks for the gas of transactions about this installation's orders, a few at a time."""
        wanted = self._worklist.unpriced(_RECEIPTS_PER_STEP)
        found = {one: self._market.chain.receipt(one) for one in wanted}
        known = {one: receipt[0].gas_used for one, receipt in found.items() if receipt is not None}
        if known:
            self._worklist.price(known)

    def _token_decimals(self) -> int | None:
        if self._decimals is None:
            try:
                self._decimals = int(self._market.token.read("decimals"))
            except (Reverted, RpcRefused):
                # A token need not say; then amounts stay units.
                return None
        return self._decimals
