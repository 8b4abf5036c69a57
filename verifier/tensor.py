"""Tensors of integers: the only values that a statement speaks of."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from struct import pack, unpack
from typing import Self

from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, to_base64
from avow.verifier.keccak import keccak256, tag
from avow.verifier.limits import LIMITS

_TENSOR_TAG = tag("avow.tensor.v1")
_TENSORS_TAG = tag("avow.tensors.v1")


class ElementType(Enum):
    """A signed two's complement integer type; the value is its wire name."""

    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"

    @property
    def code(self) -> int:
        """The byte that stands for the type in a digest."""
        return _CODES[self]

    @property
    def width(self) -> int:
        """Bytes of one element."""
        return 1 << (self.code - 1)

    @property
    def minimum(self) -> int:
        """The smallest value."""
        return -(1 << (8 * self.width - 1))

    @property
    def maximum(self) -> int:
        """The largest value."""
        return (1 << (8 * self.width - 1)) - 1


_CODES = {
    ElementType.INT8: 1,
    ElementType.INT16: 2,
    ElementType.INT32: 3,
    ElementType.INT64: 4,
}
_PACKED = {1: "b", 2: "h", 4: "i", 8: "q"}  # what `struct` calls integers of so many bytes
_TYPE_NAMES = tuple(kind.value for kind in ElementType)


def check_shape(shape: Sequence[int], what: str, max_elements: int = LIMITS.tensor_elements) -> int:
    """Return the element count of `shape`; refuse ranks and sizes beyond the limits."""
    if len(shape) > LIMITS.tensor_rank:
        raise VerificationError("parse", f"{what} has rank {len(shape)}, at most 8 is allowed")
    count = 1
    for dimension in shape:
        if not 1 <= dimension < 2**32:
            raise VerificationError("parse", f"{what} has a dimension of {dimension}")
        count *= dimension
    if count > max_elements:
        raise VerificationError(
            "parse", f"{what} has {count} elements, at most {max_elements} are allowed"
        )
    return count


@dataclass(frozen=True, slots=True)
class Tensor:
    """Integers in row-major order. Construction checks shape, count and range."""

    element_type: ElementType
    shape: tuple[int, ...]
    values: tuple[int, ...]

    def __post_init__(self) -> None:
        count = check_shape(self.shape, "tensor")
        if len(self.values) != count:
            raise VerificationError(
                "parse",
                f"tensor of shape {list(self.shape)} needs {count} values, got {len(self.values)}",
            )
        low, high = self.element_type.minimum, self.element_type.maximum
        for value in self.values:
            if not low <= value <= high:
                raise VerificationError(
                    "parse", f"value {value} does not fit {self.element_type.value}"
                )

    def data(self) -> bytes:
        """Big-endian two's complement elements, row-major."""
        width = self.element_type.width
        return pack(f">{len(self.values)}{_PACKED[width]}", *self.values)

    def digest(self) -> bytes:
        """keccak256(tag || type || rank || dimensions || data); see docs/formats.md."""
        head = bytes([self.element_type.code, len(self.shape)])
        dimensions = b"".join(dimension.to_bytes(4, "big") for dimension in self.shape)
        return keccak256(_TENSOR_TAG + head + dimensions + self.data())

    def to_json(self) -> Json:
        """The object that `parse_tensor` reads."""
        return {
            "type": self.element_type.value,
            "shape": list(self.shape),
            "data": to_base64(self.data()),
        }

    @classmethod
    def from_data(cls, element_type: ElementType, shape: tuple[int, ...], data: bytes) -> Self:
        """Read big-endian two's complement elements; the length must fit the shape exactly."""
        count = check_shape(shape, "tensor")
        width = element_type.width
        if len(data) != count * width:
            raise VerificationError(
                "parse",
                f"tensor of {count} {element_type.value} needs {count * width} bytes, "
                f"got {len(data)}",
            )
        return cls(element_type, shape, unpack(f">{count}{_PACKED[width]}", data))


def parse_shape(
    fields: Fields, key: str, max_elements: int = LIMITS.tensor_elements
) -> tuple[int, ...]:
    """Read a shape: a list of positive integers."""
    shape = []
    for dimension in fields.items(key, 0, LIMITS.tensor_rank):
        if isinstance(dimension, bool) or not isinstance(dimension, int):
            raise VerificationError("parse", f"a dimension must be an integer, got {dimension!r}")
        shape.append(dimension)
    check_shape(shape, key, max_elements)
    return tuple(shape)


def parse_tensor(value: Json) -> Tensor:
    """Read a tensor object {type, shape, data}; data is base64 of the elements' bytes."""
    fields = Fields(value, "tensor", {"type", "shape", "data"})
    element_type = ElementType(fields.one_of("type", _TYPE_NAMES))
    shape = parse_shape(fields, "shape")
    data = fields.blob("data", LIMITS.tensor_elements * 8)
    return Tensor.from_data(element_type, shape, data)


def parse_tensors(value: Json, what: str) -> tuple[Tensor, ...]:
    """Read a list of one or more tensors."""
    if not isinstance(value, list) or not 1 <= len(value) <= LIMITS.tensors:
        raise VerificationError("parse", f"{what} must be a list of 1 to {LIMITS.tensors} tensors")
    return tuple(parse_tensor(item) for item in value)


def tensors_digest(tensors: Sequence[Tensor]) -> bytes:
    """The digest of a model's inputs or outputs in order; one tensor is its own digest."""
    return digest_of_digests([tensor.digest() for tensor in tensors])


def digest_of_digests(digests: Sequence[bytes]) -> bytes:
    """The digest of tensors whose own digests are known."""
    if not 1 <= len(digests) <= LIMITS.tensors:
        raise VerificationError("parse", f"{len(digests)} tensors; 1 to {LIMITS.tensors} allowed")
    if len(digests) == 1:
        return digests[0]
    return keccak256(_TENSORS_TAG + bytes([len(digests)]) + b"".join(digests))


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What one model input or output may hold: integer = round-half-even(real * 2^scale).

    `minimum` and `maximum` are integers (after scaling), both inclusive.
    """

    name: str
    element_type: ElementType
    shape: tuple[int, ...]
    scale: int
    minimum: int
    maximum: int

    def __post_init__(self) -> None:
        check_shape(self.shape, f"{self.name!r}")
        if not 0 <= self.scale <= 60:
            raise VerificationError("parse", f"scale of {self.name!r} must lie in [0, 60]")
        kind = self.element_type
        if not kind.minimum <= self.minimum <= self.maximum <= kind.maximum:
            raise VerificationError(
                "parse",
                f"range [{self.minimum}, {self.maximum}] of {self.name!r} is empty or "
                f"does not fit {kind.value}",
            )

    def check(self, tensor: Tensor) -> None:
        """Refuse a tensor of another type or shape, or with a value outside the range."""
        if tensor.element_type is not self.element_type:
            raise VerificationError(
                "tensors",
                f"{self.name!r} must be {self.element_type.value}, got {tensor.element_type.value}",
            )
        if tensor.shape != self.shape:
            raise VerificationError(
                "tensors",
                f"{self.name!r} must have shape {list(self.shape)}, got {list(tensor.shape)}",
            )
        for value in tensor.values:
            if not self.minimum <= value <= self.maximum:
                raise VerificationError(
                    "tensors",
                    f"{self.name!r} must lie in [{self.minimum}, {self.maximum}], got {value}",
                )

    def quantise(self, reals: Sequence[float]) -> Tensor:
        """Turn row-major reals into the tensor, in float64; refuse NaN, infinity, out of range."""
        values = []
        for real in reals:
            scaled = float(real) * 2.0**self.scale
            if not math.isfinite(scaled):
                raise VerificationError(
                    "tensors", f"{self.name!r} holds {real}, not a finite number"
                )
            values.append(round(scaled))
        for value, real in zip(values, reals, strict=True):
            if not self.minimum <= value <= self.maximum:
                low, high = self.minimum / 2.0**self.scale, self.maximum / 2.0**self.scale
                raise VerificationError(
                    "tensors", f"{self.name!r} must lie in [{low:g}, {high:g}], got {real:g}"
                )
        count = math.prod(self.shape)
        if len(values) != count:
            raise VerificationError(
                "tensors",
                f"{self.name!r} needs {count} values (shape {list(self.shape)}), got {len(values)}",
            )
        return Tensor(self.element_type, self.shape, tuple(values))

    def dequantise(self, tensor: Tensor) -> tuple[float, ...]:
        """The reals that a tensor stands for, row-major."""
        self.check(tensor)
        return tuple(value / 2.0**self.scale for value in tensor.values)

    def to_json(self) -> Json:
        """The object that `parse_tensor_spec` reads."""
        return {
            "name": self.name,
            "type": self.element_type.value,
            "shape": list(self.shape),
            "scale": self.scale,
            "minimum": str(self.minimum),
            "maximum": str(self.maximum),
        }


def parse_tensor_spec(value: Json) -> TensorSpec:
    """Read a TensorSpec object; bounds are decimal strings since int64 exceeds JSON integers."""
    fields = Fields(value, "schema", {"name", "type", "shape", "scale", "minimum", "maximum"})
    return TensorSpec(
        name=fields.name("name"),
        element_type=ElementType(fields.one_of("type", _TYPE_NAMES)),
        shape=parse_shape(fields, "shape"),
        scale=fields.integer("scale", 0, 60),
        minimum=_signed(fields, "minimum"),
        maximum=_signed(fields, "maximum"),
    )


def _signed(fields: Fields, key: str) -> int:
    text = fields.text(key, 21)
    digits = text.removeprefix("-")
    if not digits.isdigit() or str(int(text)) != text:
        raise VerificationError("parse", f"{key} must be a decimal integer, got {text!r}")
    return int(text)
