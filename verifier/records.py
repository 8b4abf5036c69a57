"""Immutable records of a model and of one way to prove it."""

from dataclasses import dataclass
from enum import Enum
from typing import cast

from avow.verifier import canonical
from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, parse_hex, to_hex
from avow.verifier.keccak import keccak256, tag
from avow.verifier.limits import LIMITS
from avow.verifier.tensor import TensorSpec, parse_shape, parse_tensor_spec

MODEL_FORMAT = "avow-model/1"
SYSTEM_FORMAT = "avow-system/1"
# Whom a model belongs to that nobody owns.
NO_OWNER = bytes(20)
_MODEL_TAG = tag("avow.model.v1")
_SYSTEM_TAG = tag("avow.system.v1")


@dataclass(frozen=True, slots=True)
class OutputShape:
    """Name and shape of a model output; its scale and type belong to the proven program."""

    name: str
    shape: tuple[int, ...]

    def to_json(self) -> Json:
        """The object that `parse_model_record` reads in `outputs`."""
        return {"name": self.name, "shape": list(self.shape)}


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """What a model is, whichever way it is proven. `owner` is 20 bytes, `onnx_sha256` 32."""

    name: str
    version: str
    onnx_sha256: bytes
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[OutputShape, ...]
    licence: str
    owner: bytes

    def to_json(self) -> Json:
        """The object that `parse_model_record` reads."""
        return {
            "format": MODEL_FORMAT,
            "name": self.name,
            "version": self.version,
            "onnx_sha256": to_hex(self.onnx_sha256),
            "inputs": [spec.to_json() for spec in self.inputs],
            "outputs": [output.to_json() for output in self.outputs],
            "licence": self.licence,
            "owner": to_hex(self.owner),
        }

    def digest(self) -> bytes:
        """The model digest: keccak256(tag || canonical JSON). Adding a system never changes it."""
        return keccak256(_MODEL_TAG + canonical.encode(self.to_json()))


def parse_model_record(value: Json) -> ModelRecord:
    """Read a model record; refuses unknown fields and duplicate names."""
    fields = Fields(
        value,
        "model",
        {"format", "name", "version", "onnx_sha256", "inputs", "outputs", "licence", "owner"},
    )
    fields.one_of("format", (MODEL_FORMAT,))
    record = ModelRecord(
        name=fields.name("name"),
        version=fields.name("version"),
        onnx_sha256=fields.octets("onnx_sha256", 32),
        inputs=tuple(parse_tensor_spec(item) for item in fields.items("inputs", 1, LIMITS.tensors)),
        outputs=tuple(
            _parse_output_shape(item) for item in fields.items("outputs", 1, LIMITS.tensors)
        ),
        licence=fields.name("licence"),
        owner=fields.octets("owner", 20),
    )
    _unique([spec.name for spec in record.inputs], "model.inputs")
    _unique([output.name for output in record.outputs], "model.outputs")
    return record


def _parse_output_shape(value: Json) -> OutputShape:
    fields = Fields(value, "model.outputs", {"name", "shape"})
    return OutputShape(fields.name("name"), parse_shape(fields, "shape"))


def _unique(labels: list[str], what: str) -> None:
    if len(set(labels)) != len(labels):
        raise VerificationError("parse", f"{what} names one tensor twice")


class InputVisibility(Enum):
    """PUBLIC: the proof shows the input. HASHED: it shows a salted hash the circuit computes."""

    PUBLIC = "public"
    HASHED = "hashed"


class WeightVisibility(Enum):
    """FIXED: inside the key, for all to see. HASHED: hidden, bound by a hash in the record."""

    FIXED = "fixed"
    HASHED = "hashed"


@dataclass(frozen=True, slots=True)
class SrsClaim:
    """Which structured reference string a key was made with, and whether its maker calls it safe.

    A claim only: the verifier decides by the digest (`avow.verifier.srs`).
    """

    digest: bytes
    safe: bool


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How far the proven program is from the float model on held-out rows.

    `agreement` is the fraction of equal top-1 answers, errors are absolute, in real units;
    all are decimal strings. `rows` below 256 is reported as insufficient by `sufficient`.
    """

    rows: int
    agreement: str
    max_error: str
    mean_error: str

    @property
    def sufficient(self) -> bool:
        """Whether enough rows were compared for the figures to mean something."""
        return self.rows >= 256


@dataclass(frozen=True, slots=True)
class SystemRecord:
    """One way to prove one model. Digests have 32 bytes.

    `evm_codehash` is the keccak256 of the runtime code of the key's own contract (a verifier, or
    what one reads), where there is one. `details` holds what only the system's own half reads.
    """

    model: bytes
    system: str
    program: bytes
    key: bytes
    srs: SrsClaim | None
    outputs: tuple[TensorSpec, ...]
    input_visibility: InputVisibility
    weight_visibility: WeightVisibility
    fidelity: Fidelity
    constraints: int
    proving_memory_bytes: int
    evm_codehash: bytes | None
    measurements: tuple[bytes, ...]
    details: tuple[tuple[str, str], ...]

    def detail(self, key: str) -> str:
        """The value of a system-specific detail; missing ones are refused."""
        for name, value in self.details:
            if name == key:
                return value
        raise VerificationError("records", f"the system record lacks the detail {key!r}")

    def to_json(self) -> Json:
        """The object that `parse_system_record` reads."""
        record: dict[str, Json] = {
            "format": SYSTEM_FORMAT,
            "model": to_hex(self.model),
            "system": self.system,
            "program": to_hex(self.program),
            "key": to_hex(self.key),
            "outputs": [spec.to_json() for spec in self.outputs],
            "input_visibility": self.input_visibility.value,
            "weight_visibility": self.weight_visibility.value,
            "fidelity": {
                "rows": self.fidelity.rows,
                "agreement": self.fidelity.agreement,
                "max_error": self.fidelity.max_error,
                "mean_error": self.fidelity.mean_error,
            },
            "constraints": self.constraints,
            "proving_memory_bytes": self.proving_memory_bytes,
            "measurements": [to_hex(item) for item in self.measurements],
            "details": cast(Json, dict(self.details)),
        }
        if self.srs is not None:
            record["srs"] = {"digest": to_hex(self.srs.digest), "safe": self.srs.safe}
        if self.evm_codehash is not None:
            record["evm_codehash"] = to_hex(self.evm_codehash)
        return record

    def digest(self) -> bytes:
        """keccak256(tag || canonical JSON)."""
        return keccak256(_SYSTEM_TAG + canonical.encode(self.to_json()))


def parse_system_record(value: Json) -> SystemRecord:
    """Read a system record; refuses unknown fields."""
    fields = Fields(
        value,
        "system",
        {
            "format",
            "model",
            "system",
            "program",
            "key",
            "outputs",
            "input_visibility",
            "weight_visibility",
            "fidelity",
            "constraints",
            "proving_memory_bytes",
            "measurements",
            "details",
        },
        {"srs", "evm_codehash"},
    )
    fields.one_of("format", (SYSTEM_FORMAT,))
    outputs = tuple(parse_tensor_spec(item) for item in fields.items("outputs", 1, LIMITS.tensors))
    _unique([spec.name for spec in outputs], "system.outputs")
    return SystemRecord(
        model=fields.octets("model", 32),
        system=fields.name("system"),
        program=fields.octets("program", 32),
        key=fields.octets("key", 32),
        srs=_parse_srs(fields.raw("srs")) if fields.has("srs") else None,
        outputs=outputs,
        input_visibility=InputVisibility(
            fields.one_of("input_visibility", tuple(item.value for item in InputVisibility))
        ),
        weight_visibility=WeightVisibility(
            fields.one_of("weight_visibility", tuple(item.value for item in WeightVisibility))
        ),
        fidelity=_parse_fidelity(fields.raw("fidelity")),
        constraints=fields.integer("constraints", 0, 2**50),
        proving_memory_bytes=fields.integer("proving_memory_bytes", 0, 2**50),
        evm_codehash=fields.octets("evm_codehash", 32) if fields.has("evm_codehash") else None,
        measurements=tuple(
            parse_hex(item, 48, "system.measurements")
            for item in fields.items("measurements", 0, 64)
        ),
        details=_parse_details(fields.raw("details")),
    )


def _parse_srs(value: Json) -> SrsClaim:
    fields = Fields(value, "system.srs", {"digest", "safe"})
    return SrsClaim(fields.octets("digest", 32), fields.boolean("safe"))


def _parse_fidelity(value: Json) -> Fidelity:
    fields = Fields(value, "system.fidelity", {"rows", "agreement", "max_error", "mean_error"})
    return Fidelity(
        rows=fields.integer("rows", 0, 2**40),
        agreement=fields.text("agreement", 40),
        max_error=fields.text("max_error", 40),
        mean_error=fields.text("mean_error", 40),
    )


def _parse_details(value: Json) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        raise VerificationError("parse", "system.details must be an object of strings")
    fields = Fields(value, "system.details", set(value))
    return tuple((key, fields.text(key)) for key in sorted(value))
