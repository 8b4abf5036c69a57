"""What a statement says of an input or output without repeating it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, to_hex
from avow.verifier.keccak import keccak256, tag
from avow.verifier.tensor import Tensor, tensors_digest

_SALTED_TAG = tag("avow.salted.v1")


class Scheme(IntEnum):
    """How the 32-byte value is made.

    PUBLIC: the tensors' digest; anybody who holds the tensors recomputes it.
    SALTED: keccak256(tag || salt || digest) with 32 random bytes; hides until the salt is shown.
    EZKL_POSEIDON: the Poseidon hash over input and salt that an ezkl circuit computes itself.
    PUBLIC_TREE: as PUBLIC, of inputs too large to be shown; `verifier.trace.inputs` computes it.
    """

    PUBLIC = 1
    SALTED = 2
    EZKL_POSEIDON = 3
    PUBLIC_TREE = 4


@dataclass(frozen=True, slots=True)
class Commitment:
    """A scheme and its 32-byte value."""

    scheme: Scheme
    value: bytes

    def __post_init__(self) -> None:
        if len(self.value) != 32:
            raise VerificationError("parse", f"a commitment has 32 bytes, got {len(self.value)}")

    def to_json(self) -> Json:
        """The object that `parse_commitment` reads."""
        return {"scheme": int(self.scheme), "value": to_hex(self.value)}


def parse_commitment(value: Json) -> Commitment:
    """Read {scheme, value}; unknown schemes are refused."""
    fields = Fields(value, "commitment", {"scheme", "value"})
    number = fields.integer("scheme", 0, 2**16 - 1)
    if number not in {int(scheme) for scheme in Scheme}:
        raise VerificationError("parse", f"unknown commitment scheme {number}")
    return Commitment(Scheme(number), fields.octets("value", 32))


def commit_public(tensors: Sequence[Tensor]) -> Commitment:
    """Commit to tensors that everybody may see."""
    return Commitment(Scheme.PUBLIC, tensors_digest(tensors))


def commit_salted(tensors: Sequence[Tensor], salt: bytes) -> Commitment:
    """Commit to tensors that only some may see; `salt` is 32 random bytes, kept with them."""
    if len(salt) != 32:
        raise VerificationError("parse", f"a salt has 32 bytes, got {len(salt)}")
    return Commitment(Scheme.SALTED, keccak256(_SALTED_TAG + salt + tensors_digest(tensors)))
