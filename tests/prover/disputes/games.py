"""Games against the simulated contract, with players that remember nothing from step to step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from avow.prover.disputes.challenger import Attack, OwnRun
from avow.prover.disputes.moves import Move
from avow.prover.disputes.provider import Defence, end
from avow.prover.refutation import Refuter
from avow.verifier.trace.refutation import TracedClaim
from tests.programs.runs import CommittedRun
from tests.prover.disputes.simulated import SimulatedClaims

PROVIDER, CHALLENGER = b"p" * 20, b"c" * 20
SALT = bytes(range(32))


@dataclass
class Game:
    """One claim, one honest challenger, and whoever answers for the provider."""

    claims: SimulatedClaims
    claim: bytes
    answer: Callable[[SimulatedClaims], Move | None]
    own: Callable[[], OwnRun]
    published: Callable[[], Refuter | None] = lambda: None
    sent: list[tuple[bytes, Move]] = field(default_factory=list)

    def challengers(self) -> Move | None:
        """The challenger's move, by one that begins anew from the public state."""
        view = self.claims.view(self.claim)
        attack = Attack(self.own(), CHALLENGER, SALT, self.published())
        challenge = self.claims.challenge(self.claim, CHALLENGER)
        commitment = attack.commitment(view, challenge)
        return attack.move(
            view,
            challenge,
            0 if commitment is None else self.claims.commitments.get(commitment, 0),
            self.claims.head,
            self.claims.now,
        )

    def step(self) -> bool:
        """Every side moves at most once; whether anybody did."""
        moved = False
        for who, move in ((CHALLENGER, self.challengers()), (PROVIDER, self.answer(self.claims))):
            if move is not None:
                self.claims.send(who, move)
                self.sent.append((who, move))
                moved = True
                break
        return moved

    def play(self) -> None:
        """Until nobody has anything to do, the clock going on whenever both wait."""
        waited = 0
        for _ in range(200):
            if self.step():
                waited = 0
            else:
                # An empty block first: some wait for the next one, not for a clock.
                self.claims.block += 1
                self.claims.now += 400 if waited else 0
                waited += 1
            if waited > 5:
                return
        raise AssertionError("the game does not end")


def defended(run: Refuter, claim: bytes) -> Callable[[SimulatedClaims], Move | None]:
    """A provider that answers every challenge out of a run, and takes its bond back."""

    def answer(claims: SimulatedClaims) -> Move | None:
        view = claims.view(claim)
        for who in list(claims.claims[claim].challenges):
            challenge = claims.challenge(claim, who)
            if challenge is None:
                continue
            move = Defence(run).move(view, challenge, claims.now)
            if move is not None:
                return move
        return end(view, claims.now)

    return answer


def own_run(honest: CommittedRun) -> OwnRun:
    """The challenger's own run of the honest one's inputs."""
    return OwnRun(honest.program, honest.key, honest.refuter(), honest.inputs)


def claimed(
    honest: CommittedRun,
    run: Refuter,
    traced: TracedClaim,
    outputs: CommittedRun | None = None,
    answer: Callable[[SimulatedClaims], Move | None] | None = None,
) -> Game:
    """A game about a claim of some run, defended out of it."""
    claims = SimulatedClaims()
    claims.learn(honest.key)
    claims.claim(traced, (outputs or honest).outputs, PROVIDER)
    mine = own_run(honest)
    return Game(claims, traced.statement, answer or defended(run, traced.statement), lambda: mine)
