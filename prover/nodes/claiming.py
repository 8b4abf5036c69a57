"""Legs that are claimed instead of proven: whether to take one on, the claim, what was computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from avow.circuits.artifact import load_artifact
from avow.circuits.optimistic.artifact import load
from avow.prover.catalogue import Compiled
from avow.prover.disputes.journal import Watched
from avow.prover.errors import NotReady, Refused
from avow.prover.nodes.claims import CLAIMED
from avow.prover.nodes.offers import Declined
from avow.prover.queue import Queue
from avow.prover.refutation import Refuter
from avow.prover.request import OrderContext, Request
from avow.verifier.bundle import Bundle, parse_bundle
from avow.verifier.chain.claim_records import ClaimParameters
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.client import Receipt
from avow.verifier.chain.market import Market
from avow.verifier.chain.orders import Leg, Order, OrderTerms, selector_of
from avow.verifier.chain.registration import Registry
from avow.verifier.chain.seals import seal
from avow.verifier.chain.signer import Signer
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.lifecycle import JobState, LegState
from avow.verifier.merkle import leaf
from avow.verifier.statement import Statement
from avow.verifier.systems.optimistic.claim import SYSTEM_ID, parse_claim
from avow.verifier.systems.sumcheck.key import SYSTEM_ID as SUMCHECK
from avow.verifier.tensor import TensorSpec

_PROVEN = selector_of(SUMCHECK)
# Between a delivery and the claim of it.
_SLACK_SECONDS = 60
_UNDER_WAY = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.ANSWERED, JobState.PROVING})


def claim_id_of(statement: Statement) -> bytes:
    """How the contract names a statement's claim."""
    return leaf(statement.digest())


class Claiming:
    """The claims of one provider: before the lock, and after the delivery."""

    def __init__(self, market: Market, claims: Claims, signer: Signer) -> None:
        self._market = market
        self._claims = claims
        self._signer = signer
        # By order and leg, so that no bundle is read at every look.
        self._made: dict[tuple[bytes, int], bytes] = {}
        # Bonds of claims that have yet to be made, by order and leg.
        self._reserved: dict[tuple[bytes, int], int] = {}

    def check(self, terms: OrderTerms, order: Order, claimed: int, bond_due: bool = True) -> None:
        """Raises Declined for an order of which so many legs are to be claimed, where claims would
        be refused or could end too late, and for any of which the bonds would leave too little for
        claims that are reserved. `bond_due` is False once the order's own bond is paid."""
        needed = claimed * self._check_claim(terms, order) if claimed else 0
        owed = sum(bond for (name, _), bond in self._reserved.items() if name != order.order_id)
        if not needed + owed:
            return
        account = self._signer.address
        left = self._market.affordable(account) - (terms.bond if bond_due else 0)
        tokens = min(left, self._market.tokens(account)) + self._claims.credit(account)
        if tokens < needed + owed:
            raise Declined(
                f"its claim's bond is {needed}, {max(0, tokens - owed)} are there beside "
                f"{owed} for claims before it",
                False,
            )

    def reserve(self, order: Order, legs: Iterable[int]) -> None:
        """Keeps the bonds of an order's claims from now on, until they are made or released."""
        for leg in legs:
            if (order.order_id, leg) not in self._reserved:
                terms = self._claims.terms_at(order.model_key, order.requested_at)
                self._reserved[order.order_id, leg] = terms.parameters.claim_bond

    def release(self, order_id: bytes) -> None:
        """Keeps nothing for an order any more."""
        for name in [name for name in self._reserved if name[0] == order_id]:
            del self._reserved[name]

    def note(self, order: Order, legs: Sequence[Leg], selectors: Sequence[bytes]) -> None:
        """Keeps what an order that is locked by this provider still owes, and no more.

        `selectors` are of the systems by which its legs are, or will be, delivered.
        """
        for index, (leg, selector) in enumerate(zip(legs, selectors, strict=True)):
            name = (order.order_id, index)
            if selector != CLAIMED:
                self._reserved.pop(name, None)
                continue
            if leg.state is LegState.LOCKED:
                self.reserve(order, [index])
            elif leg.state is not LegState.DELIVERED:
                self._reserved.pop(name, None)
            elif name not in self._made:
                # Whether it was claimed before a restart, `claim` will find out.
                self.reserve(order, [index])

    def claim(self, order: Order, leg: int, read: Callable[[], Bundle]) -> Receipt | None:
        """Claims what was delivered, unless that was done; its root waits where the model's terms
        let it. A claim that a re-organisation took is made again."""
        name = (order.order_id, leg)
        made = self._made.get(name)
        if made is not None and self._claims.stored(made) is not None:
            return None
        bundle = read()
        made = claim_id_of(bundle.statement)
        self._made[name] = made
        if self._claims.stored(made) is not None:
            self._reserved.pop(name, None)
            return None
        self.reserve(order, [leg])
        terms = self._claims.terms_at(order.model_key, order.requested_at)
        root = ZERO_WORD if terms.lazy else parse_claim(bundle.proof).trace
        data = b"".join(tensor.data() for tensor in bundle.outputs)
        receipt = self._claims.claim(self._signer, order.order_id, leg, data, root)[1]
        self._reserved.pop(name, None)
        return receipt

    def is_final(self, order_id: bytes, leg: int) -> bool:
        """Whether what was claimed can be settled."""
        made = self._made.get((order_id, leg))
        return made is not None and self._claims.is_final(made)

    def _check_claim(self, terms: OrderTerms, order: Order) -> int:
        """What one claim's bond is, in token units; raises Declined."""
        if not self._claims.is_learned(terms.model_key):
            raise Declined("claims do not know its model yet (avow contracts register)", False)
        held = self._claims.terms_at(terms.model_key, order.requested_at).parameters
        if (short := too_short_for_disputes(held, order)) is not None:
            raise Declined(short)
        return held.claim_bond


def too_short_for_disputes(held: ClaimParameters, order: Order) -> str | None:
    """Why a claim for an order could still be disputed when it must have been settled, and its
    bond be lost for that; None where it could not."""
    needed = max(held.longest_dispute + _SLACK_SECONDS, order.grace_period) + held.margin
    if needed <= order.settlement_window:
        return None
    return f"a dispute may last {needed} s, its settlement window is {order.settlement_window}"


class JobRuns:
    """Runs and proofs of one's own claims out of the job queue."""

    def __init__(
        self,
        market: Market,
        queue: Queue,
        catalogue: Callable[[], Sequence[Compiled]],
        signer: Signer,
        bundle_of: Callable[[Watched], Bundle],
    ) -> None:
        self._market = market
        self._registry = Registry(market.chain, market.deployment)
        self._queue = queue
        self._catalogue = catalogue
        self._signer = signer
        self._bundle_of = bundle_of
        self._jobs: dict[bytes, str | None] = {}

    def outputs(self, claim: Watched) -> tuple[TensorSpec, ...]:
        """Those of the artifact that made the claim."""
        return self._compiled(claim).record.outputs

    def run(self, claim: Watched) -> Refuter:
        """The tensors in the delivered bundle, computed again where it has none."""
        compiled, bundle = self._compiled(claim), self._bundle_of(claim)
        # The queue works where the native core was not built.
        from avow.prover.trace import Tracer, fast_key

        loaded = load(load_artifact(compiled.folder), fast_key)
        tensors: Sequence[bytes] | None = parse_claim(bundle.proof).tensors
        if tensors is None:
            given = bundle.inputs or ()
            arrays = [np.array(one.values, np.int64).reshape(1, *one.shape) for one in given]
            tensors = Tracer(loaded.program, loaded.blobs, key=loaded.key).run(arrays).stored()
        name = claim.traced.statement
        return Refuter(loaded.program, loaded.blobs, loaded.key, name, tensors)

    def proof(self, claim: Watched, until: int) -> bytes | None:
        """A seal by `sumcheck/v1` of the same statement, made by the workers."""
        job_id = self._job(claim, until)
        if job_id is None or self._queue.status(job_id).state is not JobState.PROVEN:
            return None
        try:
            return seal(parse_bundle(self._queue.bundle(job_id)))
        except NotReady:
            return None

    def awaits_proof(self, claim: Watched) -> bool:
        """Whether a worker may still finish it."""
        job_id = self._jobs.get(claim.traced.statement)
        return job_id is not None and self._queue.status(job_id).state in _UNDER_WAY

    def _job(self, claim: Watched, until: int) -> str | None:
        name = claim.traced.statement
        if name not in self._jobs:
            self._jobs[name] = self._submitted(claim, until)
        return self._jobs[name]

    def _submitted(self, claim: Watched, until: int) -> str | None:
        """The job that proves a claimed answer; None where nothing here and on chain can."""
        twin = self._twin(claim)
        bundle = self._bundle_of(claim)
        if twin is None or bundle.inputs is None:
            return None
        order = OrderContext(
            chain_id=self._market.chain.chain_id,
            market=self._market.contract.address,
            order=claim.order_id,
            provider=self._signer.address,
            nonce=bundle.statement.nonce,
            leg=claim.leg,
            deadline=until,
        )
        account = self._signer.address.hex()[:8]
        request = Request(
            model=twin.model_digest,
            system=SUMCHECK,
            inputs=bundle.inputs,
            order=order,
            client_key=f"defence:{claim.traced.statement.hex()}:{account}",
            record=twin.record_digest,
            priority=9,
        )
        return self._queue.submit(request).id

    def _compiled(self, claim: Watched) -> Compiled:
        for compiled in self._catalogue():
            if compiled.record.system == SYSTEM_ID and compiled.record.key == claim.traced.key:
                return compiled
        raise Refused("the artifact of an own claim is gone")

    def _twin(self, claim: Watched) -> Compiled | None:
        """The same program of the same model, compiled and registered for proofs."""
        model = self._compiled(claim).model_digest
        for compiled in self._catalogue():
            record = compiled.record
            if (record.system, compiled.model_digest) != (SUMCHECK, model):
                continue
            if record.program != claim.traced.program:
                continue
            if self._registry.differs(claim.model_key, _PROVEN, compiled.model, record) is None:
                return compiled
        return None
