"""The provider: takes orders that it can serve, proves them, delivers, and is paid."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sqlalchemy import select

from avow.prover.catalogue import Compiled
from avow.prover.database import Database
from avow.prover.disputes.defender import Defender
from avow.prover.disputes.journal import Watched
from avow.prover.disputes.party import Party
from avow.prover.errors import IllegalTransition, Refused
from avow.prover.job import Job
from avow.prover.nodes.claiming import CLAIMED, Claiming, JobRuns
from avow.prover.nodes.claims import check_claim, expected_statement
from avow.prover.nodes.contracts import KeyContracts, of_artifact
from avow.prover.nodes.node import Node, View, Wall
from avow.prover.nodes.offers import Declined, Plan, Pricing, check_price, check_time, plan
from avow.prover.nodes.pace import Pace
from avow.prover.nodes.terms import same_terms, terms_digest
from avow.prover.nodes.worklist import Seen, Status
from avow.prover.queue import Queue
from avow.prover.request import OrderContext, Request
from avow.prover.tables import JobRow
from avow.verifier.bundle import Bundle, parse_bundle
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.market import Market
from avow.verifier.chain.orders import NOBODY, OrderTerms
from avow.verifier.chain.signer import Signer
from avow.verifier.fields import to_hex
from avow.verifier.keccak import keccak256
from avow.verifier.lifecycle import JobState, LegState

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
    ) -> None:
        """`claims` are those of the market's deployment; without them no leg is claimed."""
        super().__init__(market, signer, database, confirmations, wall)
        self._queue = queue
        self._catalogue = catalogue
        self._pricing = pricing
        self._pace = pace
        self._address = address
        self._allow_unsafe_srs = allow_unsafe_srs
        self._contracts: dict[str, KeyContracts | None] = {}
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
        return super().step() or defended

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
            self._claiming.note(view.order, view.legs)
        moved = False
        for index, leg in enumerate(view.legs):
            if leg.state is LegState.LOCKED:
                moved |= self._serve(seen, view, index)
            elif leg.state is LegState.DELIVERED:
                moved |= self._await_settlement(seen, view, index)
        return moved

    def finish(self, seen: Seen, view: View) -> None:
        """Notes in the jobs what became of the legs: each payment once."""
        if self._claiming is not None:
            self._claiming.release(seen.order_id)
        for index, leg in enumerate(view.legs):
            job_id = self._known_job(seen, index)
            if job_id is None:
                continue
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
            planned = self._plan(seen, view)
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
            legs = [at for at, leg in enumerate(seen.terms.legs) if leg.selector == CLAIMED]
            self._claiming.reserve(view.order, legs)
        receipt = self.market.lock(self.signer, view.order)
        name = planned.legs[0].model.name
        self.say(seen.order_id, f"locked for {seen.terms.price} ({name}), gas {receipt.gas_used}")
        # The job enters the queue before the next order is weighed against what waits there.
        locked = self.view(seen.order_id)
        if locked is not None and locked.order.provider == self.signer.address:
            for index, leg in enumerate(locked.legs):
                if leg.state is LegState.LOCKED:
                    self._job(seen, locked, index)
        return True

    def _note_bonds(self) -> None:
        """After a restart: bonds of claims owed for orders that come later in the worklist."""
        if self._claiming is None or self._bonds_noted:
            return
        for seen in self.worklist.active():
            view = self.view(seen.order_id)
            if view is not None and view.order.provider == self.signer.address:
                self._claiming.note(view.order, view.legs)
            self.meanwhile()
        self._bonds_noted = True

    def _plan(self, seen: Seen, view: View) -> Plan:
        terms = seen.terms
        planned = self._artifacts(terms)
        check_price(terms, planned, self._pricing)
        for leg, compiled in zip(terms.legs, planned.legs, strict=True):
            difference = self.registry.differs(
                terms.model_key, leg.selector, compiled.model, compiled.record
            )
            if difference is None:
                difference = self._contracts_differ(terms, leg.selector, compiled)
            if difference is not None:
                raise Declined(f"it could not be settled: {difference}")
        check_time(terms, self._pace.needed(planned.legs), view.now)
        affordable = self.market.affordable(self.signer.address)
        if affordable < terms.bond:
            raise Declined(f"its bond is {terms.bond}, {affordable} are there", final=False)
        if self._claiming is not None:
            self._claiming.check(terms, view.order)
        return planned

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

    def _artifacts(self, terms: OrderTerms) -> Plan:
        digest = self.registry.model_digest(terms.model_key)
        claims = self._claiming is not None
        return plan(terms, digest, self._catalogue(), self._allow_unsafe_srs, claims)

    def _serve(self, seen: Seen, view: View, index: int) -> bool:
        job, submitted = self._job(seen, view, index)
        if job.state in _WORKING:
            return submitted
        if job.state is not JobState.PROVEN:
            text = f"job {job.id} is {job.state.value}: {job.reason}"
            if self.worklist.remark(seen.order_id, text):
                self.say(seen.order_id, f"cannot be delivered: {text}")
            return False
        if view.now > view.legs[index].deadline:
            return False
        data = self._queue.bundle(job.id, index)
        bundle = parse_bundle(data)
        output = bundle.statement.output
        selector = view.legs[index].selector
        expected, record = expected_statement(
            self.market, self.registry, view.order, selector, output
        )
        check_claim(bundle, expected, record)
        address = self._address(expected.digest())
        receipt = self.market.deliver(
            self.signer, seen.order_id, index, output, keccak256(data), address
        )
        self.say(seen.order_id, f"delivered leg {index}, gas {receipt.gas_used}")
        return True

    def _await_settlement(self, seen: Seen, view: View, index: int) -> bool:
        leg, order = view.legs[index], view.order
        job_id = self._known_job(seen, index)
        if job_id is None:
            return False
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
        job_id = None if seen is None else self._known_job(seen, claim.leg)
        if job_id is None:
            raise Refused("the job of an own claim is gone")
        return parse_bundle(self._queue.bundle(job_id, claim.leg))

    def _job(self, seen: Seen, view: View, index: int) -> tuple[Job, bool]:
        """The job of a leg, submitted when there is none; whether it was submitted now."""
        known = self._known_job(seen, index)
        if known is not None:
            return self._queue.status(known), False
        terms, leg = seen.terms, view.legs[index]
        planned = self._artifacts(terms)
        compiled = planned.legs[index]
        job = self._queue.submit(
            Request(
                model=compiled.model_digest,
                system=compiled.record.system,
                inputs=planned.inputs,
                order=OrderContext(
                    chain_id=self.market.chain.chain_id,
                    market=self.market.contract.address,
                    order=seen.order_id,
                    provider=self.signer.address,
                    nonce=seen.nonce,
                    leg=index,
                    deadline=leg.deadline,
                    share_bps=leg.share_bps,
                    batches=self.registry.batch_sizes(terms.model_key, leg.selector),
                ),
                client_key=self._client_key(seen, index),
                record=compiled.record_digest,
            )
        )
        self.say(seen.order_id, f"submitted leg {index} as job {job.id}")
        return job, True

    def _known_job(self, seen: Seen, index: int) -> str | None:
        query = select(JobRow.id).where(JobRow.client_key == self._client_key(seen, index))
        with self.database.read() as session:
            return session.scalars(query).first()

    def _client_key(self, seen: Seen, index: int) -> str:
        account = self.signer.address.hex()[:8]
        terms = terms_digest(seen.terms).hex()[:16]
        return f"order:{seen.order_id.hex()}:{index}:{terms}:{account}"

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
