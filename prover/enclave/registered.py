"""A registration: what is public of a session, as it is archived and shown to registrars."""

import json
from dataclasses import dataclass
from hashlib import sha256

from avow.verifier.attestation.policy import AttestationPolicy, read_attestation_policy
from avow.verifier.attestation.steps import State, Step
from avow.verifier.attestation.testroot import TestRoot, allow_test_root
from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, to_base64, to_hex
from avow.verifier.statement import OFF_CHAIN
from avow.verifier.systems.tee.material import Material, parse_material
from avow.verifier.systems.tee.terms import Terms

FORMAT = "avow-enclave-registration/1"
_ROOT_BYTES, _STEPS = 8192, 1024


@dataclass(frozen=True, slots=True)
class OwnWord:
    """A simulated key's signature (65 bytes) that `operator` (20 bytes) may register it."""

    operator: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Registered:
    """What a session made; times are Unix seconds.

    `address` has 20 bytes, `identity` (of the quote's signed part) 32, `measurement` 48. `root` is
    the certificate of a simulation's test root, None on hardware. `reference` accepted the evidence
    at `registered_at`; the key signs until `ends`, when registration or collateral does, whichever
    is first. `devices` is what was established of its GPUs when it registered, and what was not.
    """

    address: bytes
    platform: str
    root: bytes | None
    material: Material
    reference: AttestationPolicy
    measurement: bytes
    identity: bytes
    registered_at: int
    ends: int
    own_word: OwnWord | None = None
    devices: tuple[Step, ...] = ()

    def terms(self) -> Terms:
        """What accepts the answers of keys that were registered as this one was.

        Raises `VerificationError` for a simulation where the environment says production.
        """
        registration = self.material.registration
        return Terms(
            registered_at=self.registered_at,
            evidence=self.reference,
            registry=None if registration.registry == OFF_CHAIN else registration.registry,
            challenge=registration.challenge,
            simulated_root=self._test_root(),
        )

    def _test_root(self) -> TestRoot | None:
        return None if self.root is None else allow_test_root(self.root, sha256(self.root).digest())

    def to_json(self) -> Json:
        """The file's object: everything that a registrar, or the registry's client, needs."""
        value: dict[str, Json] = {
            "format": FORMAT,
            "address": to_hex(self.address),
            "platform": self.platform,
            "registered_at": self.registered_at,
            "ends": self.ends,
            "identity": to_hex(self.identity),
            "measurement": to_hex(self.measurement),
            "digest": to_hex(self.material.registration.digest()),
            "reference": self.reference.to_json(),
            "material": self.material.to_json(),
        }
        if self.root is not None:
            value["simulated_root"] = to_base64(self.root)
        if self.own_word is not None:
            value["simulated_signature"] = {
                "operator": to_hex(self.own_word.operator),
                "signature": to_hex(self.own_word.signature),
            }
        if self.devices:
            value["devices"] = [step.to_json() for step in self.devices]
        return value


def parse_registered(value: Json) -> Registered:
    """Read what `Registered.to_json` writes; nothing of its evidence is checked."""
    fields = Fields(
        value,
        "registration",
        {
            "format",
            "address",
            "platform",
            "registered_at",
            "ends",
            "identity",
            "measurement",
            "digest",
            "reference",
            "material",
        },
        {"simulated_root", "simulated_signature", "devices"},
    )
    fields.one_of("format", (FORMAT,))
    found = Registered(
        address=fields.octets("address", 20),
        platform=fields.name("platform"),
        root=fields.blob("simulated_root", _ROOT_BYTES) if fields.has("simulated_root") else None,
        material=parse_material(fields.raw("material")),
        reference=read_attestation_policy(fields.raw("reference")),
        measurement=fields.octets("measurement", 48),
        identity=fields.octets("identity", 32),
        registered_at=fields.integer("registered_at", 1, 2**40),
        ends=fields.integer("ends", 1, 2**53 - 1),
        own_word=_own_word(fields.raw("simulated_signature"))
        if fields.has("simulated_signature")
        else None,
        devices=tuple(map(_step, fields.items("devices", 1, _STEPS)))
        if fields.has("devices")
        else (),
    )
    if fields.octets("digest", 32) != found.material.registration.digest():
        raise VerificationError("parse", "the registration has another digest")
    return found


def _step(value: Json) -> Step:
    fields = Fields(value, "registration.devices", {"name", "state", "detail"})
    state = State(fields.one_of("state", tuple(one.value for one in State)))
    return Step(fields.name("name"), state, fields.text("detail"))


def _own_word(value: Json) -> OwnWord:
    fields = Fields(value, "registration.simulated_signature", {"operator", "signature"})
    return OwnWord(fields.octets("operator", 20), fields.octets("signature", 65))


def terms_json(terms: Terms) -> Json:
    """The object that a policy's `attestation` holds; devices are not among what is written."""
    value: dict[str, Json] = {
        "registered_at": terms.registered_at,
        "evidence": terms.evidence.to_json(),
    }
    if terms.registry is not None:
        value["registry"] = {
            "chain_id": str(terms.registry.chain_id),
            "address": to_hex(terms.registry.market),
        }
    if terms.challenge is not None:
        value["challenge"] = to_hex(terms.challenge)
    if terms.simulated_root is not None:
        certificate = terms.simulated_root.certificate
        value["unsafe_simulated_root"] = {
            "certificate": to_base64(certificate),
            "sha256": to_hex(sha256(certificate).digest()),
        }
    return value


def shown(registered: Registered) -> str:
    """The registration as JSON for people, quotes and collateral left out."""
    value = {**dict(_object(registered.to_json()))}
    material = dict(_object(value.pop("material")))
    value.pop("reference")
    value.pop("simulated_root", None)
    value["registration"] = material["registration"]
    value["kind"] = material["kind"]
    value["simulated"] = registered.root is not None
    return json.dumps(value, indent=2)


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise TypeError("an object was expected")
    return value
