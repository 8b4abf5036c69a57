"""BN254's first group by py_ecc: slow, and independent of the native core."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from avow.verifier.curves import (
    FQ,
    G1,
    Z1,
    add,
    b,
    curve_order,
    field_modulus,
    is_inf,
    is_on_curve,
    multiply,
    normalize,
)

_R = 2**256 % field_modulus
_INVERSE = pow(_R, -1, field_modulus)


class PlainBases:
    """Points as py_ecc has them."""

    def __init__(self, points: bytes) -> None:
        self._points = []
        for at in range(0, len(points), 64):
            x, y = (
                int.from_bytes(points[start : start + 32], "little") * _INVERSE % field_modulus
                for start in (at, at + 32)
            )
            if not is_on_curve((FQ(x), FQ(y), FQ(1)), b):
                raise ValueError(f"point {at // 64} is not on the curve")
            self._points.append((FQ(x), FQ(y), FQ(1)))

    def commit_ints(self, rows: NDArray[np.signedinteger[Any]]) -> list[bytes]:
        """Row by row."""
        return [self._commit([int(entry) for entry in row]) for row in rows]

    def commit_bytes(self, scalars: bytes) -> bytes:
        """32 bytes little-endian each."""
        starts = range(0, len(scalars), 32)
        return self._commit([int.from_bytes(scalars[at : at + 32], "little") for at in starts])

    def _commit(self, scalars: list[int]) -> bytes:
        total = Z1
        for point, scalar in zip(self._points, scalars, strict=True):
            if scalar < 0:
                # Of a weight's few bits, not of the order less the weight.
                x, y, z = point
                total = add(total, multiply((x, -y, z), -scalar))
            elif scalar:
                total = add(total, multiply(point, scalar % curve_order))
        if is_inf(total):
            return bytes(64)
        x, y = normalize(total)
        return int(x).to_bytes(32, "big") + int(y).to_bytes(32, "big")


class PlainCurve:
    """Everything by double and add."""

    def bases(self, points: bytes) -> PlainBases:
        """Points in the form of SRS files."""
        return PlainBases(points)

    def multiples(self, scalars: bytes) -> bytes:
        """Each scalar times the generator."""
        found = []
        for at in range(0, len(scalars), 32):
            x, y = normalize(multiply(G1, int.from_bytes(scalars[at : at + 32], "little")))
            found += [int(part) * _R % field_modulus for part in (x, y)]
        return b"".join(number.to_bytes(32, "little") for number in found)
