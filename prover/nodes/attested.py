"""What nodes ask about answers of `tee/v1`: whose key it is, and since when it stands on chain."""

from __future__ import annotations

from dataclasses import replace

from avow.prover.enclave.archive import Archive
from avow.prover.nodes.claims import ClaimRefused
from avow.verifier.attestation.intel.quote import parse_quote
from avow.verifier.attestation.policy import AttestationPolicy
from avow.verifier.bundle import Bundle, parse_bundle
from avow.verifier.chain.attestation_records import MeasurementState, Service, StoredKey
from avow.verifier.chain.attested_keys import AttestedKeys
from avow.verifier.chain.client import known_errors
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.errors import Reverted
from avow.verifier.chain.key_events import KeyEvents
from avow.verifier.chain.market import Market
from avow.verifier.chain.orders import selector_of
from avow.verifier.chain.registration import Registry
from avow.verifier.chain.seals import seal, statement_struct
from avow.verifier.policy import Policy
from avow.verifier.statement import Domain
from avow.verifier.systems.tee.material import parse_material
from avow.verifier.systems.tee.registration import SYSTEM_ID, read_report_data
from avow.verifier.systems.tee.terms import Terms
from avow.verifier.verdict import Assurance

_SELECTOR = selector_of(SYSTEM_ID)


class EvidenceTerms:
    """A validator's own policy of evidence, and the chain's word on when a key was registered."""

    def __init__(self, market: Market, evidence: AttestationPolicy) -> None:
        self._registry = Domain(market.chain.chain_id, market.deployment.keys)
        self._events = KeyEvents(market.chain, market.deployment)
        self._evidence = evidence

    def policy(self, base: Policy, data: bytes) -> Policy:
        """`base` for the bundle in `data`, whose key must be registered on this chain.

        Its evidence is then judged at that time. Raises `ClaimRefused`, and `VerificationError`
        for what is no bundle.
        """
        material = parse_material(parse_bundle(data).material)
        if material.kind == "nitro":
            raise ClaimRefused("the contract of attested keys knows no Nitro enclaves")
        address, _ = read_report_data(parse_quote(material.evidence).body.report_data)
        at = self._events.registered_at(address)
        if at is None:
            raise ClaimRefused(f"0x{address.hex()}, which signed it, is not registered here")
        terms = Terms(at, self._evidence, registry=self._registry)
        return replace(base, minimum_assurance=Assurance.ATTESTED, attestation=terms)


class OwnKeys:
    """The keys of enclaves that run in this home, as they stand on the chain."""

    def __init__(self, market: Market, operator: bytes, archive: Archive) -> None:
        self._keys = AttestedKeys(market.chain, market.deployment)
        self._registry = Registry(market.chain, market.deployment)
        self._router = Contract(market.chain, "ProofRouter", market.deployment.router)
        self._operator, self._archive = operator, archive

    def missing(self, model_key: bytes, now: int, until: int) -> str | None:
        """Why an answer of `tee/v1` for a model might not be settled from `now` up to `until`, in
        Unix seconds; None when every enclave that may be given the job can have it settled."""
        system = self._registry.system(model_key, _SELECTOR)
        if system is None:
            return f"its model is not registered for {SYSTEM_ID}"
        live = [
            one.address
            for one in self._archive.live()
            if one.material.registration.program == system.program
        ]
        if not live:
            return f"no enclave is running here that serves it under {SYSTEM_ID}"
        # Any of them may take the job.
        for key in live:
            found = self._fault(key, model_key, system.program, now, until)
            if found is not None:
                return f"the key 0x{key.hex()} of an enclave here {found}"
        return None

    def refusal(self, model_key: bytes, bundle: Bundle, latest: int) -> str | None:
        """Why the chain would not accept a bundle's receipt now, or None.

        A time that the chain has not reached is no reason, if it comes before `latest`.
        """
        statement = bundle.statement
        root = bundle.path.root(statement.digest())
        arguments = (statement_struct(statement), root, seal(bundle))
        try:
            accepted, reason = self._router.read("verify", model_key, *arguments)
        except Reverted:
            # The router asks nobody for now, which says nothing of the receipt.
            return None
        if accepted:
            return None
        name, details = known_errors().describe(bytes(reason))
        if name == "AnswerInFuture" and details and int(str(details[0])) <= latest:
            return None
        return f"its receipt would be refused: {name or 'without a reason'}"

    def _fault(
        self, key: bytes, model_key: bytes, program: bytes, now: int, until: int
    ) -> str | None:
        stored = self._keys.key(key)
        if stored is None or stored.operator != self._operator:
            return "is not registered by this account"
        if self._keys.disproof(key) is not None:
            return "is doubted on the chain"
        if stored.revoked_at or stored.slashed:
            return "was revoked"
        if stored.active_from > now:
            return f"is not active before {stored.active_from}"
        if stored.not_after < until:
            return f"ends at {stored.not_after}, too early for it"
        if self._keys.measurement(stored.measurement) is MeasurementState.REVOKED:
            return "has a measurement that was revoked"
        return self._unfit(key, stored, model_key, program)

    def _unfit(self, key: bytes, stored: StoredKey, model_key: bytes, program: bytes) -> str | None:
        """Why a key that stands is not one for this model, or None."""
        terms = self._registry.tee_terms(model_key)
        service = self._keys.service(key, model_key)
        if stored.program != program:
            return "is registered for another program"
        if stored.tier < terms.minimum:
            return f"is {stored.tier.name}, its model asks for {terms.minimum.name}"
        if service is Service.NONE:
            return "does not serve it on the chain (avow attestation serve)"
        if terms.provable and service is not Service.PROVABLE:
            return "does not serve it provably, as its model asks"
        return None
