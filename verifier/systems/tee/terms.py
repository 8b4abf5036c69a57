"""What a caller says about enclaves: when a key was registered, and which evidence convinces."""

from dataclasses import dataclass

from avow.verifier.attestation.policy import AttestationPolicy, read_attestation_policy
from avow.verifier.attestation.testroot import TestRoot, allow_test_root
from avow.verifier.canonical import Json
from avow.verifier.fields import Fields
from avow.verifier.statement import Domain

_ROOT_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Terms:
    """The part `attestation` of a policy.

    `registered_at` is the time (Unix seconds) of the block that registered the key: evidence is
    judged at it, and nothing in a bundle can choose it. `registry` and `challenge` pin what the
    enclave registered with; None does not insist. `simulated_root` lets a test root vouch, for
    simulations alone: nothing of real hardware is accepted beside it.
    """

    registered_at: int
    evidence: AttestationPolicy
    registry: Domain | None = None
    challenge: bytes | None = None
    simulated_root: TestRoot | None = None


def parse_terms(value: Json) -> Terms:
    """Read {registered_at, evidence} and, as far as the caller insists, the others."""
    fields = Fields(
        value,
        "policy.attestation",
        {"registered_at", "evidence"},
        {"registry", "challenge", "unsafe_simulated_root"},
    )
    return Terms(
        registered_at=fields.integer("registered_at", 1, 2**40),
        evidence=read_attestation_policy(fields.raw("evidence")),
        registry=_registry(fields.raw("registry")) if fields.has("registry") else None,
        challenge=fields.octets("challenge", 32) if fields.has("challenge") else None,
        simulated_root=_root(fields.raw("unsafe_simulated_root"))
        if fields.has("unsafe_simulated_root")
        else None,
    )


def _registry(value: Json) -> Domain:
    fields = Fields(value, "policy.attestation.registry", {"chain_id", "address"})
    return Domain(fields.decimal("chain_id", 256), fields.octets("address", 20))


def _root(value: Json) -> TestRoot:
    fields = Fields(value, "policy.attestation.unsafe_simulated_root", {"certificate", "sha256"})
    return allow_test_root(fields.blob("certificate", _ROOT_BYTES), fields.octets("sha256", 32))
