"""Which claims were made, taken into a journal."""

from __future__ import annotations

from collections.abc import Callable

from avow.prover.disputes.journal import Journal, Watched
from avow.prover.nodes.reading import read_on
from avow.verifier.chain.claim_events import Claimed
from avow.verifier.chain.claims import Claims


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
        """Reads on; returns whether anything was read."""
        chain, first = self._claims.chain, self._first_block
        found = read_on(chain, self._journal, first, self._confirmations, self._claims.made)
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
