"""Reading a proof: whatever is read is absorbed, so that no challenge can be drawn before it."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from avow.verifier.argument.transcript import Label, Transcript
from avow.verifier.bn254 import POINT_BYTES, curve_order
from avow.verifier.curves import Point1, read_point
from avow.verifier.errors import VerificationError
from avow.verifier.relation.views import Point

R = curve_order
HALF = (R + 1) // 2
SCALAR_BYTES = 32


class Dialogue:
    """A proof's bytes and the transcript: the prover's words in turn with the challenges."""

    def __init__(self, data: bytes) -> None:
        self.transcript = Transcript()
        self._data = data
        self._at = 0

    def points(self, label: Label, count: int) -> list[Point1]:
        """Read and absorb points of 64 bytes."""
        items = self._items(count, POINT_BYTES)
        points = [read_point(item, "a point of the proof") for item in items]
        self.transcript.absorb(label, [coordinate for point in points for coordinate in point])
        return points

    def scalars(self, label: Label, count: int) -> list[int]:
        """Read and absorb scalars of 32 bytes, each below the group's order."""
        scalars = [int.from_bytes(item, "big") for item in self._items(count, SCALAR_BYTES)]
        if any(scalar >= R for scalar in scalars):
            raise VerificationError("parse", "a scalar of the proof is not below the group's order")
        self.transcript.absorb(label, scalars)
        return scalars

    def rounds(self, label: Label, claim: int, count: int, degree: int) -> tuple[int, Point]:
        """Reduce a claimed sum over a cube to a claimed value at a drawn point; return both.

        A round sends g(0), g(2), ..., g(degree); g(1) is what the claim leaves for it.
        """
        point = []
        for _ in range(count):
            first, *others = self.scalars(label, degree)
            point.append(self.transcript.challenge(Label.ROUND))
            claim = interpolate((first, claim - first, *others), point[-1])
        return claim, tuple(point)

    def end(self) -> None:
        """Refuse anything after the last word."""
        if self._at != len(self._data):
            raise VerificationError("parse", f"a proof of {self._at} bytes has bytes after its end")

    def _items(self, count: int, size: int) -> Iterable[bytes]:
        start, self._at = self._at, self._at + count * size
        if self._at > len(self._data):
            raise VerificationError("parse", f"the proof ends after {len(self._data)} bytes")
        return (self._data[at : at + size] for at in range(start, self._at, size))


def interpolate(values: Sequence[int], x: int) -> int:
    """The polynomial with these values at 0, 1, 2, ... evaluated at x, by Newton's differences."""
    total, binomial, differences = 0, 1, list(values)
    for k in range(len(values)):
        total += binomial * differences[0]
        differences = [right - left for left, right in pairwise(differences)]
        binomial = binomial * (x - k) * pow(k + 1, -1, R) % R
    return total % R


def combine(terms: Sequence[int], base: int) -> int:
    """sum of base^i * term_i."""
    total = 0
    for term in reversed(terms):
        total = (total * base + term) % R
    return total
