"""Reading the market's events once each, through re-organisations and restarts."""

from __future__ import annotations

from avow.prover.nodes.cursors import Cursor
from avow.prover.nodes.worklist import Worklist
from avow.verifier.chain.errors import Reverted, RpcRefused
from avow.verifier.chain.market import Market

# What one step reads at most, so that a first start does not hold years of events in memory.
_BLOCKS_PER_STEP = 10_000
_RECEIPTS_PER_STEP = 8


class Follower:
    """Takes a market's events into a worklist, `confirmations` blocks behind the head."""

    def __init__(self, market: Market, worklist: Worklist, confirmations: int) -> None:
        self._market = market
        self._worklist = worklist
        self._confirmations = confirmations
        self._decimals: int | None = None

    def sync(self) -> bool:
        """Reads on; returns whether anything was read.

        A cursor that the chain no longer has is taken back to the newest one that it still has
        (to the deployment's first block, where it has none), and what follows is read again.
        """
        chain = self._market.chain
        first = self._next()
        last = min(chain.head().number - self._confirmations, first + _BLOCKS_PER_STEP - 1)
        if last < first:
            return False
        end = chain.block(last)
        events = self._market.events(first, last)
        if end is None or chain.block(last) != end:
            # The chain changed while it was read: what was read may be of either version.
            return False
        self._worklist.store(events, Cursor(end.number, end.hash), self._token_decimals())
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

    def _next(self) -> int:
        while (cursor := self._worklist.cursor()) is not None:
            block = self._market.chain.block(cursor.number)
            if block is not None and block.hash == cursor.hash:
                return cursor.number + 1
            self._worklist.rewind(cursor.number)
        return self._market.deployment.first_block
