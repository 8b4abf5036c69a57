"""What a claim was computed from and what its provider shows, off chain and from the order."""

from __future__ import annotations

from avow.prover.disputes.journal import Watched
from avow.prover.disputes.onchain import tensors_of
from avow.prover.errors import ProverError
from avow.prover.nodes.fetch import BundleUnavailable, FetchRules, fetch
from avow.prover.nodes.worklist import Worklist
from avow.verifier.bundle import Bundle, parse_bundle
from avow.verifier.errors import VerificationError
from avow.verifier.systems.optimistic.claim import parse_claim
from avow.verifier.tensor import Tensor, TensorSpec, tensors_digest


class InputMissing(ProverError):
    """The inputs of a claim cannot be had (yet)."""


class Evidence:
    """Inputs and shown tensors of claims. Neither is trusted: digest and trace root decide."""

    def __init__(self, worklist: Worklist, rules: FetchRules) -> None:
        """`worklist` is of a node that follows the same market."""
        self._worklist = worklist
        self._rules = rules

    def inputs(self, claim: Watched, specs: tuple[TensorSpec, ...]) -> tuple[Tensor, ...]:
        """The inputs that the claim's digest is of; raises InputMissing."""
        seen = self._worklist.order(claim.order_id)
        if seen is not None and seen.terms.input_data and not seen.terms.input_uri:
            try:
                found = tensors_of(specs, seen.terms.input_data)
            except VerificationError:
                found = ()
            if found and tensors_digest(found) == claim.traced.input:
                return found
        bundle = self._bundle(claim)
        if bundle is not None and bundle.inputs is not None:
            if tensors_digest(bundle.inputs) == claim.traced.input:
                return bundle.inputs
        raise InputMissing("its inputs are neither in the order nor in what was delivered")

    def shown(self, claim: Watched) -> tuple[bytes, ...] | None:
        """The tensors in the delivered bundle, None where there are none to be had."""
        bundle = self._bundle(claim)
        if bundle is None:
            return None
        try:
            return parse_claim(bundle.proof).tensors
        except VerificationError:
            return None

    def _bundle(self, claim: Watched) -> Bundle | None:
        delivery = self._worklist.delivery(claim.order_id, claim.leg)
        if delivery is None:
            return None
        try:
            return parse_bundle(fetch(delivery.bundle_uri, self._rules))
        except (BundleUnavailable, VerificationError):
            return None
