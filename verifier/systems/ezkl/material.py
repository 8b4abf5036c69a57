"""What a bundle carries for ezkl, checked against the digests of its system record."""

from dataclasses import dataclass

from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, parse_hex, to_base64, to_hex
from avow.verifier.keccak import ZERO_WORD, keccak256, tag
from avow.verifier.records import SystemRecord
from avow.verifier.srs import G2Coordinates, read_tau_g2, tau_g2_octets
from avow.verifier.systems.ezkl.field import SCALAR_MODULUS, parse_element
from avow.verifier.systems.ezkl.layout import MAX_SEGMENT, Layout, encode_layout
from avow.verifier.systems.ezkl.settings import MAX_SETTINGS_BYTES
from avow.verifier.systems.ezkl.version import EZKL_VERSION

MAX_VK_BYTES = 40 * 2**20
MAX_PROOF_BYTES = 2**20
_KEY_TAG = tag("avow.key.ezkl.v1")
_PROGRAM_TAG = tag("avow.program.ezkl.v1")
_DETAILS = frozenset({"ezkl", "graph_sha256", "layout", "logrows", "proof_bytes", "weights_hash"})


@dataclass(frozen=True, slots=True)
class Material:
    """What a verifier needs beside the proof; `tau_g2` is (x.c0, x.c1, y.c0, y.c1)."""

    settings: bytes
    vk: bytes
    tau_g2: G2Coordinates

    def to_json(self) -> Json:
        """The object that `parse_material` reads."""
        return {
            "settings": to_base64(self.settings),
            "vk": to_base64(self.vk),
            "tau_g2": to_hex(tau_g2_octets(self.tau_g2)),
        }


def parse_material(value: Json) -> Material:
    """Read {settings, vk, tau_g2}; the point must lie in the right subgroup."""
    fields = Fields(value, "material", {"settings", "vk", "tau_g2"})
    return Material(
        settings=fields.blob("settings", MAX_SETTINGS_BYTES),
        vk=fields.blob("vk", MAX_VK_BYTES),
        tau_g2=read_tau_g2(fields.octets("tau_g2", 128)),
    )


@dataclass(frozen=True, slots=True)
class Proof:
    """Public instances as field elements, and the proof's bytes."""

    instances: tuple[int, ...]
    data: bytes

    def to_json(self) -> Json:
        """The object that `parse_proof` reads."""
        return {
            "instances": [to_hex(item.to_bytes(32, "big")) for item in self.instances],
            "proof": to_base64(self.data),
        }


def parse_proof(value: Json) -> Proof:
    """Read {instances, proof}; every instance is canonical, below the field's modulus."""
    fields = Fields(value, "proof", {"instances", "proof"})
    items = fields.items("instances", 1, 4 * MAX_SEGMENT)
    return Proof(
        instances=tuple(
            parse_element(parse_hex(item, 32, "proof.instances"), f"instance {at}")
            for at, item in enumerate(items)
        ),
        data=fields.blob("proof", MAX_PROOF_BYTES),
    )


@dataclass(frozen=True, slots=True)
class Details:
    """What the system record says for this half alone.

    `weights_hash` is the Poseidon hash of hidden weights (32 bytes big-endian), zeros when the
    weights are in the key. `layout` are the bytes of `encode_layout`.
    """

    graph_sha256: bytes
    weights_hash: bytes
    proof_bytes: int
    logrows: int
    layout: bytes

    def to_pairs(self) -> tuple[tuple[str, str], ...]:
        """The record's `details`."""
        return (
            ("ezkl", EZKL_VERSION),
            ("graph_sha256", to_hex(self.graph_sha256)),
            ("layout", to_hex(self.layout)),
            ("logrows", str(self.logrows)),
            ("proof_bytes", str(self.proof_bytes)),
            ("weights_hash", to_hex(self.weights_hash)),
        )


def parse_details(record: SystemRecord) -> Details:
    """Read a record's details; unknown, missing or malformed ones are refused."""
    fields = Fields(dict(record.details), "system.details", _DETAILS)
    fields.one_of("ezkl", (EZKL_VERSION,))
    weights = fields.octets("weights_hash", 32)
    if int.from_bytes(weights, "big") >= SCALAR_MODULUS:
        raise VerificationError("proof", "the record's weights hash is no field element")
    return Details(
        graph_sha256=fields.octets("graph_sha256", 32),
        weights_hash=weights,
        proof_bytes=fields.decimal("proof_bytes", 20),
        logrows=fields.decimal("logrows", 8),
        layout=parse_hex(fields.raw("layout"), _layout_length(fields), "system.details.layout"),
    )


def _layout_length(fields: Fields) -> int:
    return (len(fields.text("layout", 2 + 2 * 3 * 8)) - 2) // 2


def key_digest(vk: bytes, settings: bytes) -> bytes:
    """keccak256(tag || keccak256(vk) || keccak256(settings))."""
    return keccak256(_KEY_TAG + keccak256(vk) + keccak256(settings))


def program_digest(
    settings: bytes, graph_sha256: bytes, weights_hash: bytes, proof_bytes: int, layout: Layout
) -> bytes:
    """What the circuit computes and how its proofs look.

    keccak256(tag || keccak256(settings) || SHA-256 of the grafted ONNX graph || weights hash or
    zeros || u32 proof length || layout bytes).
    """
    return keccak256(
        _PROGRAM_TAG
        + keccak256(settings)
        + graph_sha256
        + weights_hash
        + proof_bytes.to_bytes(4, "big")
        + encode_layout(layout)
    )


def check_digests(
    record: SystemRecord, details: Details, material: Material, layout: Layout
) -> None:
    """Refuse a key, settings, layout or weights hash that the record does not name."""
    if details.layout != encode_layout(layout):
        raise VerificationError("proof", "the record's layout is not that of its circuit")
    if key_digest(material.vk, material.settings) != record.key:
        raise VerificationError("proof", "key and settings do not hash to the record's key")
    program = program_digest(
        material.settings, details.graph_sha256, details.weights_hash, details.proof_bytes, layout
    )
    if program != record.program:
        raise VerificationError("proof", "settings and details do not hash to the record's program")
    hidden = record.weight_visibility.value == "hashed"
    if hidden == (details.weights_hash == ZERO_WORD):
        raise VerificationError("proof", "a weights hash belongs to hidden weights and only there")
