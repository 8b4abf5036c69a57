"""The policy: what the caller insists on before believing an answer."""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from typing import TypeVar

from avow.verifier import canonical
from avow.verifier.canonical import Json
from avow.verifier.fields import Fields, parse_hex
from avow.verifier.limits import LIMITS
from avow.verifier.statement import Domain
from avow.verifier.systems.optimistic.sample import Sample, parse_sample
from avow.verifier.systems.optimistic.settlement import Anchor, parse_anchor
from avow.verifier.systems.tee.terms import Terms, parse_terms
from avow.verifier.tensor import Tensor, parse_tensors
from avow.verifier.verdict import Assurance, Hides

FORMAT = "avow-policy/1"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Policy:
    """Pins and minimums. None means that the caller does not insist.

    The default accepts proven answers under a safe SRS only. `checked_records` are digests of
    system records whose model, program and key the caller has recomputed from the ONNX file
    (`avow model check`). `record` is the digest of the system record, as the owner registered it.
    `trusted_srs` are digests of ceremonies that the caller knows to be safe. `sample` is enough to
    recompute of a run that may be challenged; None for all of it. `anchor` is a block that the
    caller knows to be of the chain, in which such a claim is settled. `attestation` is what
    evidence of an enclave must show; without it none is accepted. The unsafe choices say so.
    """

    minimum_assurance: Assurance = Assurance.PROVEN
    model: bytes | None = None
    systems: tuple[str, ...] | None = None
    record: bytes | None = None
    program: bytes | None = None
    domain: Domain | None = None
    order: bytes | None = None
    provider: bytes | None = None
    nonce: int | None = None
    hides: Hides | None = None
    inputs: tuple[Tensor, ...] | None = None
    outputs: tuple[Tensor, ...] | None = None
    checked_records: tuple[bytes, ...] = ()
    trusted_srs: tuple[bytes, ...] = ()
    measurements: tuple[bytes, ...] = ()
    sample: Sample | None = None
    attestation: Terms | None = None
    anchor: Anchor | None = None
    require_owner_signature: bool = False
    require_model_binding: bool = False
    unsafe_allow_unsafe_srs: bool = False


def parse_policy(data: bytes) -> Policy:
    """Read a policy file; unknown keys are refused, spacing is free.

    An absent key means the default. `domain` is {chain_id, market}.
    """
    fields = Fields(
        canonical.parse_lenient(data, LIMITS.policy_bytes, "policy"),
        "policy",
        {"format"},
        {field.name for field in dataclass_fields(Policy)},
    )
    fields.one_of("format", (FORMAT,))

    def optional(key: str, read: Callable[[str], T]) -> T | None:
        return read(key) if fields.has(key) else None

    def word(key: str) -> bytes:
        return fields.octets(key, 32)

    def tensors(key: str) -> tuple[Tensor, ...]:
        return parse_tensors(fields.raw(key), f"policy.{key}")

    def flag(key: str) -> bool:
        return fields.boolean(key) if fields.has(key) else False

    def words(key: str, length: int = 32) -> tuple[bytes, ...]:
        # An empty list would read as "nothing is allowed" to some and "anything" to others.
        items = fields.items(key, 1, 256) if fields.has(key) else []
        return tuple(parse_hex(item, length, f"policy.{key}") for item in items)

    levels = tuple(level.value for level in Assurance)
    hidden = tuple(level.value for level in Hides if level is not Hides.NONE)
    return Policy(
        minimum_assurance=Assurance(fields.one_of("minimum_assurance", levels))
        if fields.has("minimum_assurance")
        else Assurance.PROVEN,
        model=optional("model", word),
        systems=optional("systems", lambda key: _systems(fields, key)),
        record=optional("record", word),
        program=optional("program", word),
        domain=optional("domain", lambda key: _domain(fields.raw(key))),
        order=optional("order", word),
        provider=optional("provider", lambda key: fields.octets(key, 20)),
        nonce=optional("nonce", lambda key: fields.decimal(key, 256)),
        hides=optional("hides", lambda key: Hides(fields.one_of(key, hidden))),
        inputs=optional("inputs", tensors),
        outputs=optional("outputs", tensors),
        checked_records=words("checked_records"),
        trusted_srs=words("trusted_srs"),
        measurements=words("measurements", 48),
        sample=optional("sample", lambda key: parse_sample(fields.raw(key))),
        attestation=optional("attestation", lambda key: parse_terms(fields.raw(key))),
        anchor=optional("anchor", lambda key: parse_anchor(fields.raw(key))),
        require_owner_signature=flag("require_owner_signature"),
        require_model_binding=flag("require_model_binding"),
        unsafe_allow_unsafe_srs=flag("unsafe_allow_unsafe_srs"),
    )


def _systems(fields: Fields, key: str) -> tuple[str, ...]:
    items = fields.items(key, 1, 32)
    wrapped = [Fields({"id": item}, "policy.systems", {"id"}) for item in items]
    return tuple(item.name("id") for item in wrapped)


def _domain(value: Json) -> Domain:
    fields = Fields(value, "policy.domain", {"chain_id", "market"})
    return Domain(fields.decimal("chain_id", 256), fields.octets("market", 20))
