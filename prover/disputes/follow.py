"""Reading which claims were made, once each, through re-organisations and restarts."""

from __future__ import annotations

from collections.abc import Callable

from avow.prover.disputes.journal import Journal, Watched
from avow.prover.nodes.cursors import Cursor
from avow.verifier.chain.claim_events import Claimed
from avow.verifier.chain.claims import Claims

# What one step reads at most, so that a first start does not hold years of events in memory.
_BLOCKS_PER_STEP = 10_000


class ClaimFollower:
    """Takes claims into a journal, `confirmations` blocks behind the head."""

    def __init__(
        self,
        claims: Claims,
        journal: Journal,
        first_block: int,
        confirmations: int,
        concerns: Callable[[Claimed], bool],
    ) -> None:
        self._claims = claims
        self._journal = journal
        self._first_block = first_block
        self._confirmations = confirmations
        self._concerns = concerns

    def sync(self) -> bool:
        """Reads on; returns whether anything was read. As `avow.prover.nodes.follow` does."""
        chain = self._claims.chain
        first = self._next()
        last = min(chain.head().number - self._confirmations, first + _BLOCKS_PER_STEP - 1)
        if last < first:
            return False
        end = chain.block(last)
        made = self._claims.made(first, last)
        if end is None or chain.block(last) != end:
            # The chain changed while it was read: what was read may be of either version.
            return False
        watched = [_watched(claimed) for claimed in made if self._concerns(claimed)]
        self._journal.watch(watched, Cursor(end.number, end.hash))
        return True

    def _next(self) -> int:
        while (cursor := self._journal.cursor()) is not None:
            block = self._claims.chain.block(cursor.number)
            if block is not None and block.hash == cursor.hash:
                return cursor.number + 1
            self._journal.rewind(cursor.number)
        return self._first_block


def _watched(claimed: Claimed) -> Watched:
    return Watched(
        traced=claimed.traced,
        order_id=claimed.order_id,
        leg=claimed.leg,
        model_key=claimed.model_key,
        provider=claimed.provider,
        window_end=claimed.window_end,
        block=claimed.place.block,
        position=claimed.place.index,
    )
