"""The validator's side: every claim of a known program is looked at, a wrong one overturned."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from avow.prover.database import Database
from avow.prover.disputes import moves
from avow.prover.disputes.attested import AttestedAnswers
from avow.prover.disputes.challenger import Attack, OneShot
from avow.prover.disputes.evidence import Evidence, InputMissing
from avow.prover.disputes.journal import Verdict, Watched
from avow.prover.disputes.onchain import challenge_of
from avow.prover.disputes.party import FAILURES, FATAL, Party, Standing
from avow.prover.disputes.plan import Planned
from avow.prover.disputes.programs import NotVouched, Programs, Vouched
from avow.prover.disputes.recent import Recent, elements
from avow.prover.disputes.recheck import Basis, Finding, Stated
from avow.prover.nodes.claims import CLAIMED
from avow.verifier.bundle import Bundle
from avow.verifier.chain.claim_events import Claimed
from avow.verifier.chain.claim_records import ClaimState
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.client import Block
from avow.verifier.chain.market import Market
from avow.verifier.chain.orders import Leg
from avow.verifier.chain.signer import Signer
from avow.verifier.keccak import keccak256
from avow.verifier.lifecycle import LegState
from avow.verifier.merkle import Path
from avow.verifier.tensor import Tensor
from avow.verifier.trace.inputs import commit_as, input_scheme

# Looked at together; between two batches the moves of disputes have their turn.
_BATCH = 16
# Getting ready to look may take so long in one step: places answer as slowly as their owners like.
_READY_SECONDS = 30.0
# What is not there now is not there a moment later.
_MISSING_SECONDS = 30.0
# In one step: what a provider shows may be long in coming, and others' clocks run.
_AIM_SECONDS = 10.0
# Each holds every tensor of a run.
_ATTACKS = 4
# Orders of which it is remembered whether they are one's own to settle.
_ASSIGNED = 2**16
# Each is the data of one transaction.
_SHOTS = 256
_INPUTS = 64
_INPUT_ELEMENTS = 1 << 24
_JUDGED = (Verdict.AGREES, Verdict.WRONG)
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
        attested: AttestedAnswers | None = None,
    ) -> None:
        """`attested` hears what is right in orders that have attested answers, too."""
        super().__init__(market, claims, signer, database, confirmations, wall)
        self._programs = programs
        self._evidence = evidence
        self._duties = Everything() if duties is None else duties
        self.attested = attested
        self._assigned: dict[tuple[bytes, int], bool] = {}
        self._attacks: Recent[Attack] = Recent(_ATTACKS)
        self._shots: Recent[OneShot] = Recent(_SHOTS)
        # By commitment: whoever shows them once need not do so again.
        self._inputs: Recent[tuple[Tensor, ...]] = Recent(_INPUTS, _INPUT_ELEMENTS, elements)
        self._judging = False
        self._aims_until = 0.0
        # Known to whoever has the key alone, and the same after a restart.
        self._secret = keccak256(signer.sign_digest(_SALT))

    def step(self) -> bool:
        """Goes on with disputes first, for their clocks run; then looks at a batch of claims."""
        self._aims_until = time.monotonic() + _AIM_SECONDS
        moved = super().step()
        if self._judging:
            # Moves that could not wait until every place had answered.
            return moved
        self._judging = True
        try:
            moved |= self._judge(self.watched)
        finally:
            self._judging = False
        return self._duties.step() or moved

    def concerns(self, claimed: Claimed) -> bool:
        """All claims but one's own."""
        return claimed.provider != self.signer.address

    def is_engaged(self, claim: Watched) -> bool:
        """While a wrong claim stands, credit may be needed for a bond."""
        return claim.verdict is Verdict.WRONG

    def waits_after(self, error: Exception) -> float:
        """Longer where it is a place that does not answer: to ask again takes time again."""
        return _MISSING_SECONDS if isinstance(error, InputMissing) else 0.0

    def look(self, claim: Watched, head: Block) -> Sequence[Planned]:
        """Plays against a wrong claim; forgets any other once it cannot be challenged."""
        if claim.verdict is Verdict.WRONG:
            planned = self._play(claim)
            return () if planned is None else (planned,)
        if head.timestamp <= claim.window_end:
            return ()
        if claim.verdict is not Verdict.UNKNOWN:
            reason = f"it was found: {claim.verdict.value}"
            if (left := self._left(claim, reason)) is not None:
                return (left,)
            self.end_when_deep(claim, head, reason)
        elif self._is_unsettled(claim):
            # Late to overturn it, in time to settle it: it is judged all the same.
            return ()
        elif self._is_asked(claim):
            self._decide(claim, Verdict.UNDECIDED, "its window ended before it was looked at")
        else:
            self.end_when_deep(claim, head, "it was nobody's duty here")
        return ()

    def settle(self, order_id: bytes, leg: int) -> bool:
        """Settles a delivered leg whose claim is final and agrees; whether that was done."""
        claim = self.journal.of_leg(order_id, leg)
        if claim is None or claim.verdict is not Verdict.AGREES:
            return False
        if not self.claims.is_final(claim.traced.statement):
            return False
        standing = self.standing(claim, self._programs.of(claim.traced).outputs)
        self.market.settle(
            self.signer, order_id, leg, standing.claimed.output, Path(0, ()), CLAIMED
        )
        return True

    def awaits(self, order_id: bytes, legs: Sequence[Leg]) -> bool:
        """Whether a claim beside an attested answer may soon say what is right, and does not yet.

        `legs` are all of the order's.
        """
        for index, leg in enumerate(legs):
            claim = self.journal.of_leg(order_id, index)
            if claim is None and leg.selector == CLAIMED and leg.state is LegState.DELIVERED:
                return True
            if claim is not None and claim.verdict is Verdict.UNKNOWN and not claim.ended:
                return True
        return False

    def denies(self, order_id: bytes, legs: int, bundle: Bundle) -> bool:
        """Whether a verified bundle of an order shows other numbers than one's own run.

        Of orders with a claim that was judged here only, and on the claim's own input.
        """
        for index in range(legs):
            claim = self.journal.of_leg(order_id, index)
            if claim is None or claim.verdict not in _JUDGED or bundle.inputs is None:
                continue
            if bundle.statement.program != claim.traced.program:
                continue
            program = self._programs.of(claim.traced)
            given = commit_as(input_scheme(program.inputs), bundle.inputs)
            if given.value != claim.traced.input:
                continue
            right = program.recheck.answer(bundle.inputs)
            if right is not None and [one.values for one in bundle.outputs] != right:
                return True
        return False

    def _judge(self, watched: Sequence[Watched]) -> bool:
        """Looks at the claims of one program that have the least time left.

        Between two of them the moves of disputes have their turn: a place may answer slowly.
        """
        cases: list[_Case] = []
        moved, tried, began = False, 0, time.monotonic()
        for claim in self._unknown(watched):
            if cases and claim.traced.key != cases[0].claim.traced.key:
                continue
            moved |= self.guarded(claim, partial(self._prepare, claim, cases))
            tried += 1
            if tried == _BATCH or time.monotonic() - began > _READY_SECONDS:
                break
            moved |= self.hurry()
        if not cases:
            return moved
        try:
            return self._find(cases)
        except FATAL:
            raise
        except FAILURES:
            # It may be one of them that cannot be looked at.
            for case in cases:
                moved |= self.guarded(case.claim, partial(self._find, [case]))
            return moved

    def _unknown(self, watched: Sequence[Watched]) -> Iterator[Watched]:
        """The claims to look at; those that could not be had before come last."""
        found = [one for one in watched if one.verdict is Verdict.UNKNOWN]
        for claim in sorted(found, key=lambda one: self._pauses.failed(one.traced.statement)):
            if not self._pauses.waits(claim.traced.statement) and self._is_asked(claim):
                yield claim

    def _find(self, cases: Sequence[_Case]) -> bool:
        """Looks at claims of one program together, and writes down what was found."""
        began = time.monotonic()
        found = cases[0].program.recheck.look([case.stated for case in cases])
        each = 1000 * (time.monotonic() - began) / len(cases)
        judged = [(case, *_verdict(one)) for case, one in zip(cases, found, strict=True)]
        # Wrong ones first: to compare means to ask a place, which may be slow on purpose.
        for case, verdict, reason in sorted(judged, key=lambda one: one[1] is not Verdict.WRONG):
            self.hurry()
            # Before the verdict is written down: whoever is killed in between looks again.
            try:
                self._compare(case.claim, case.program, case.stated)
            except FATAL:
                raise
            except FAILURES as error:
                # The claim's own clock runs; there is another look at its end.
                self.say(case.claim, f"attested answers beside it were not compared: {error}")
            if verdict is Verdict.WRONG:
                self._inputs.put(case.claim.traced.input, case.stated.inputs)
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

    def _is_unsettled(self, claim: Watched) -> bool:
        """Whether a leg waits for this account, which the market has chosen, to settle it."""
        if not self._is_assigned(claim):
            return False
        return self.market.leg(claim.order_id, claim.leg).state is LegState.DELIVERED

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
        state = standing.view.state
        upheld = state is ClaimState.UPHELD and self._is_unsettled(claim)
        if state is not ClaimState.STANDING and not upheld:
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
        inputs = self._inputs.get(claim.traced.input)
        if inputs is None:
            inputs = self._evidence.inputs(claim, program.inputs)
        shown = self._evidence.shown(claim) if with_shown else None
        return Stated(standing.view, inputs, shown)

    def _decide(self, claim: Watched, verdict: Verdict, reason: str) -> None:
        self.journal.decide(claim.traced.statement, verdict, reason)
        # What was decided in this step is not decided again in it.
        self.watched = [
            one for one in self.watched if one.traced.statement != claim.traced.statement
        ]
        self.say(claim, f"is {verdict.value}: {reason}")
        self._duties.judged(claim, verdict, reason)

    def _play(self, claim: Watched) -> Planned | None:
        program = self._programs.of(claim.traced)
        standing = self.standing(claim, program.outputs)
        view, head = standing.view, standing.head
        account = self.signer.address
        challenge = challenge_of(self.claims, view.id, account, standing.happened)
        undecided = challenge is not None and challenge.undecided
        if view.state is not ClaimState.STANDING and undecided:
            return Planned(claim, moves.Reclaim(view.id, account), view.window_end)
        if view.state is ClaimState.OVERTURNED:
            if self.market.leg(claim.order_id, claim.leg).state is LegState.DELIVERED:
                return Planned(claim, None, view.window_end, act=partial(self._slash, claim))
            if (left := self._left(claim, "it was overturned")) is not None:
                return left
            self.end_when_deep(claim, head, "it was overturned")
            return None
        if view.state is ClaimState.UPHELD or view.is_final(head.timestamp):
            reason = "it stood, though found wrong here"
            if (left := self._left(claim, reason)) is not None:
                return left
            self.end_when_deep(claim, head, reason)
            return None
        attack = self._aimed(claim, program, standing, challenge is None)
        if attack is None:
            return None
        if challenge is None and self._duties.holds(claim, attack.refutation(view)):
            return None
        noted = attack.commitment(view, challenge)
        committed_in = 0 if noted is None else self.claims.committed_in(noted)
        move = attack.move(view, challenge, committed_in, head.number, head.timestamp)
        if move is None:
            return None
        if challenge is None or not undecided:
            return Planned(claim, move, view.window_end)
        return Planned(claim, move, challenge.deadline, challenge.turn.is_challengers)

    def _left(self, claim: Watched, reason: str) -> Planned | None:
        """What is to be done yet about attested answers beside a claim that was judged."""
        if self.attested is None or claim.verdict not in _JUDGED:
            return None
        if not self.attested.concerned(claim):
            return None
        return Planned(claim, None, claim.window_end, act=partial(self._follow_up, claim, reason))

    def _compare(self, claim: Watched, program: Vouched, stated: Stated) -> None:
        """Holds attested answers of the same order against one's own run, not the claim's."""
        if self.attested is None or not self.attested.concerned(claim):
            return
        values = program.recheck.answer(stated.inputs)
        if values is not None:
            pairs = zip(program.outputs, values, strict=True)
            right = [Tensor(spec.element_type, spec.shape, one) for spec, one in pairs]
            self.attested.compare(claim, right)

    def _follow_up(self, claim: Watched, reason: str) -> bool:
        """Looks once more, for answers that were delivered since, acts on what was found, and ends
        the matter."""
        if self.attested is None:
            return False
        head = self.claims.chain.head()
        try:
            program = self._programs.of(claim.traced)
            standing = self.standing(claim, program.outputs)
            self._compare(claim, program, self._stated(claim, program, standing, False))
        except (InputMissing, NotVouched) as gone:
            # What was found when the claim was judged is enough, and the claim must end.
            self.say(claim, f"later attested answers are not looked at: {gone}")
        stored = self.claims.stored(claim.traced.statement, head.number)
        overturned = stored is not None and stored.state is ClaimState.OVERTURNED
        self.attested.follow_up(claim, overturned)
        self.end_when_deep(claim, head, reason)
        return True

    def _slash(self, claim: Watched) -> bool:
        """Has the market refund the requester."""
        receipt = self.market.refute(self.signer, claim.order_id, claim.leg)
        self.say(claim, f"refunded and slashed, gas {receipt.gas_used}")
        return True

    def _aimed(
        self, claim: Watched, program: Vouched, standing: Standing, with_shown: bool
    ) -> Attack | OneShot | None:
        """What is known against a claim; a run only where it is still needed.

        None where it has to be made ready yet, and this step has no time left for that.
        """
        view = standing.view
        known = self._shots.get(view.id)
        if known is not None and known.traced == view.traced:
            return known
        late = time.monotonic() > self._aims_until
        if late and with_shown and self._attacks.get(view.id) is None:
            return None
        attack = self._attack(claim, program, standing, with_shown)
        shot = attack.one_shot(view)
        if shot is None:
            return attack
        self._shots.put(view.id, shot)
        return shot

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
            self._inputs.put(claim.traced.input, stated.inputs)
            own = program.recheck.own_run(stated)
            salt = keccak256(self._secret + name)
            published = program.recheck.published(stated)
            way = "the reveal game" if published is None else "one refutation"
            self.say(claim, f"tensors are {'not ' if published is None else ''}shown: {way}")
            found = Attack(own, self.signer.address, salt, published)
            self._attacks.put(name, found)
        return found


def _verdict(finding: Finding) -> tuple[Verdict, str]:
    if finding.course is not None:
        return Verdict.WRONG, finding.basis.value
    if finding.basis is Basis.NOTHING:
        return Verdict.UNDECIDED, finding.basis.value
    return Verdict.AGREES, finding.basis.value
