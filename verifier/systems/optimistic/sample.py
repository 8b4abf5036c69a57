"""Which elements of a run are recomputed when not all are: drawn from a seed of the checker's."""

from collections.abc import Iterator
from dataclasses import dataclass

from avow.verifier.canonical import Json
from avow.verifier.fields import Fields, to_hex
from avow.verifier.keccak import keccak256
from avow.verifier.limits import LIMITS


@dataclass(frozen=True, slots=True)
class Sample:
    """How many elements, and the 32 bytes that they are drawn from.

    A provider who knows the seed beforehand puts its lie where nobody looks.
    """

    elements: int
    seed: bytes

    def to_json(self) -> Json:
        """The object that `parse_sample` reads."""
        return {"elements": self.elements, "seed": to_hex(self.seed)}

    def places(self, count: int) -> Iterator[int]:
        """Different numbers below `count`: so many as `elements`, or all of them."""
        # The first steps of shuffling a list of which only the moved entries are kept.
        moved: dict[int, int] = {}
        for at in range(min(self.elements, count)):
            word = keccak256(self.seed + at.to_bytes(4, "big"))
            chosen = at + int.from_bytes(word, "big") % (count - at)
            yield moved.get(chosen, chosen)
            moved[chosen] = moved.get(at, at)


def parse_sample(value: Json) -> Sample:
    """Read {elements, seed}."""
    fields = Fields(value, "sample", {"elements", "seed"})
    most = LIMITS.activation_elements
    return Sample(fields.integer("elements", 1, most), fields.octets("seed", 32))
