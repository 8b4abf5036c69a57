"""Where binding, input and output stand among the public instances of an ezkl circuit."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from avow.verifier.errors import VerificationError
from avow.verifier.records import InputVisibility, WeightVisibility
from avow.verifier.systems.ezkl.field import to_field

BINDING_LIMBS = 16
SALT_LIMBS = 16
LIMB_BITS = 16
MAX_SEGMENT = 2**16 - 1


class Kind(IntEnum):
    """What a run of instances is. BINDING_HASH is fixed by the binding and says nothing more."""

    WEIGHTS_HASH = 1
    INPUT_COMMITMENT = 2
    BINDING_HASH = 3
    INPUT = 4
    BINDING = 5
    OUTPUT = 6


@dataclass(frozen=True, slots=True)
class Segment:
    """`count` consecutive instances of one kind."""

    kind: Kind
    count: int


Layout = tuple[Segment, ...]


def instance_layout(
    inputs: InputVisibility, weights: WeightVisibility, input_values: int, output_values: int
) -> Layout:
    """The order in which ezkl 23.0.5 places the public values of a graph that Avow grafted.

    Hashes come first (inputs, then weights), then the inputs that are public, then the outputs;
    with a hidden input the binding is an output. docs/reference/ezkl-system.md has the table.
    """
    hidden = inputs is InputVisibility.HASHED
    segments = []
    if hidden:
        segments += [Segment(Kind.INPUT_COMMITMENT, 1), Segment(Kind.BINDING_HASH, 1)]
    if weights is WeightVisibility.HASHED:
        segments.append(Segment(Kind.WEIGHTS_HASH, 1))
    binding = Segment(Kind.BINDING, BINDING_LIMBS)
    output = Segment(Kind.OUTPUT, output_values)
    segments += (
        [output, binding] if hidden else [Segment(Kind.INPUT, input_values), binding, output]
    )
    if any(not 1 <= segment.count <= MAX_SEGMENT for segment in segments):
        raise VerificationError(
            "proof", f"an ezkl proof may publish 1 to {MAX_SEGMENT} values of a kind"
        )
    return tuple(segments)


def encode_layout(layout: Layout) -> bytes:
    """Three bytes a segment: kind, then the count as big-endian u16."""
    return b"".join(bytes([segment.kind]) + segment.count.to_bytes(2, "big") for segment in layout)


def limbs(word: bytes) -> tuple[int, ...]:
    """32 bytes as 16 limbs of 16 bits, the most significant first."""
    if len(word) != BINDING_LIMBS * LIMB_BITS // 8:
        raise VerificationError("proof", f"a binding has 32 bytes, got {len(word)}")
    return tuple(int.from_bytes(word[at : at + 2], "big") for at in range(0, len(word), 2))


def split(layout: Layout, instances: Sequence[int]) -> dict[Kind, tuple[int, ...]]:
    """The instances of each kind; refuses any other number of them."""
    expected = sum(segment.count for segment in layout)
    if len(instances) != expected:
        raise VerificationError(
            "proof", f"{expected} public instances expected, got {len(instances)}"
        )
    parts, at = {}, 0
    for segment in layout:
        parts[segment.kind] = tuple(instances[at : at + segment.count])
        at += segment.count
    return parts


def as_elements(values: Sequence[int]) -> tuple[int, ...]:
    """Signed integers as the field elements that a circuit publishes for them."""
    return tuple(to_field(value) for value in values)
