"""Constant integers of a program: weights, biases, tables and indices, named by their digest."""

import math
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, to_hex
from avow.verifier.keccak import keccak256, tag
from avow.verifier.limits import LIMITS
from avow.verifier.tensor import ElementType, parse_shape

_BLOB_TAG = tag("avow.blob.v1")
_TYPE_NAMES = tuple(kind.value for kind in ElementType)
_CODES = {1: "b", 2: "h", 4: "i", 8: "q"}


@dataclass(frozen=True, slots=True)
class BlobRef:
    """A blob as the program names it: digest (32 bytes), element type and shape."""

    digest: bytes
    element_type: ElementType
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def to_json(self) -> Json:
        """The object that `parse_blob_ref` reads."""
        return {
            "digest": to_hex(self.digest),
            "type": self.element_type.value,
            "shape": list(self.shape),
        }


def parse_blob_ref(value: Json) -> BlobRef:
    """Read {digest, type, shape}."""
    fields = Fields(value, "blob", {"digest", "type", "shape"})
    return BlobRef(
        fields.octets("digest", 32),
        ElementType(fields.one_of("type", _TYPE_NAMES)),
        parse_shape(fields, "shape", LIMITS.blob_elements),
    )


@dataclass(frozen=True)
class Blob:
    """Integers in row-major order, little-endian two's complement.

    They are decoded once, and what an interval needs of them is summed up once, however many
    operations use them.
    """

    element_type: ElementType
    shape: tuple[int, ...]
    data: bytes

    def __post_init__(self) -> None:
        expected = math.prod(self.shape) * self.element_type.width
        if len(self.data) != expected:
            raise VerificationError(
                "program", f"a blob needs {expected} bytes, got {len(self.data)}"
            )

    @cached_property
    def integers(self) -> Sequence[int]:
        """All elements, row-major."""
        decoded = array(_CODES[self.element_type.width], self.data)
        if sys.byteorder == "big":
            decoded.byteswap()
        return decoded

    @cached_property
    def span(self) -> tuple[int, int]:
        """The least and the greatest element."""
        return min(self.integers), max(self.integers)

    @cached_property
    def row_sums(self) -> tuple[tuple[int, int], ...]:
        """Of each row, by the first axis: the sums of its positive and of its negative elements."""
        inner = math.prod(self.shape[1:])
        found = []
        for row in range(self.shape[0]):
            values = self.integers[row * inner : (row + 1) * inner]
            positive = sum(value for value in values if value > 0)
            found.append((positive, sum(values) - positive))
        return tuple(found)

    def at(self, position: int) -> int:
        """The element at a row-major position."""
        return self.integers[position]

    def values(self) -> list[int]:
        """All elements, row-major."""
        return list(self.integers)

    def is_narrow(self) -> bool:
        """Whether no narrower type would hold every element, as the format demands."""
        if self.element_type is ElementType.INT8:
            return True
        narrower = list(ElementType)[list(ElementType).index(self.element_type) - 1]
        low, high = self.span
        return low < narrower.minimum or high > narrower.maximum

    def digest(self) -> bytes:
        """keccak256(tag || u8 type || u8 rank || u32 dimensions || data)."""
        head = bytes([self.element_type.code, len(self.shape)])
        dimensions = b"".join(dimension.to_bytes(4, "big") for dimension in self.shape)
        return keccak256(_BLOB_TAG + head + dimensions + self.data)

    def ref(self) -> BlobRef:
        """What a program holds of this blob."""
        return BlobRef(self.digest(), self.element_type, self.shape)


def blob_of(values: list[int], shape: tuple[int, ...]) -> Blob:
    """The blob of these integers in the narrowest type that holds them all."""
    for kind in ElementType:
        if all(kind.minimum <= value <= kind.maximum for value in values):
            data = b"".join(value.to_bytes(kind.width, "little", signed=True) for value in values)
            return Blob(kind, shape, data)
    raise VerificationError("program", "a constant does not fit 64 bits")
