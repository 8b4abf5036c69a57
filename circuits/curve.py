"""What this room needs of a fast curve; `avow.prover.native` has one, and hands it down."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Bases(Protocol):
    """Fixed points, to commit to rows of integers with."""

    def commit_ints(self, rows: NDArray[np.signedinteger[Any]]) -> list[bytes]:
        """The sum of entry times point for each row: 64 bytes x || y, zeros for the identity."""
        ...

    def commit_bytes(self, scalars: bytes) -> bytes:
        """The sum of scalar times point; 32 bytes little-endian each, below the group's order."""
        ...


class Curve(Protocol):
    """BN254's first group."""

    def bases(self, points: bytes) -> Bases:
        """Points in the form of SRS files; raises `ValueError` for one off the curve."""
        ...

    def multiples(self, scalars: bytes) -> bytes:
        """Each scalar times the generator, as SRS files hold points."""
        ...
