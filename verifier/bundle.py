"""The bundle: one file with all that an auditor needs to check one answer."""

from dataclasses import dataclass

from avow.verifier import canonical
from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, to_hex
from avow.verifier.limits import LIMITS
from avow.verifier.merkle import Path, parse_path
from avow.verifier.records import ModelRecord, SystemRecord, parse_model_record, parse_system_record
from avow.verifier.statement import Statement, parse_statement
from avow.verifier.tensor import Tensor, parse_tensors

FORMAT = "avow-bundle/1"
MEDIA_TYPE = "application/vnd.avow.bundle.v1+json"


@dataclass(frozen=True, slots=True)
class Bundle:
    """One statement with its path, records, tensors and evidence; nothing of other requests.

    `inputs` is None where they are hidden. `salt` opens a salted input commitment.
    `signature` is the owner's, under the system record. `proof` and `material` (keys, settings,
    ...) are read by the system's own half.
    """

    statement: Statement
    path: Path
    model: ModelRecord
    system: SystemRecord
    signature: bytes | None
    inputs: tuple[Tensor, ...] | None
    salt: bytes | None
    outputs: tuple[Tensor, ...]
    proof: Json
    material: Json

    def encode(self) -> bytes:
        """The canonical bytes that `parse_bundle` reads."""
        value: dict[str, Json] = {
            "format": FORMAT,
            "statement": self.statement.to_json(),
            "path": self.path.to_json(),
            "model": self.model.to_json(),
            "system": self.system.to_json(),
            "outputs": [tensor.to_json() for tensor in self.outputs],
            "proof": self.proof,
            "material": self.material,
        }
        if self.signature is not None:
            value["signature"] = to_hex(self.signature)
        if self.inputs is not None:
            value["inputs"] = [tensor.to_json() for tensor in self.inputs]
        if self.salt is not None:
            value["salt"] = to_hex(self.salt)
        return canonical.encode(value)


def parse_bundle(data: bytes) -> Bundle:
    """Read a bundle; anything not canonical, unknown, duplicated or too large is refused."""
    fields = Fields(
        canonical.parse(data, LIMITS.bundle_bytes, "bundle"),
        "bundle",
        {"format", "statement", "path", "model", "system", "outputs", "proof", "material"},
        {"signature", "inputs", "salt"},
    )
    fields.one_of("format", (FORMAT,))
    for key in ("proof", "material"):
        if not isinstance(fields.raw(key), dict):
            raise VerificationError("parse", f"bundle.{key} must be an object")
    return Bundle(
        statement=parse_statement(fields.raw("statement")),
        path=parse_path(fields.raw("path")),
        model=parse_model_record(fields.raw("model")),
        system=parse_system_record(fields.raw("system")),
        signature=fields.octets("signature", 65) if fields.has("signature") else None,
        inputs=parse_tensors(fields.raw("inputs"), "inputs") if fields.has("inputs") else None,
        salt=fields.octets("salt", 32) if fields.has("salt") else None,
        outputs=parse_tensors(fields.raw("outputs"), "outputs"),
        proof=fields.raw("proof"),
        material=fields.raw("material"),
    )
