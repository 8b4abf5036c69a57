"""What the verifier uses of py_ecc, without its side effect on the whole process."""

import sys
from collections.abc import Sequence

# Importing py_ecc raises the recursion limit to 100,000, past which a deeply nested JSON text
# overflows the C stack of whoever parses one. Nothing used here recurses deeper than 300.
_LIMIT = sys.getrecursionlimit()

from py_ecc.fields import optimized_bn128_FQ as FQ  # noqa: E402
from py_ecc.fields import optimized_bn128_FQ2 as FQ2  # noqa: E402
from py_ecc.optimized_bn128.optimized_curve import (  # noqa: E402
    G1,
    G2,
    Z1,
    add,
    b,
    b2,
    curve_order,
    eq,
    field_modulus,
    is_inf,
    is_on_curve,
    multiply,
    normalize,
)
from py_ecc.optimized_bn128.optimized_pairing import pairing  # noqa: E402
from py_ecc.secp256k1 import secp256k1  # noqa: E402

sys.setrecursionlimit(_LIMIT)

from avow.verifier.errors import VerificationError  # noqa: E402

__all__ = [
    "FQ",
    "FQ2",
    "G1",
    "G2",
    "Z1",
    "Point1",
    "add",
    "b",
    "b2",
    "combination",
    "curve_order",
    "eq",
    "field_modulus",
    "is_inf",
    "is_on_curve",
    "multiply",
    "normalize",
    "pairing",
    "read_point",
    "secp256k1",
]

# Affine coordinates in the first group; (0, 0), which is not on the curve, is the identity.
Point1 = tuple[int, int]


def read_point(data: bytes, what: str) -> Point1:
    """Read x || y, 32 bytes big-endian each; refuse what is neither on the curve nor (0, 0).

    The group's cofactor is 1, so every point of the curve is in it.
    """
    x, y = int.from_bytes(data[:32], "big"), int.from_bytes(data[32:], "big")
    if x >= field_modulus or y >= field_modulus:
        raise VerificationError("parse", f"{what} has a coordinate that is not canonical")
    if (x or y) and (y * y - x * x * x - 3) % field_modulus:
        raise VerificationError("parse", f"{what} is not on the curve")
    return x, y


def combination(points: Sequence[Point1], scalars: Sequence[int]) -> tuple[FQ, FQ, FQ]:
    """sum of scalar * point, for `pairing`."""
    total = Z1
    for (x, y), scalar in zip(points, scalars, strict=True):
        if x or y:
            total = add(total, multiply((FQ(x), FQ(y), FQ.one()), scalar % curve_order))
    return total
