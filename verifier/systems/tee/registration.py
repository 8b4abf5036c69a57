"""What an enclave registers its key with, and how evidence binds it."""

from collections.abc import Sequence
from dataclasses import dataclass

from avow.verifier.canonical import Json, encode
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, to_hex
from avow.verifier.keccak import keccak256, tag
from avow.verifier.statement import Domain
from avow.verifier.tensor import TensorSpec

SYSTEM_ID = "tee/v1"
REPORT_DATA_BYTES = 64
# The event by which a trust domain extends RTMR3 with the program that it serves.
PROGRAM_EVENT = "avow-program"
_VERSION = 1
_KEY_TAG = tag("avow.enclave.key.v2")
_LATEST = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Registration:
    """The registration document: what the enclave says of itself when its key is made.

    `registry` is chain and address of the key registry, both zero off chain; `challenge` the
    registry's, `gpu` the digest of GPU evidence, `tls_key` the hash of a TLS key: 32 bytes, zero
    for none. `not_after` is the Unix time at which the key ends.
    """

    program: bytes
    registry: Domain
    challenge: bytes
    gpu: bytes
    tls_key: bytes
    not_after: int

    def digest(self) -> bytes:
        """Keccak-256 of the ABI encoding: version 1, then the fields in order, eight words."""
        return keccak256(
            _VERSION.to_bytes(32, "big")
            + self.program
            + self.registry.chain_id.to_bytes(32, "big")
            + bytes(12)
            + self.registry.market
            + self.challenge
            + self.gpu
            + self.tls_key
            + self.not_after.to_bytes(32, "big")
        )

    def report_data(self, address: bytes) -> bytes:
        """The 64 bytes that evidence of the key of `address` (20 bytes) holds."""
        return address + self.digest() + bytes(12)

    def to_json(self) -> Json:
        """The object that `parse_registration` reads."""
        return {
            "program": to_hex(self.program),
            "chain_id": str(self.registry.chain_id),
            "registry": to_hex(self.registry.market),
            "challenge": to_hex(self.challenge),
            "gpu": to_hex(self.gpu),
            "tls_key": to_hex(self.tls_key),
            "not_after": self.not_after,
        }


def parse_registration(value: Json) -> Registration:
    """Read what `Registration.to_json` writes."""
    fields = Fields(
        value,
        "registration",
        {"program", "chain_id", "registry", "challenge", "gpu", "tls_key", "not_after"},
    )
    return Registration(
        program=fields.octets("program", 32),
        registry=Domain(fields.decimal("chain_id", 256), fields.octets("registry", 20)),
        challenge=fields.octets("challenge", 32),
        gpu=fields.octets("gpu", 32),
        tls_key=fields.octets("tls_key", 32),
        not_after=fields.integer("not_after", 1, _LATEST),
    )


def read_report_data(data: bytes) -> tuple[bytes, bytes]:
    """The address and the document's digest in evidence; the rest must be zero."""
    if len(data) != REPORT_DATA_BYTES or any(data[52:]):
        raise VerificationError("registration", "the evidence's report data are of another layout")
    return data[:20], data[20:52]


def outputs_digest(outputs: Sequence[TensorSpec]) -> bytes:
    """Keccak-256 of the canonical encoding of the outputs' schemas, in order: 32 bytes."""
    return keccak256(encode([spec.to_json() for spec in outputs]))


def record_key(
    program: bytes, outputs: Sequence[TensorSpec], measurements: Sequence[bytes]
) -> bytes:
    """The key digest of a record: it binds schemas and measurements into every statement.

    keccak256(tag || program || digest of the outputs || measurements in order), 48 bytes each. The
    program fixes the outputs' scale, but is no part of a bundle: without them here, whoever hands
    an answer on could divide it by another power of two.
    """
    return keccak256(_KEY_TAG + program + outputs_digest(outputs) + b"".join(measurements))
