"""What a bundle of `optimistic/v1` holds: the program itself, and the provider's claim of a run."""

from dataclasses import dataclass

from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, to_base64, to_hex
from avow.verifier.limits import LIMITS
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program, parse_program
from avow.verifier.systems.optimistic.settlement import Settlement, parse_settlement

SYSTEM_ID = "optimistic/v1"
CLAIM_FORMAT = "avow-traced-claim/1"
MATERIAL_FORMAT = "avow-program-whole/1"
# The detail of a system record that says how many seconds a claim may be challenged.
WINDOW = "window"
# Bytes of program and constants: with tensors and base64 a bundle has room for them.
MATERIAL_BYTES = 24 * 2**20
TENSOR_BYTES = 16 * 2**20
_LATEST = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Claim:
    """The root over the run's tensors, and the time (Unix seconds) until which it may be refuted.

    `tensors` are all committed tensors in storage order, inputs first; None where left out.
    `settlement` shows what became of the claim on its chain.
    """

    trace: bytes
    final_at: int
    tensors: tuple[bytes, ...] | None
    settlement: Settlement | None = None

    def to_json(self) -> Json:
        """The bundle's `proof`."""
        value: dict[str, Json] = {
            "format": CLAIM_FORMAT,
            "trace": to_hex(self.trace),
            "final_at": self.final_at,
        }
        if self.tensors is not None:
            value["tensors"] = [to_base64(data) for data in self.tensors]
        if self.settlement is not None:
            value["settlement"] = self.settlement.to_json()
        return value


def parse_claim(value: Json) -> Claim:
    """Read what `Claim.to_json` writes."""
    fields = Fields(value, "proof", {"format", "trace", "final_at"}, {"tensors", "settlement"})
    fields.one_of("format", (CLAIM_FORMAT,))
    tensors = None
    if fields.has("tensors"):
        most = LIMITS.tensors + LIMITS.program_operations
        tensors = _blobs(fields, "tensors", most, TENSOR_BYTES)
    settled = parse_settlement(fields.raw("settlement")) if fields.has("settlement") else None
    final_at = fields.integer("final_at", 1, _LATEST)
    return Claim(fields.octets("trace", 32), final_at, tensors, settled)


def material_json(program: Program, blobs: list[Blob]) -> Json:
    """The bundle's `material`: the program's bytes, and its constants' in order."""
    return {
        "format": MATERIAL_FORMAT,
        "program": to_base64(program.encode()),
        "blobs": [to_base64(blob.data) for blob in blobs],
    }


def parse_material(value: Json) -> tuple[Program, list[Blob]]:
    """Read what `material_json` writes; establishes that each constant has its length."""
    fields = Fields(value, "material", {"format", "program", "blobs"})
    fields.one_of("format", (MATERIAL_FORMAT,))
    program = parse_program(fields.blob("program", LIMITS.program_bytes))
    data = _blobs(fields, "blobs", len(program.blobs), MATERIAL_BYTES)
    if len(data) != len(program.blobs):
        raise VerificationError(
            "proof", f"the program names {len(program.blobs)} constants, the bundle has {len(data)}"
        )
    refs = zip(program.blobs, data, strict=True)
    return program, [Blob(ref.element_type, ref.shape, one) for ref, one in refs]


def _blobs(fields: Fields, key: str, most: int, most_bytes: int) -> tuple[bytes, ...]:
    found, left = [], most_bytes
    for item in fields.items(key, 0, most):
        one = Fields({"data": item}, key, {"data"}).blob("data", left)
        found.append(one)
        left -= len(one)
    return tuple(found)
