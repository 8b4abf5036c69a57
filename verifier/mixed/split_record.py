"""The record of a model that was cut at one tensor: two parts, and how one leads to the other."""

from dataclasses import dataclass

from avow.verifier import canonical
from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, to_hex
from avow.verifier.keccak import keccak256, tag
from avow.verifier.limits import LIMITS
from avow.verifier.records import Fidelity
from avow.verifier.tensor import ElementType, TensorSpec, parse_shape

FORMAT = "avow-split/1"
_TAG = tag("avow.split.v1")


@dataclass(frozen=True, slots=True)
class Part:
    """Half of a model: the digests (32 bytes) of its model record and of its system record."""

    model: bytes
    record: bytes

    def to_json(self) -> Json:
        """{model, record}."""
        return {"model": to_hex(self.model), "record": to_hex(self.record)}


@dataclass(frozen=True, slots=True)
class Between:
    """The tensor between the parts: the first's only output and the second's only input.

    Type, shape and scale are the same on both sides, so that the integers pass unchanged.
    """

    name: str
    element_type: ElementType
    shape: tuple[int, ...]
    scale: int

    @classmethod
    def of(cls, spec: TensorSpec) -> "Between":
        """What a schema says of the tensor; the range is each side's own."""
        return cls(spec.name, spec.element_type, spec.shape, spec.scale)

    def to_json(self) -> Json:
        """{name, type, shape, scale}."""
        return {
            "name": self.name,
            "type": self.element_type.value,
            "shape": list(self.shape),
            "scale": self.scale,
        }


@dataclass(frozen=True, slots=True)
class SplitRecord:
    """What the maker of a split says; whoever verifies takes it from whom it believes.

    `whole` is the SHA-256 of the ONNX file that was cut. Only who holds the hidden weights can
    recompute it, or cut that file again. `fidelity` is that of both parts run one after the other
    in their integers, against the whole in floating point; None where nothing was compared.
    """

    between: Between
    first: Part
    second: Part
    whole: bytes | None = None
    fidelity: Fidelity | None = None

    def to_json(self) -> Json:
        """The object that `parse_split_record` reads."""
        value: dict[str, Json] = {
            "format": FORMAT,
            "tensor": self.between.to_json(),
            "first": self.first.to_json(),
            "second": self.second.to_json(),
        }
        if self.whole is not None:
            value["whole_onnx_sha256"] = to_hex(self.whole)
        if self.fidelity is not None:
            value["fidelity"] = {
                "rows": self.fidelity.rows,
                "agreement": self.fidelity.agreement,
                "max_error": self.fidelity.max_error,
                "mean_error": self.fidelity.mean_error,
            }
        return value

    def encode(self) -> bytes:
        """The canonical bytes that `parse_split_record` reads."""
        return canonical.encode(self.to_json())

    def digest(self) -> bytes:
        """keccak256(tag || canonical JSON): the split's name."""
        return keccak256(_TAG + self.encode())


def parse_split_record(data: bytes) -> SplitRecord:
    """Read a split record; refuses unknown fields and one part that is both."""
    fields = Fields(
        canonical.parse(data, LIMITS.record_bytes, "split record"),
        "split",
        {"format", "tensor", "first", "second"},
        {"whole_onnx_sha256", "fidelity"},
    )
    fields.one_of("format", (FORMAT,))
    first, second = (_part(fields, name) for name in ("first", "second"))
    if first.model == second.model:
        raise VerificationError("parse", "split.first and split.second are the same model")
    return SplitRecord(
        between=_between(fields.raw("tensor")),
        first=first,
        second=second,
        whole=fields.octets("whole_onnx_sha256", 32) if fields.has("whole_onnx_sha256") else None,
        fidelity=_fidelity(fields.raw("fidelity")) if fields.has("fidelity") else None,
    )


def _part(fields: Fields, name: str) -> Part:
    part = Fields(fields.raw(name), f"split.{name}", {"model", "record"})
    return Part(part.octets("model", 32), part.octets("record", 32))


def _between(value: Json) -> Between:
    fields = Fields(value, "split.tensor", {"name", "type", "shape", "scale"})
    kind = fields.one_of("type", tuple(one.value for one in ElementType))
    shape = parse_shape(fields, "shape")
    return Between(fields.name("name"), ElementType(kind), shape, fields.integer("scale", 0, 60))


def _fidelity(value: Json) -> Fidelity:
    fields = Fields(value, "split.fidelity", {"rows", "agreement", "max_error", "mean_error"})
    return Fidelity(
        rows=fields.integer("rows", 1, 2**40),
        agreement=fields.text("agreement", 40),
        max_error=fields.text("max_error", 40),
        mean_error=fields.text("mean_error", 40),
    )
