"""The provider's side: every challenge of its claims is answered, and its bonds taken back."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

from avow.prover.database import Database
from avow.prover.disputes import moves
from avow.prover.disputes.journal import Verdict, Watched
from avow.prover.disputes.onchain import challenge_of, challengers_of
from avow.prover.disputes.party import Party, Standing
from avow.prover.disputes.plan import Planned
from avow.prover.disputes.provider import Defence, end, timeout
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

    def look(self, claim: Watched, head: Block) -> Sequence[Planned]:
        """Answers to every challenge that waits for one; then bonds are taken back."""
        name = claim.traced.statement
        stored = self.claims.stored(name)
        if stored is not None and stored.state is ClaimState.STANDING and not stored.open:
            # What most claims come to: nobody has challenged it.
            if head.timestamp <= stored.window_end:
                return ()
            return (Planned(claim, moves.Finish(name), stored.window_end),)
        standing = self.standing(claim, self._runs.outputs(claim))
        view = standing.view
        open_ones = self._undecided(standing)
        if view.state is ClaimState.STANDING and open_ones:
            # Whose clock has run out loses its bond now, and would have it back after a proof.
            late = [one for one in open_ones if _is_late(one, standing.head.timestamp)]
            if self._by_proof and not late:
                proof = self._proof(claim, open_ones)
                if proof is not None:
                    return (proof,)
            answers = (self._answer(claim, standing, challenge) for challenge in open_ones)
            return [answer for answer in answers if answer is not None]
        last = end(view, head.timestamp)
        if last is not None:
            return (Planned(claim, last, view.window_end),)
        lost = view.state is ClaimState.OVERTURNED
        if lost and claim.verdict is not Verdict.WRONG:
            self.journal.decide(view.id, Verdict.WRONG, "it was overturned, and its bonds lost")
            self.say(claim, "was overturned: the bonds of claim and order are lost")
        self.end_when_deep(claim, head, "it was overturned" if lost else "it stands")
        return ()

    def _undecided(self, standing: Standing) -> list[Challenge]:
        found = []
        for account in challengers_of(standing.view.id, standing.happened):
            held = challenge_of(self.claims, standing.view.id, account, standing.happened)
            if held is not None and held.undecided:
                found.append(held)
        return found

    def _answer(self, claim: Watched, standing: Standing, challenge: Challenge) -> Planned | None:
        now = standing.head.timestamp
        if challenge.turn.is_challengers:
            move = timeout(standing.view, challenge, now)
        elif self._may_wait(claim, challenge, now):
            return None
        else:
            move = self._defence(claim).move(standing.view, challenge, now)
        own = challenge.turn.is_providers
        return None if move is None else Planned(claim, move, challenge.deadline, own)

    def _may_wait(self, claim: Watched, challenge: Challenge, now: int) -> bool:
        """Whether a proof that is being made may come before an answer is due."""
        if not self._by_proof or not self._runs.awaits_proof(claim):
            return False
        return now + _RESERVE_SECONDS < challenge.deadline

    def _proof(self, claim: Watched, challenges: list[Challenge]) -> Planned | None:
        seal = self._runs.proof(claim, max(one.deadline for one in challenges))
        if seal is None:
            return None
        move = moves.Prove(claim.traced.statement, claim.order_id, claim.leg, seal)
        # It answers them all.
        return Planned(claim, move, min(one.deadline for one in challenges), on_clock=True)

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
