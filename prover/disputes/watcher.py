"""The validator's side: every claim of a known program is looked at, a wrong one overturned."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from avow.prover.database import Database
from avow.prover.disputes import moves
from avow.prover.disputes.challenger import Attack
from avow.prover.disputes.evidence import Evidence
from avow.prover.disputes.journal import Verdict, Watched
from avow.prover.disputes.onchain import challenge_of
from avow.prover.disputes.party import Party, Standing
from avow.prover.disputes.programs import NotVouched, Programs, Vouched
from avow.prover.disputes.recheck import Basis, Finding, Stated
from avow.verifier.chain.claim_events import Claimed
from avow.verifier.chain.claim_records import ClaimState
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.client import Block
from avow.verifier.chain.market import Market
from avow.verifier.chain.orders import selector_of
from avow.verifier.chain.signer import Signer
from avow.verifier.keccak import keccak256
from avow.verifier.lifecycle import LegState
from avow.verifier.merkle import Path
from avow.verifier.systems.optimistic.claim import SYSTEM_ID

# Looked at together; between two batches the moves of disputes have their turn.
_BATCH = 16
# Each holds every tensor of a run.
_ATTACKS = 4
# Orders of which it is remembered whether they are one's own to settle.
_ASSIGNED = 2**16
_SELECTOR = selector_of(SYSTEM_ID)
_SALT = keccak256(b"avow.refutation.salt.v1")


class Duties(Protocol):
    """What decides which claims are looked at, and hears what was found."""

    def looks_at(self, claim: Watched) -> bool:
        """Whether a claim is to be judged; asked again at every step until it was."""
        ...

    def judged(self, claim: Watched, verdict: Verdict, reason: str) -> None:
        """Called when a verdict was written down. A process that ends before this call leaves it
        out: `Journal.watched` and `Journal.verdict` have every verdict."""
        ...

    def holds(self, claim: Watched, refutation: bytes | None) -> bool:
        """Whether a wrong claim is to be left alone for now. `refutation` overturns it in one
        transaction; None where that cannot be made yet."""
        ...

    def step(self) -> bool:
        """What there is to do beside claims; whether anything was done."""
        ...


class Everything:
    """All claims are looked at, and nobody is told."""

    def looks_at(self, claim: Watched) -> bool:
        """Always."""
        return True

    def judged(self, claim: Watched, verdict: Verdict, reason: str) -> None:
        """Nothing: the log has it."""

    def holds(self, claim: Watched, refutation: bytes | None) -> bool:
        """Never: who is first is paid."""
        return False

    def step(self) -> bool:
        """Nothing."""
        return False


@dataclass(frozen=True, slots=True)
class _Case:
    """A claim made ready to be looked at."""

    claim: Watched
    program: Vouched
    stated: Stated


class Watcher(Party):
    """Judges claims and plays against wrong ones, the cheapest way, to the end."""

    role = "validator"

    def __init__(
        self,
        market: Market,
        claims: Claims,
        signer: Signer,
        database: Database,
        programs: Programs,
        evidence: Evidence,
        confirmations: int,
        duties: Duties | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(market, claims, signer, database, confirmations, wall)
        self._programs = programs
        self._evidence = evidence
        self._duties = Everything() if duties is None else duties
        self._attacks: OrderedDict[bytes, Attack] = OrderedDict()
        self._assigned: dict[tuple[bytes, int], bool] = {}
        # Known to whoever has the key alone, and the same after a restart.
        self._secret = keccak256(signer.sign_digest(_SALT))

    def step(self) -> bool:
        """Goes on with disputes first, for their clocks run; then looks at a batch of claims."""
        moved = super().step()
        moved |= self._judge()
        return self._duties.step() or moved

    def concerns(self, claimed: Claimed) -> bool:
        """All claims but one's own."""
        return claimed.provider != self.signer.address

    def is_engaged(self, claim: Watched) -> bool:
        """While a wrong claim stands, credit may be needed for a bond."""
        return claim.verdict is Verdict.WRONG

    def look(self, claim: Watched, head: Block) -> bool:
        """Plays against a wrong claim; forgets any other once it cannot be challenged."""
        if claim.verdict is Verdict.WRONG:
            return self._play(claim)
        if head.timestamp <= claim.window_end:
            return False
        if claim.verdict is not Verdict.UNKNOWN:
            return self.end_when_deep(claim, head, f"it was found: {claim.verdict.value}")
        if self._is_asked(claim):
            self._decide(claim, Verdict.UNDECIDED, "its window ended before it was looked at")
            return True
        return self.end_when_deep(claim, head, "it was nobody's duty here")

    def settle(self, order_id: bytes, leg: int) -> bool:
        """Settles a delivered leg whose claim is final and agrees; whether that was done."""
        claim = self.journal.of_leg(order_id, leg)
        if claim is None or claim.verdict is not Verdict.AGREES:
            return False
        if not self.claims.is_final(claim.traced.statement):
            return False
        standing = self.standing(claim, self._programs.of(claim.traced).outputs)
        self.market.settle(
            self.signer, order_id, leg, standing.claimed.output, Path(0, ()), _SELECTOR
        )
        return True

    def _judge(self) -> bool:
        """Looks at the claims of one program that have the least time left."""
        cases: list[_Case] = []
        moved = False
        for claim in self.journal.watched():
            if claim.verdict is not Verdict.UNKNOWN or not self._is_asked(claim):
                continue
            if cases and claim.traced.key != cases[0].claim.traced.key:
                continue
            moved |= self.guarded(claim, partial(self._prepare, claim, cases))
            if len(cases) == _BATCH:
                break
        if not cases:
            return moved
        began = time.monotonic()
        found = cases[0].program.recheck.look([case.stated for case in cases])
        each = 1000 * (time.monotonic() - began) / len(cases)
        for case, finding in zip(cases, found, strict=True):
            verdict, reason = _verdict(finding)
            self._decide(case.claim, verdict, f"{reason}, {each:.1f} ms in {len(cases)}")
        return True

    def _is_asked(self, claim: Watched) -> bool:
        """Whether a claim is to be judged: a duty, or of an order that this account settles."""
        return self._duties.looks_at(claim) or self._is_assigned(claim)

    def _is_assigned(self, claim: Watched) -> bool:
        """Whether the market has chosen this account as the order's validator."""
        key = (claim.order_id, claim.block)
        if key not in self._assigned:
            order = self.market.order(claim.order_id)
            if order is None:
                return False
            if len(self._assigned) == _ASSIGNED:
                self._assigned.clear()
            self._assigned[key] = order.validator == self.signer.address
        return self._assigned[key]

    def _prepare(self, claim: Watched, cases: list[_Case]) -> bool:
        """Gets what is needed to judge a claim; whether it was decided without."""
        try:
            program = self._programs.of(claim.traced)
        except NotVouched as refusal:
            if not refusal.final:
                raise
            self._decide(claim, Verdict.UNDECIDED, str(refusal))
            return True
        standing = self.standing(claim, program.outputs)
        if standing.view.state is not ClaimState.STANDING:
            ended = standing.view.state.name.lower()
            self._decide(claim, Verdict.UNDECIDED, f"it was {ended} before it was looked at")
            return True
        stated = self._stated(claim, program, standing, program.recheck.by_columns)
        program.recheck.belongs(stated)
        cases.append(_Case(claim, program, stated))
        return False

    def _stated(
        self, claim: Watched, program: Vouched, standing: Standing, with_shown: bool
    ) -> Stated:
        inputs = self._evidence.inputs(claim, program.inputs)
        shown = self._evidence.shown(claim) if with_shown else None
        return Stated(standing.view, inputs, shown)

    def _decide(self, claim: Watched, verdict: Verdict, reason: str) -> None:
        self.journal.decide(claim.traced.statement, verdict, reason)
        self.say(claim, f"is {verdict.value}: {reason}")
        self._duties.judged(claim, verdict, reason)

    def _play(self, claim: Watched) -> bool:
        program = self._programs.of(claim.traced)
        standing = self.standing(claim, program.outputs)
        view, head = standing.view, standing.head
        account = self.signer.address
        challenge = challenge_of(self.claims, view.id, account, standing.happened)
        if view.state is not ClaimState.STANDING and challenge is not None and challenge.undecided:
            return self.send(claim, moves.Reclaim(view.id, account))
        if view.state is ClaimState.OVERTURNED:
            return self._slash(claim) or self.end_when_deep(claim, head, "it was overturned")
        if view.state is ClaimState.UPHELD or view.is_final(head.timestamp):
            return self.end_when_deep(claim, head, "it stood, though found wrong here")
        attack = self._attack(claim, program, standing, challenge is None)
        if challenge is None and self._duties.holds(claim, attack.refutation(view)):
            return False
        noted = attack.commitment(view, challenge)
        committed_in = 0 if noted is None else self.claims.committed_in(noted)
        move = attack.move(view, challenge, committed_in, head.number, head.timestamp)
        return False if move is None else self.send(claim, move)

    def _slash(self, claim: Watched) -> bool:
        """Has the market refund the requester, unless somebody has."""
        if self.market.leg(claim.order_id, claim.leg).state is not LegState.DELIVERED:
            return False
        receipt = self.market.refute(self.signer, claim.order_id, claim.leg)
        self.say(claim, f"refunded and slashed, gas {receipt.gas_used}")
        return True

    def _attack(
        self, claim: Watched, program: Vouched, standing: Standing, with_shown: bool
    ) -> Attack:
        """One's own run against a claim, computed again after a restart.

        In a game nothing is fetched any more: a slow place would take the time for an answer.
        """
        name = claim.traced.statement
        found = self._attacks.get(name)
        if found is None:
            stated = self._stated(claim, program, standing, with_shown)
            program.recheck.belongs(stated)
            own = program.recheck.own_run(stated)
            salt = keccak256(self._secret + name)
            published = program.recheck.published(stated)
            way = "the reveal game" if published is None else "one refutation"
            self.say(claim, f"tensors are {'not ' if published is None else ''}shown: {way}")
            found = Attack(own, self.signer.address, salt, published)
            if len(self._attacks) == _ATTACKS:
                self._attacks.popitem(last=False)
            self._attacks[name] = found
        self._attacks.move_to_end(name)
        return found


def _verdict(finding: Finding) -> tuple[Verdict, str]:
    if finding.course is not None:
        return Verdict.WRONG, finding.basis.value
    if finding.basis is Basis.NOTHING:
        return Verdict.UNDECIDED, finding.basis.value
    return Verdict.AGREES, finding.basis.value
