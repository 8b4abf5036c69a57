"""The provider's side: every challenge of its claims is answered, and its bonds taken back."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from avow.prover.database import Database
from avow.prover.disputes import moves
from avow.prover.disputes.journal import Verdict, Watched
from avow.prover.disputes.onchain import challenge_of, challengers_of
from avow.prover.disputes.party import Party, Standing
from avow.prover.disputes.provider import Defence, end
from avow.prover.disputes.state import Challenge
from avow.prover.refutation import Refuter
from avow.verifier.chain.claim_events import Claimed
from avow.verifier.chain.claim_records import ClaimState
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.client import Block
from avow.verifier.chain.market import Market
from avow.verifier.chain.signer import Signer
from avow.verifier.tensor import TensorSpec

# Each holds every tensor of a run.
_RUNS = 4
# Before a deadline no proof is waited for: an answer must be mined by then.
_RESERVE_SECONDS = 120


class Runs(Protocol):
    """What was computed for one's own claims."""

    def outputs(self, claim: Watched) -> tuple[TensorSpec, ...]:
        """The outputs of the claimed program."""
        ...

    def run(self, claim: Watched) -> Refuter:
        """The run that was committed to."""
        ...

    def proof(self, claim: Watched, until: int) -> bytes | None:
        """A seal of the claimed statement by a proof system, None while or where there is none.

        The first question has it made, in the time to `until` (Unix seconds).
        """
        ...

    def awaits_proof(self, claim: Watched) -> bool:
        """Whether such a proof is being made."""
        ...


class Defender(Party):
    """Defends one provider's claims by the reveal game, or by a proof where one is to be had."""

    role = "provider"

    def __init__(
        self,
        market: Market,
        claims: Claims,
        signer: Signer,
        database: Database,
        runs: Runs,
        confirmations: int,
        by_proof: bool = False,
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(market, claims, signer, database, confirmations, wall)
        self._runs = runs
        self._by_proof = by_proof
        self._defences: OrderedDict[bytes, Defence] = OrderedDict()

    def concerns(self, claimed: Claimed) -> bool:
        """One's own claims."""
        return claimed.provider == self.signer.address

    def look(self, claim: Watched, head: Block) -> bool:
        """Answers every challenge that waits for an answer; then takes bonds back."""
        stored = self.claims.stored(claim.traced.statement)
        if stored is not None and stored.state is ClaimState.STANDING and not stored.open:
            # What most claims come to: nobody has challenged it.
            if head.timestamp <= stored.window_end:
                return False
            return self.send(claim, moves.Finish(claim.traced.statement))
        standing = self.standing(claim, self._runs.outputs(claim))
        view = standing.view
        open_ones = self._undecided(standing)
        moved = False
        if view.state is ClaimState.STANDING and open_ones:
            # Whose clock has run out loses its bond now, and would have it back after a proof.
            late = [one for one in open_ones if _is_late(one, standing.head.timestamp)]
            if self._by_proof and not late and self._prove(claim, open_ones):
                return True
            for challenge in open_ones:
                moved |= self._answer(claim, standing, challenge)
            return moved
        last = end(view, head.timestamp)
        if last is not None:
            return self.send(claim, last)
        lost = view.state is ClaimState.OVERTURNED
        if lost and claim.verdict is not Verdict.WRONG:
            self.journal.decide(view.id, Verdict.WRONG, "it was overturned, and its bonds lost")
            self.say(claim, "was overturned: the bonds of claim and order are lost")
        return self.end_when_deep(claim, head, "it was overturned" if lost else "it stands")

    def _undecided(self, standing: Standing) -> list[Challenge]:
        found = []
        for account in challengers_of(standing.view.id, standing.happened):
            held = challenge_of(self.claims, standing.view.id, account, standing.happened)
            if held is not None and held.undecided:
                found.append(held)
        # Whose clock runs out first is answered first.
        return sorted(found, key=lambda one: one.deadline)

    def _answer(self, claim: Watched, standing: Standing, challenge: Challenge) -> bool:
        now = standing.head.timestamp
        if challenge.turn.is_providers and self._may_wait(claim, challenge, now):
            return False
        move = self._defence(claim).move(standing.view, challenge, now)
        return False if move is None else self.send(claim, move)

    def _may_wait(self, claim: Watched, challenge: Challenge, now: int) -> bool:
        """Whether a proof that is being made may come before an answer is due."""
        if not self._by_proof or not self._runs.awaits_proof(claim):
            return False
        return now + _RESERVE_SECONDS < challenge.deadline

    def _prove(self, claim: Watched, challenges: list[Challenge]) -> bool:
        seal = self._runs.proof(claim, max(one.deadline for one in challenges))
        if seal is None:
            return False
        return self.send(
            claim, moves.Prove(claim.traced.statement, claim.order_id, claim.leg, seal)
        )

    def _defence(self, claim: Watched) -> Defence:
        name = claim.traced.statement
        found = self._defences.get(name)
        if found is None:
            found = Defence(self._runs.run(claim))
            if len(self._defences) == _RUNS:
                self._defences.popitem(last=False)
            self._defences[name] = found
        self._defences.move_to_end(name)
        return found


def _is_late(challenge: Challenge, now: int) -> bool:
    return challenge.turn.is_challengers and now > challenge.deadline
