"""Which claims were made, taken into a journal."""

from __future__ import annotations

from collections.abc import Callable

from avow.prover.disputes.journal import Journal, Watched
from avow.prover.nodes.reading import Reading
from avow.verifier.chain.claim_events import Claimed
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.client import Block


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
        self._journal = journal
        self._reading = Reading(claims.chain, journal, first_block, confirmations, claims.made)
        self._concerns = concerns

    def sync(self, head: Block) -> bool:
        """Reads on below a recent head; returns whether anything was read."""
        found = self._reading.on(head)
        if found is None:
            return False
        made, cursor = found
        watched = [_watched(claimed) for claimed in made if self._concerns(claimed)]
        self._journal.watch(watched, cursor)
        return True


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
