"""What a caller says about enclaves: when a key was registered, and which evidence convinces."""

from dataclasses import dataclass

from avow.verifier.attestation.policy import AttestationPolicy, read_attestation_policy
from avow.verifier.attestation.testroot import TestRoot, allow_test_root
from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, parse_hex
from avow.verifier.statement import Domain

_ROOT_BYTES = 8192
MANIFEST_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class DeviceTerms:
    """What the GPUs beside an enclave must show.

    `golden_values` are NVIDIA's manifests for the drivers and VBIOS versions that may run; a
    device without its own is refused unless `unsafe_missing_golden_values`. `platforms` are the
    devices allowed (32 bytes each); None for any.
    """

    golden_values: tuple[bytes, ...]
    platforms: tuple[bytes, ...] | None = None
    unsafe_missing_golden_values: bool = False
    simulated_root: TestRoot | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """The part `attestation` of a policy.

    `registered_at` is the time (Unix seconds) of the block that registered the key: evidence is
    judged at it, and nothing in a bundle can choose it. `registry` and `challenge` pin what the
    enclave registered with, `devices` what its GPUs must show; None does not insist.
    `simulated_root` lets a test root vouch, for simulations alone: nothing of real hardware is
    accepted beside it.
    """

    registered_at: int
    evidence: AttestationPolicy
    registry: Domain | None = None
    challenge: bytes | None = None
    devices: DeviceTerms | None = None
    simulated_root: TestRoot | None = None


def parse_terms(value: Json) -> Terms:
    """Read {registered_at, evidence} and, as far as the caller insists, the others."""
    fields = Fields(
        value,
        "policy.attestation",
        {"registered_at", "evidence"},
        {"registry", "challenge", "devices", "unsafe_simulated_root"},
    )
    simulated = fields.has("unsafe_simulated_root")
    return Terms(
        registered_at=fields.integer("registered_at", 1, 2**40),
        evidence=read_attestation_policy(fields.raw("evidence")),
        registry=_registry(fields.raw("registry")) if fields.has("registry") else None,
        challenge=fields.octets("challenge", 32) if fields.has("challenge") else None,
        devices=_devices(fields.raw("devices"), simulated) if fields.has("devices") else None,
        simulated_root=_root(fields.raw("unsafe_simulated_root")) if simulated else None,
    )


def _registry(value: Json) -> Domain:
    fields = Fields(value, "policy.attestation.registry", {"chain_id", "address"})
    return Domain(fields.decimal("chain_id", 256), fields.octets("address", 20))


def _devices(value: Json, simulated: bool) -> DeviceTerms:
    fields = Fields(
        value,
        "policy.attestation.devices",
        {"golden_values"},
        {"platforms", "unsafe_missing_golden_values", "unsafe_simulated_root"},
    )
    missing, root = "unsafe_missing_golden_values", "unsafe_simulated_root"
    if fields.has(root) and not simulated:
        raise VerificationError("parse", "simulated devices belong to a simulated enclave")
    return DeviceTerms(
        golden_values=tuple(
            Fields({"file": item}, "golden_values", {"file"}).blob("file", MANIFEST_BYTES)
            for item in fields.items("golden_values", 0, 16)
        ),
        platforms=tuple(
            parse_hex(item, 32, "policy.attestation.devices.platforms")
            for item in fields.items("platforms", 1, 4096)
        )
        if fields.has("platforms")
        else None,
        unsafe_missing_golden_values=fields.boolean(missing) if fields.has(missing) else False,
        simulated_root=_root(fields.raw(root)) if fields.has(root) else None,
    )


def _root(value: Json) -> TestRoot:
    fields = Fields(value, "policy: unsafe_simulated_root", {"certificate", "sha256"})
    return allow_test_root(fields.blob("certificate", _ROOT_BYTES), fields.octets("sha256", 32))
