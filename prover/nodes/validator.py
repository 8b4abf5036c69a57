"""The validator: checks delivered bundles offline, settles the good ones, ends what is overdue."""

from __future__ import annotations

import time
from collections.abc import Callable

from avow.prover.database import Database
from avow.prover.disputes.party import Party
from avow.prover.disputes.watcher import Watcher
from avow.prover.logs import about
from avow.prover.nodes.attested import EvidenceTerms
from avow.prover.nodes.claims import (
    CLAIMED,
    ClaimRefused,
    check_claim,
    expected_statement,
    policy_for,
)
from avow.prover.nodes.contracts import registered_differs
from avow.prover.nodes.fetch import BundleUnavailable, FetchRules, fetch
from avow.prover.nodes.node import LOG, Node, View, Wall
from avow.prover.nodes.verdicts import SharedProofs
from avow.prover.nodes.worklist import Delivery, Seen, Worklist
from avow.verifier.bundle import Bundle, parse_bundle
from avow.verifier.chain.market import Market
from avow.verifier.chain.orders import NOBODY, Leg, Order, selector_of
from avow.verifier.chain.signer import Signer
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.keccak import keccak256
from avow.verifier.lifecycle import LegState
from avow.verifier.systems.tee.registration import SYSTEM_ID as TEE

_TRIES = 3
_TEE = selector_of(TEE)


class Validator(Node):
    """Does the duty that the market assigns to its account at each lock."""

    role = "validator"

    def __init__(
        self,
        market: Market,
        signer: Signer,
        database: Database,
        rules: FetchRules,
        confirmations: int,
        allow_unsafe_srs: bool = False,
        expire_overdue: bool = True,
        wall: Wall = time.time,
        evidence: EvidenceTerms | None = None,
        watch: Callable[[Worklist], Watcher] | None = None,
    ) -> None:
        """`watch` makes what looks at claims, out of this node's orders; None to look at none.

        `evidence` is what enclaves must show; without it their answers are left to others.
        """
        super().__init__(market, signer, database, confirmations, wall)
        self._rules = rules
        self.watcher = None if watch is None else watch(self.worklist)
        self._allow_unsafe_srs = allow_unsafe_srs
        self._evidence = evidence
        self._expire_overdue = expire_overdue
        self._tried: dict[Delivery, int] = {}
        self._shared = SharedProofs()

    def step(self) -> bool:
        """As every node's; then the bundles of shared proofs are checked, each proof once, and
        the claims that are watched."""
        moved = super().step()
        moved |= self._shared.check()
        return (self.watcher is not None and self.watcher.step()) or moved

    @property
    def party(self) -> Party | None:
        """What looks at claims, if anything."""
        return self.watcher

    def meanwhile(self) -> bool:
        """Clocks of disputes run while bundles are fetched from slow places."""
        return self.watcher is not None and self.watcher.hurry()

    def concerns(self, view: View) -> str | None:
        """Others' orders matter only to who ends what is overdue."""
        if self._expire_overdue or view.order.validator in (NOBODY, self.signer.address):
            return None
        return f"{to_hex(view.order.validator)} is its validator"

    def advance(self, seen: Seen, view: View) -> bool:
        """Ends overdue legs; fetches, verifies and settles delivered ones."""
        # The duty runs out with the grace of a delivery.
        legs = sorted(range(len(view.legs)), key=lambda index: view.legs[index].delivered_at)
        return self.each_leg(seen, legs, lambda index: self._advance_leg(seen, view, index))

    def finish(self, seen: Seen, view: View) -> None:
        """Nothing is left to do: the market has credited the duty."""

    def _advance_leg(self, seen: Seen, view: View, index: int) -> bool:
        leg = view.legs[index]
        if overdue(view.order, leg, view.now):
            return self._expire(seen, index)
        if leg.state is not LegState.DELIVERED or view.order.validator != self.signer.address:
            return False
        if leg.selector == CLAIMED:
            return self._settle_claimed(seen, view, index)
        return self._settle(seen, view, index)

    def _expire(self, seen: Seen, index: int) -> bool:
        if not self._expire_overdue:
            return False
        receipt = self.market.expire(self.signer, seen.order_id, index)
        self.say(seen.order_id, f"ended overdue leg {index}, gas {receipt.gas_used}")
        return True

    def _settle_claimed(self, seen: Seen, view: View, index: int) -> bool:
        """Settles a leg whose claim is final, if it was found right here.

        After the grace period its provider may as well: nobody is paid for it then.
        """
        if view.now > view.legs[index].delivered_at + view.order.grace_period:
            return False
        if self.watcher is None or not self.watcher.settle(seen.order_id, index):
            return False
        self.say(seen.order_id, f"settled leg {index}, whose claim is final")
        return True

    def _settle(self, seen: Seen, view: View, index: int) -> bool:
        delivery = self.worklist.delivery(seen.order_id, index)
        if delivery is None or delivery.refused or self.gathers(seen.order_id, index):
            return False
        # Half of its grace period is enough to wait for the others of a batch, or for a claim.
        half = view.legs[index].delivered_at + view.order.grace_period / 2
        if self._awaits_claim(view, index) and view.now < half:
            return False
        try:
            bundle = self._checked(delivery, view, index)
            if bundle is None:
                return False
        except BundleUnavailable as error:
            if not error.final:
                raise
            return self._refuse(delivery, str(error))
        except ClaimRefused as error:
            return self._refuse(delivery, str(error))
        except VerificationError as error:
            if error.step == "setup":
                # Nothing was decided: somebody must mend this machine, and the order waits.
                raise
            # A verifier out of memory or time refuses as well; a bad proof is refused every time.
            tried = self._tried.get(delivery, 0) + 1
            self._tried[delivery] = tried
            if tried < _TRIES:
                raise
            return self._refuse(delivery, str(error))
        done = self.settle_leg(view, index, bundle, half)
        self.say(seen.order_id, f"verified and {done or f'keeps leg {index} for its batch'}")
        return done is not None

    def _awaits_claim(self, view: View, index: int) -> bool:
        """Whether an attested leg is better settled once a claim of its order was judged here."""
        if view.legs[index].selector != _TEE or self.watcher is None:
            return False
        return self.watcher.awaits(view.order.order_id, view.legs)

    def _checked(self, delivery: Delivery, view: View, index: int) -> Bundle | None:
        """The delivered bundle, fetched and verified offline against the chain's own order.

        None while it waits to be verified together with the others of its proof.
        """
        leg = view.legs[index]
        if leg.output is None:
            raise ClaimRefused("the leg was delivered without an output")
        expected, record = expected_statement(
            self.market, self.registry, view.order, leg.selector, leg.output
        )
        data = fetch(delivery.bundle_uri, self._rules)
        if keccak256(data) != delivery.bundle_digest:
            # The place may still come to serve the right bytes.
            raise BundleUnavailable("bundle: its bytes are not those that were delivered")
        policy = policy_for(expected, self._allow_unsafe_srs)
        if expected.system == TEE:
            if self._evidence is None:
                raise ClaimRefused("there is no policy of evidence here (--evidence-policy)")
            policy = self._evidence.policy(policy, data)
        verdict = self._shared.verdict(delivery, data, policy)
        if verdict is None:
            return None
        bundle = parse_bundle(data)
        check_claim(bundle, expected, record)
        found = self.registry.system(view.order.model_key, leg.selector)
        differs = None if found is None else registered_differs(bundle, found)
        if differs is not None:
            raise ClaimRefused(differs)
        if expected.system == TEE and self.watcher is not None:
            # No evidence makes up for what this machine has computed itself.
            if self.watcher.denies(delivery.order_id, view.order.leg_count, bundle):
                raise ClaimRefused("its answer is not the one that was computed here")
        srs = "" if verdict.srs_safe is not False else " under an unsafe SRS"
        self.say(delivery.order_id, f"leg {index} is {verdict.assurance.value}{srs}")
        return bundle

    def _refuse(self, delivery: Delivery, reason: str) -> bool:
        self.worklist.refuse(delivery, reason)
        with about(order=to_hex(delivery.order_id)):
            LOG.warning("role=%s leg=%d refused: %s", self.role, delivery.leg, reason)
        return True


def overdue(order: Order, leg: Leg, now: int) -> bool:
    """Whether the market lets anybody end this leg at `now`."""
    if leg.state is LegState.OPEN:
        return now > order.lock_deadline
    if leg.state is LegState.LOCKED:
        return now > leg.deadline
    if leg.state is LegState.DELIVERED:
        return now > leg.delivered_at + order.settlement_window
    return False
