"""The provider: takes orders that it can serve, proves them, delivers, and is paid."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from avow.prover.catalogue import Compiled
from avow.prover.database import Database
from avow.prover.disputes.defender import Defender
from avow.prover.disputes.journal import Watched
from avow.prover.disputes.party import Party
from avow.prover.errors import IllegalTransition, Refused
from avow.prover.job import Job
from avow.prover.nodes.attested import OwnKeys
from avow.prover.nodes.claiming import Claiming, JobRuns
from avow.prover.nodes.claims import CLAIMED, check_claim, expected_statement
from avow.prover.nodes.contracts import KeyContracts, of_artifact
from avow.prover.nodes.inputs import OrderedInputs
from avow.prover.nodes.leg_jobs import LegJobs
from avow.prover.nodes.node import Node, View, Wall
from avow.prover.nodes.offers import (
    Declined,
    Offer,
    Plan,
    Pricing,
    by_deadline,
    check_deadline,
    check_price,
    choose,
    claims_last,
    offer,
    read_input,
)
from avow.prover.nodes.pace import Pace
from avow.prover.nodes.terms import same_terms
from avow.prover.nodes.worklist import Seen, Status
from avow.prover.queue import Queue
from avow.verifier.bundle import Bundle, parse_bundle
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.market import Market
from avow.verifier.chain.orders import NOBODY, Leg, OrderTerms, selector_of
from avow.verifier.chain.signer import Signer
from avow.verifier.fields import to_hex
from avow.verifier.keccak import keccak256
from avow.verifier.lifecycle import EVIDENCE_STATES, JobState, LegState
from avow.verifier.records import ModelRecord
from avow.verifier.systems.tee.registration import SYSTEM_ID as TEE
from avow.verifier.tensor import Tensor

# From a statement's digest to the address at which its bundle can be fetched.
Address = Callable[[bytes], str]
_WORKING = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.ANSWERED, JobState.PROVING})
_ENDS = {LegState.SLASHED: JobState.SLASHED, LegState.REFUNDED: JobState.REFUNDED}


class Provider(Node):
    """Serves a market's orders through the job queue; workers prove, this node only decides."""

    role = "provider"

    def __init__(
        self,
        market: Market,
        signer: Signer,
        database: Database,
        queue: Queue,
        catalogue: Callable[[], Sequence[Compiled]],
        pricing: Pricing,
        pace: Pace,
        address: Address,
        confirmations: int,
        allow_unsafe_srs: bool = False,
        wall: Wall = time.time,
        claims: Claims | None = None,
        defend_by_proof: bool = False,
        attested: OwnKeys | None = None,
        inputs: OrderedInputs | None = None,
    ) -> None:
        """`claims` are those of the market's deployment; without them no leg is claimed.

        `attested` knows which keys can sign answers of tee/v1; without it, nobody is asked.
        `inputs` gets those that orders name by an address; without it they are left alone.
        """
        super().__init__(market, signer, database, confirmations, wall)
        self._queue = queue
        self._catalogue = catalogue
        self._pricing = pricing
        self._pace = pace
        self._address = address
        self._allow_unsafe_srs = allow_unsafe_srs
        self._attested = attested
        self._inputs = inputs
        self._contracts: dict[str, KeyContracts | None] = {}
        self._jobs = LegJobs(market, self.registry, database, queue, signer.address)
        self._claiming: Claiming | None = None
        self._bonds_noted = False
        self.defender: Defender | None = None
        if claims is not None:
            self._claiming = Claiming(market, claims, signer)
            runs = JobRuns(market, queue, catalogue, signer, self._delivered)
            self.defender = Defender(
                market, claims, signer, database, runs, confirmations, defend_by_proof, wall
            )

    def step(self) -> bool:
        """As every node's; then one's own claims are defended, whose clocks run."""
        defended = self.defender is not None and self.defender.step()
        moved = super().step() or defended
        if self._inputs is not None:
            self._inputs.keep_only(self.worklist.active)
        return moved

    def join(self) -> bool:
        """Waits for the inputs that are on their way; whether there is any news of them."""
        return self._inputs is not None and self._inputs.join()

    @property
    def party(self) -> Party | None:
        """What defends claims, if anything."""
        return self.defender

    def meanwhile(self) -> bool:
        """Clocks of disputes run while orders are looked at."""
        return self.defender is not None and self.defender.hurry()

    def concerns(self, view: View) -> str | None:
        """An order that another provider has locked is that provider's."""
        if view.order.provider in (NOBODY, self.signer.address):
            return None
        return f"{to_hex(view.order.provider)} has it"

    def advance(self, seen: Seen, view: View) -> bool:
        """Locks an open order, or takes the next step with a locked one."""
        if not same_terms(seen.terms, seen.nonce, view.order, view.legs):
            # The chain holds other terms under this id than those that were read: a
            # re-organisation, of which the follower will learn.
            return False
        if view.order.provider == NOBODY:
            return self._consider(seen, view)
        if self._claiming is not None:
            self._claiming.note(view.order, view.legs, self._selectors(seen, view))

        def move(index: int) -> bool:
            if view.legs[index].state is LegState.LOCKED:
                return self._serve(seen, view, index)
            return self._await_settlement(seen, view, index)

        return self.each_leg(seen, _by_urgency(view.legs), move)

    def finish(self, seen: Seen, view: View) -> None:
        """Notes in the jobs what became of the legs: each payment once."""
        if self._claiming is not None:
            self._claiming.release(seen.order_id)
        for index, leg in enumerate(view.legs):
            known = self._jobs.known(seen, index)
            if known is None:
                continue
            job_id = known.job_id
            if view.order.provider != self.signer.address:
                self._give_up(seen, job_id, f"leg {index} is {leg.state.name.lower()}, not ours")
            elif leg.state is LegState.SETTLED:
                self._mark_delivered(job_id, index)
                if self._queue.record_payment(job_id, index, f"order {to_hex(seen.order_id)}"):
                    self.say(seen.order_id, f"leg {index} is paid")
            elif leg.state in _ENDS:
                self._follow(seen, job_id, index, leg.state)

    def _consider(self, seen: Seen, view: View) -> bool:
        self._note_bonds()
        try:
            planned, inputs = self._plan(seen, view)
        except Declined as refusal:
            if self._claiming is not None:
                self._claiming.release(seen.order_id)
            if refusal.final:
                self.worklist.decide(seen.order_id, Status.IGNORED, str(refusal))
                self.say(seen.order_id, f"ignored: {refusal}")
            elif self.worklist.remark(seen.order_id, str(refusal)):
                self.say(seen.order_id, f"waits: {refusal}")
            return refusal.final
        if self._claiming is not None:
            # Also if the transaction should only be mined after this node gave it up.
            self._claiming.reserve(view.order, _claimed(planned))
        receipt = self.market.lock(self.signer, view.order)
        name = planned.legs[0].model.name
        self.say(seen.order_id, f"locked for {seen.terms.price} ({name}), gas {receipt.gas_used}")
        # The job enters the queue before the next order is weighed against what waits there.
        locked = self.view(seen.order_id)
        if locked is not None and locked.order.provider == self.signer.address:
            for index in by_deadline(seen.terms):
                if locked.legs[index].state is LegState.LOCKED:
                    self._submit(seen, index, planned.legs[index], inputs)
        return True

    def _note_bonds(self) -> None:
        """After a restart: bonds of claims owed for orders that come later in the worklist."""
        if self._claiming is None or self._bonds_noted:
            return
        for seen in self.worklist.active():
            view = self.view(seen.order_id)
            if view is not None and view.order.provider == self.signer.address:
                self._claiming.note(view.order, view.legs, self._selectors(seen, view))
            self.meanwhile()
        self._bonds_noted = True

    def _plan(self, seen: Seen, view: View) -> tuple[Plan, tuple[Tensor, ...]]:
        """How to serve an order, and its input, which is asked for when all else is decided."""
        terms = seen.terms
        check_deadline(terms, view.now, view.head.timestamp, seen.reason)
        if self._inputs is not None:
            self._inputs.check(seen.order_id)
        offered = self._keyed(terms, self._offer(terms), view)
        check_price(terms, offered, self._pricing)
        planned = self._choose(terms, offered, view)
        affordable = self.market.affordable(self.signer.address)
        if affordable < terms.bond:
            raise Declined(f"its bond is {terms.bond}, {affordable} are there", final=False)
        try:
            self._check_claims(terms, view, planned)
        except Declined:
            # What cannot be claimed may be provable by another system that its leg names.
            fewer = _without_claims(offered)
            if fewer == offered:
                raise
            planned = self._choose(terms, fewer, view)
            self._check_claims(terms, view, planned)
        return planned, self._input(seen, offered.model)

    def _input(self, seen: Seen, model: ModelRecord) -> tuple[Tensor, ...]:
        """What a crash does not take away any more; raises Declined until it is here."""
        if self._inputs is None:
            return read_input(seen.terms, model, seen.terms.input_data)
        return self._inputs.read(seen.order_id, seen.terms, model)

    def _keyed(self, terms: OrderTerms, offered: Offer, view: View) -> Offer:
        """Without attested answers for which no key would stand: their bond would be lost."""
        if self._attested is None:
            return offered
        legs = []
        for leg, items in zip(terms.legs, offered.legs, strict=True):
            missing = None
            if any(item.record.system == TEE for item in items):
                until = leg.deadline + view.order.settlement_window
                missing = self._attested.missing(terms.model_key, view.now, until)
            left = tuple(item for item in items if missing is None or item.record.system != TEE)
            if not left:
                # One may come yet.
                raise Declined(f"it could not be settled: {missing}", final=False)
            legs.append(left)
        return Offer(tuple(legs))

    def _choose(self, terms: OrderTerms, offered: Offer, view: View) -> Plan:
        return choose(terms, offered, self._cost, self._pace.needed, view.now)

    def _cost(self, compiled: Compiled) -> float:
        return self._pace.seconds(compiled.record_digest)

    def _check_claims(self, terms: OrderTerms, view: View, planned: Plan) -> None:
        if self._claiming is not None:
            self._claiming.check(terms, view.order, len(_claimed(planned)))

    def _offer(self, terms: OrderTerms) -> Offer:
        digest = self.registry.model_digest(terms.model_key)
        claims = self._claiming is not None

        def objection(selector: bytes, compiled: Compiled) -> str | None:
            if not self.market.verifies(selector):
                return f"the router does not verify {compiled.record.system}"
            differs = self.registry.differs(
                terms.model_key, selector, compiled.model, compiled.record
            )
            return differs or self._contracts_differ(terms, selector, compiled)

        fetches = self._inputs is not None
        return offer(
            terms, digest, self._catalogue(), self._allow_unsafe_srs, claims, objection, fetches
        )

    def _contracts_differ(
        self, terms: OrderTerms, selector: bytes, compiled: Compiled
    ) -> str | None:
        """Why a proof by this artifact's key would not be accepted on chain, or None."""
        digest = compiled.record_digest
        if digest not in self._contracts:
            self._contracts[digest] = of_artifact(compiled)
        contracts = self._contracts[digest]
        found = self.registry.system(terms.model_key, selector)
        if contracts is None or found is None:
            return None
        gas, cap = contracts.gas(), self.market.gas_cap(selector)
        if not contracts.fits(cap):
            return f"a proof takes about {gas} gas to check, the router gives {cap}"
        return contracts.differs(found)

    def _serve(self, seen: Seen, view: View, index: int) -> bool:
        known, leg = self._jobs.known(seen, index), view.legs[index]
        if known is None:
            return self._try_another(seen, view, index)
        job = self._queue.status(known.job_id)
        text = f"job {job.id} is {job.state.value}: {job.reason}"
        lost = job.state is JobState.FAILED
        if leg.others and not lost and not self.market.verifies(known.selector):
            text, lost = "the system that was chosen was withdrawn", True
        lost = lost or self._is_late(seen, view, index, job)
        if lost and self._try_another(seen, view, index):
            if job.state in _WORKING:
                self._give_up(seen, job.id, f"leg {index} is served by another system")
            return True
        if job.state in _WORKING:
            return False
        if job.state not in EVIDENCE_STATES:
            if self.worklist.remark(seen.order_id, text):
                self.say(seen.order_id, f"cannot be delivered: {text}")
            return False
        if view.now > view.legs[index].deadline:
            return False
        data = self._queue.bundle(job.id, index)
        bundle = parse_bundle(data)
        output = bundle.statement.output
        selector = known.selector
        expected, record = expected_statement(
            self.market, self.registry, view.order, selector, output
        )
        check_claim(bundle, expected, record)
        refused = self._refusal(view, bundle)
        if refused is not None:
            if self._try_another(seen, view, index):
                return True
            if self.worklist.remark(seen.order_id, refused):
                self.say(seen.order_id, f"cannot be delivered: {refused}")
            return False
        address = self._address(expected.digest())
        receipt = self.market.deliver(
            self.signer, seen.order_id, index, selector, output, keccak256(data), address
        )
        system = bundle.statement.system
        self.say(seen.order_id, f"delivered leg {index} by {system}, gas {receipt.gas_used}")
        return True

    def _try_another(self, seen: Seen, view: View, index: int) -> bool:
        """Submits a locked leg's job by the cheapest of its systems that was not tried yet."""
        if view.now >= view.legs[index].deadline:
            return False
        tried = {job.selector for job in self._jobs.tried(seen, index)}
        # Of the other legs nobody asks any more whether they could be served now.
        alone = replace(seen.terms, legs=(seen.terms.legs[index],))
        try:
            offered = self._keyed(alone, self._offer(alone), view)
            inputs = self._input(seen, offered.model)
        except Declined as refusal:
            if self.worklist.remark(seen.order_id, str(refusal)):
                self.say(seen.order_id, f"cannot be served: {refusal}")
            return False
        others = [one for at, one in enumerate(self._selectors(seen, view)) if at != index]
        rank = claims_last(self._cost, attested=selector_of(TEE) in others)
        for compiled in sorted(offered.legs[0], key=rank):
            selector = selector_of(compiled.record.system)
            if selector in tried or not self._can_claim(seen, view, index, selector):
                continue
            self._submit(seen, index, compiled, inputs)
            return True
        return False

    def _is_late(self, seen: Seen, view: View, index: int, job: Job) -> bool:
        """Whether another system has to begin now, because the chosen one let its time pass."""
        leg, tried = view.legs[index], self._jobs.tried(seen, index)
        if not leg.others or job.state not in _WORKING:
            return False
        waited, left = view.now - job.created_at / 1000, leg.deadline - view.now
        untried = set(leg.named) - {one.selector for one in tried}
        return any(
            self._pace.is_last_call(tried[-1].record, waited, compiled, left)
            for compiled in self._catalogue()
            if compiled.model_digest == job.model and selector_of(compiled.record.system) in untried
        )

    def _refusal(self, view: View, bundle: Bundle) -> str | None:
        """Why the chain would not settle with an attested answer, whose key may have ended."""
        if self._attested is None or bundle.statement.system != TEE:
            return None
        latest = view.now + view.order.grace_period
        return self._attested.refusal(view.order.model_key, bundle, latest)

    def _can_claim(self, seen: Seen, view: View, index: int, selector: bytes) -> bool:
        """Whether a leg can be claimed, if that is how it would be delivered; its bond is kept."""
        if selector != CLAIMED or self._claiming is None:
            return True
        try:
            self._claiming.check(seen.terms, view.order, 1, bond_due=False)
        except Declined:
            return False
        self._claiming.reserve(view.order, [index])
        return True

    def _await_settlement(self, seen: Seen, view: View, index: int) -> bool:
        leg, order = view.legs[index], view.order
        known = self._jobs.known(seen, index)
        if known is None:
            return False
        job_id = known.job_id
        moved = self._mark_delivered(job_id, index)
        if leg.selector == CLAIMED and not self._is_final(seen, view, index, job_id):
            return moved
        grace_ends = leg.delivered_at + order.grace_period
        alone = order.validator == NOBODY or view.now > grace_ends
        if not alone or view.now > leg.delivered_at + order.settlement_window:
            return moved
        if self.gathers(seen.order_id, index):
            return moved
        bundle = parse_bundle(self._queue.bundle(job_id, index))
        half = (grace_ends + leg.delivered_at + order.settlement_window) / 2
        done = self.settle_leg(view, index, bundle, half)
        self.say(seen.order_id, f"itself {done or f'keeps leg {index} for its batch'}")
        return moved or done is not None

    def _is_final(self, seen: Seen, view: View, index: int, job_id: str) -> bool:
        """Whether a delivered leg's claim can be settled; it is claimed when it was not."""
        if self._claiming is None:
            return False

        def read() -> Bundle:
            return parse_bundle(self._queue.bundle(job_id, index))

        receipt = self._claiming.claim(view.order, index, read)
        if receipt is not None:
            self.say(seen.order_id, f"claimed leg {index}, gas {receipt.gas_used}")
            return False
        return self._claiming.is_final(seen.order_id, index)

    def _delivered(self, claim: Watched) -> Bundle:
        """The bundle that was delivered for an own claim."""
        seen = self.worklist.order(claim.order_id)
        known = None if seen is None else self._jobs.known(seen, claim.leg)
        if known is None:
            raise Refused("the job of an own claim is gone")
        return parse_bundle(self._queue.bundle(known.job_id, claim.leg))

    def _submit(
        self, seen: Seen, index: int, compiled: Compiled, inputs: tuple[Tensor, ...]
    ) -> None:
        system = compiled.record.system
        job = self._jobs.submit(seen, index, selector_of(system), compiled, inputs)
        self.say(seen.order_id, f"submitted leg {index} ({system}) as job {job.id}")

    def _selectors(self, seen: Seen, view: View) -> list[bytes]:
        """The systems by which the legs of a locked order are, or will be, delivered."""
        return [self._selector(seen, index, leg) for index, leg in enumerate(view.legs)]

    def _selector(self, seen: Seen, index: int, leg: Leg) -> bytes:
        if not leg.others:
            return leg.selector
        known = self._jobs.known(seen, index)
        if known is not None:
            return known.selector
        # Until there is a job, what a claim would need is kept.
        return CLAIMED if CLAIMED in leg.named else leg.selector

    def _mark_delivered(self, job_id: str, index: int) -> bool:
        try:
            return self._queue.move_leg(job_id, index, LegState.DELIVERED)
        except IllegalTransition:
            # The leg is further already: this was noted before a restart.
            return False

    def _follow(self, seen: Seen, job_id: str, index: int, state: LegState) -> None:
        text = f"leg {index} was {state.name.lower()}"
        try:
            self._queue.move_leg(job_id, index, state)
            self._queue.advance(job_id, _ENDS[state], text)
        except IllegalTransition:
            self._give_up(seen, job_id, text)

    def _give_up(self, seen: Seen, job_id: str, why: str) -> None:
        """Ends work that nobody will pay for; work that has ended stays as it is."""
        try:
            self._queue.cancel(job_id, why)
        except IllegalTransition as error:
            self.say(seen.order_id, f"job {job_id} keeps its state: {error}")


def _by_urgency(legs: Sequence[Leg]) -> list[int]:
    """The legs that still need something: first those to deliver, each by its deadline."""
    open_ = [
        at for at, leg in enumerate(legs) if leg.state in (LegState.LOCKED, LegState.DELIVERED)
    ]
    return sorted(open_, key=lambda at: (legs[at].state is not LegState.LOCKED, legs[at].deadline))


def _claimed(planned: Plan) -> list[int]:
    """The legs that would be claimed."""
    legs = enumerate(planned.legs)
    return [index for index, item in legs if selector_of(item.record.system) == CLAIMED]


def _without_claims(offered: Offer) -> Offer:
    """Without the claims of legs that can be served by something else."""
    legs = []
    for items in offered.legs:
        proven = tuple(item for item in items if selector_of(item.record.system) != CLAIMED)
        legs.append(proven or items)
    return Offer(tuple(legs))
