"""The provider's side of the reveal game: it opens its own trace wherever it is asked to."""

from __future__ import annotations

from avow.prover.disputes.moves import (
    Finish,
    Move,
    Reveal,
    RevealChunk,
    RevealTensor,
    Timeout,
)
from avow.prover.disputes.state import Challenge, ClaimView
from avow.prover.errors import Refused
from avow.prover.refutation import Refuter
from avow.verifier.chain.claim_records import STEP, ClaimState, Turn
from avow.verifier.trace.layout import CHUNK
from avow.verifier.trace.tree import Nodes


class Defence:
    """The defence of one claim out of the run that was committed to (computed anew if need be)."""

    def __init__(self, run: Refuter) -> None:
        self._run = run

    def move(self, claim: ClaimView, challenge: Challenge, now: int) -> Move | None:
        """The one thing to do about a challenge, the last block's time being `now`; None to wait.

        Raises `Refused` where the run is not the one that was committed to: nothing answers then.
        """
        if claim.state is not ClaimState.STANDING or not challenge.undecided:
            return None
        if challenge.turn.is_challengers:
            return timeout(claim, challenge, now)
        # The contract refuses a late answer, and anybody may end the challenge.
        return self._answer(claim, challenge) if now <= challenge.deadline else None

    def _answer(self, claim: ClaimView, challenge: Challenge) -> Move:
        at = challenge.stored
        match at.turn:
            case Turn.TRACE:
                if not claim.owes_root:
                    self._check(self._run.trace.root, claim.traced.trace)
                children = below(self._run.trace, at.levels, 0)
                return Reveal(claim.id, challenge.challenger, children)
            case Turn.CHILDREN:
                tree = self._run.trees[at.tensor] if at.in_tensor else self._run.trace
                self._check(tree.at(at.levels, at.position), at.contested)
                children = below(tree, at.levels, at.position)
                return Reveal(claim.id, challenge.challenger, children)
            case Turn.ROOT:
                self._check(self._run.trace.at(0, at.tensor), at.contested)
                tree = self._run.trees[at.tensor]
                children = below(tree, tree.depth, 0)
                return RevealTensor(claim.id, challenge.challenger, tree.root, children)
            case _:
                tree = self._run.trees[at.tensor]
                self._check(tree.at(0, at.position), at.contested)
                start = at.position * CHUNK
                data = self._run.tensors[at.tensor][start : start + CHUNK]
                return RevealChunk(claim.id, challenge.challenger, data)

    def _check(self, own: bytes, contested: bytes) -> None:
        if own != contested:
            raise Refused("the contested node is none of this run's: another run was claimed")


def timeout(claim: ClaimView, challenge: Challenge, now: int) -> Move | None:
    """The end of a challenge whose challenger has let its clock run out; it takes no run."""
    return Timeout(claim.id, challenge.challenger) if now > challenge.deadline else None


def end(claim: ClaimView, now: int) -> Move | None:
    """The return of a claim's bond, once it is final."""
    if claim.state is ClaimState.STANDING and claim.is_final(now):
        return Finish(claim.id)
    return None


def below(tree: Nodes, levels: int, position: int) -> tuple[bytes, ...]:
    """The descendants of a node that one move shows, left to right."""
    step = min(STEP, levels)
    first = position << step
    return tuple(tree.at(levels - step, at) for at in range(first, first + (1 << step)))
