"""What a claim was computed from and what its provider shows, off chain and from the order."""

from __future__ import annotations

from dataclasses import replace

from avow.prover.disputes.journal import Watched
from avow.prover.disputes.onchain import tensors_of
from avow.prover.errors import ProverError
from avow.prover.nodes.fetch import BundleUnavailable, FetchRules, fetch
from avow.prover.nodes.offers import input_bytes
from avow.prover.nodes.worklist import Worklist
from avow.verifier.bundle import Bundle, parse_bundle
from avow.verifier.errors import VerificationError
from avow.verifier.systems.optimistic.claim import parse_claim
from avow.verifier.tensor import Tensor, TensorSpec
from avow.verifier.trace.inputs import commit_as, input_scheme


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
        scheme = input_scheme(specs)

        def fit(found: tuple[Tensor, ...]) -> bool:
            return bool(found) and commit_as(scheme, found).value == claim.traced.input

        seen = self._worklist.order(claim.order_id)
        terms = None if seen is None else seen.terms
        if terms is not None and terms.input_data and not terms.input_uri:
            found = _tensors(specs, terms.input_data)
            if fit(found):
                return found
        bundle = self._bundle(claim)
        if bundle is not None and bundle.inputs is not None:
            if fit(bundle.inputs):
                return bundle.inputs
        # Who delivers need not show the input; who ordered named its place.
        if terms is not None and terms.input_uri:
            found = _tensors(specs, self._ordered(terms.input_uri, specs))
            if fit(found):
                return found
        raise InputMissing("its inputs are neither where the order says nor in what was delivered")

    def shown(self, claim: Watched) -> tuple[bytes, ...] | None:
        """The tensors in the delivered bundle, None where there are none to be had."""
        bundle = self._bundle(claim)
        if bundle is None:
            return None
        try:
            return parse_claim(bundle.proof).tensors
        except VerificationError:
            return None

    def _ordered(self, uri: str, specs: tuple[TensorSpec, ...]) -> bytes:
        try:
            return fetch(uri, replace(self._rules, max_bytes=input_bytes(specs)))
        except BundleUnavailable:
            return b""

    def _bundle(self, claim: Watched) -> Bundle | None:
        delivery = self._worklist.delivery(claim.order_id, claim.leg)
        if delivery is None:
            return None
        try:
            return parse_bundle(fetch(delivery.bundle_uri, self._rules))
        except (BundleUnavailable, VerificationError):
            return None


def _tensors(specs: tuple[TensorSpec, ...], data: bytes) -> tuple[Tensor, ...]:
    try:
        return tensors_of(specs, data)
    except VerificationError:
        return ()
