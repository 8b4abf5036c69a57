"""Moves sent once each, wherever the process ends in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from avow.prover.disputes import moves
from avow.prover.disputes.journal import Journal
from avow.prover.disputes.moves import Move
from avow.prover.disputes.onchain import call_of
from avow.prover.disputes.state import StateTorn
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.client import Receipt
from avow.verifier.chain.errors import (
    ChainError,
    InsufficientFunds,
    TransactionLost,
    TransactionPending,
)
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.transactions import TOGETHER, Errand

Sent = Receipt | ChainError | StateTorn | None


class Sender:
    """Sends moves of one account, each written down before it is signed."""

    def __init__(
        self,
        claims: Claims,
        signer: Signer,
        journal: Journal,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._claims = claims
        self._signer = signer
        self._journal = journal
        self._clock = clock
        # The nonce of what waits, is none of these moves, and was seen first then.
        self._blocked: tuple[int, float] | None = None

    def send(self, wanted: Sequence[tuple[bytes, Move]]) -> list[Sent]:
        """Sends moves, for the first time or again, and waits for them together.

        A move comes with its claim's name, the most urgent first. What became of each: its
        receipt; why nothing was sent (it would fail now: `Reverted`; it was made already:
        `StateTorn`) or what failed; None for those whose turn has not come.
        """
        booked = [_Booked(self._claims, self._journal, claim, move) for claim, move in wanted]
        done: list[Sent] = [None] * len(wanted)
        # What may wait at a node already is told it again, whatever has become more urgent.
        begun = [at for at, one in enumerate(booked) if one.resumes() is not None]
        others = [at for at in range(len(wanted)) if at not in begun]
        chosen = begun + others[: max(0, TOGETHER - len(begun))]
        errands = []
        for at in sorted(self._bonded(chosen, wanted, booked, done)):
            try:
                errands.append((at, Errand(call_of(self._claims, wanted[at][1]), booked[at])))
            except ChainError as error:
                done[at] = error
        if errands:
            try:
                became = self._claims.send_together(self._signer, [one for _, one in errands])
            except TransactionPending as error:
                self._make_way(error.nonce, booked)
                raise
            for (at, _), one in zip(errands, became, strict=True):
                done[at] = booked[at].torn or one
        return done

    def _bonded(
        self,
        chosen: Sequence[int],
        wanted: Sequence[tuple[bytes, Move]],
        booked: Sequence[_Booked],
        done: list[Sent],
    ) -> list[int]:
        """Puts up the bonds of the challenges among them, of as many together as there are tokens
        for; what can be sent."""
        bonds = {}
        for at in chosen:
            move = wanted[at][1]
            if isinstance(move, moves.Open):
                bonds[at] = self._claims.challenge_bond(move.traced.statement)
        while bonds:
            try:
                self._claims.put_up(self._signer, sum(bonds.values()))
                break
            except (InsufficientFunds, TransactionPending) as error:
                if isinstance(error, TransactionPending):
                    self._make_way(error.nonce, booked)
                # The last of them, so that those before it are not kept from being made.
                done[bonds.popitem()[0]] = error
        return [at for at in chosen if done[at] is None]

    def _make_way(self, nonce: int | None, booked: Sequence[_Booked]) -> None:
        """Clears away what has waited for longer than a fee is left as it is: of a process that
        ended nobody raises it any more, and clocks run."""
        now = self._clock()
        if nonce is None:
            return
        if self._blocked is None or self._blocked[0] != nonce:
            self._blocked = (nonce, now)
        elif now - self._blocked[1] >= self._claims.patience.raise_fee_after:
            self._blocked = None
            kept = [one.resumes() for one in booked]
            self._claims.clear(self._signer, [one for one in kept if one is not None])


class _Booked:
    """One move in the journal, as transactions ask for it."""

    def __init__(self, claims: Claims, journal: Journal, claim_id: bytes, move: Move) -> None:
        self._claims = claims
        self._journal = journal
        self._claim_id = claim_id
        self._move = move
        self.torn: StateTorn | None = None

    def resumes(self) -> int | None:
        begun = self._journal.begun(self._move)
        return None if begun is None or begun.transaction is None else begun.nonce

    def book(self, nonce: int, following: bool) -> None:
        earlier = self._journal.begun(self._move)
        if earlier is not None and earlier.nonce != nonce:
            self._journal.forget(self._move)
            if earlier.transaction is not None:
                # Its nonce went by, perhaps by this very move with another fee, of which the
                # hash was not kept. What the chain says from now on tells.
                self.torn = StateTorn(f"nonce {earlier.nonce} of this move has gone by")
                raise TransactionLost(str(self.torn)) from self.torn
        begun = self._journal.begin(self._claim_id, self._move, nonce)
        if begun is None and not following:
            # Another move was handed over under this nonce. No node has it any more, or this one
            # would have had to wait; and of one nonce only one can still happen.
            self._journal.free(nonce)
            begun = self._journal.begin(self._claim_id, self._move, nonce)
        if begun is None:
            # A node may keep that move until the one before it is there.
            raise TransactionPending(f"nonce {nonce} was taken by an earlier move of this node")

    def signed(self, transaction: bytes) -> None:
        self._journal.sent(self._move, transaction)
