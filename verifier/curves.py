"""What the verifier uses of py_ecc, without its side effect on the whole process."""

import sys
from collections.abc import Sequence

# Importing py_ecc raises the recursion limit to 100,000, past which a deeply nested JSON text
# overflows the C stack of whoever parses one. Nothing used here recurses deeper than 300.
_LIMIT = sys.getrecursionlimit()
if "py_ecc" in sys.modules and _LIMIT == 100_000:
    # web3 has imported it before: what the limit was then, nobody knows.
    _LIMIT = 1_000

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
    neg,
    normalize,
)
from py_ecc.optimized_bn128.optimized_pairing import final_exponentiate, pairing  # noqa: E402
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
    "equal_pairings",
    "field_modulus",
    "is_inf",
    "is_on_curve",
    "multiply",
    "normalize",
    "read_point",
    "secp256k1",
]

# A point of the second group, one of the first.
Pair = tuple[tuple[FQ2, FQ2, FQ2], tuple[FQ, FQ, FQ]]

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


def equal_pairings(left: Pair, right: Pair) -> bool:
    """Whether both e(P, Q) are the same; ValueError for a point that is not on its curve."""
    # As e(P, Q) e(-P', Q') = 1: a product needs one final power, which takes most of the time.
    product = pairing(*left, False) * pairing(right[0], neg(right[1]), False)
    return bool(final_exponentiate(product) == product.one())


def combination(points: Sequence[Point1], scalars: Sequence[int]) -> tuple[FQ, FQ, FQ]:
    """sum of scalar * point, for `pairing`; a hundredth of a second for forty points.

    Pippenger's buckets: for every digit of the scalars, from the most significant on, points with
    the same digit are added first. Coordinates are Jacobian: x = X / Z^2, y = Y / Z^3.
    """
    terms = [
        ((x, y, 1), scalar % curve_order)
        for (x, y), scalar in zip(points, scalars, strict=True)
        if x or y
    ]
    total = _ZERO
    for shift in reversed(range(0, curve_order.bit_length(), _DIGIT)):
        for _ in range(_DIGIT):
            total = _double(total)
        buckets = [_ZERO] * 2**_DIGIT
        for point, scalar in terms:
            digit = scalar >> shift & (2**_DIGIT - 1)
            buckets[digit] = _add(buckets[digit], point)
        # digit * bucket, summed: every bucket is in as many partial sums as its digit says.
        partial = _ZERO
        for bucket in reversed(buckets[1:]):
            partial = _add(partial, bucket)
            total = _add(total, partial)
    x, y, z = total
    return (FQ(x * z), FQ(y), FQ(z**3)) if z else Z1


_Jacobian = tuple[int, int, int]
_ZERO: _Jacobian = (1, 1, 0)
_DIGIT = 5


def _double(point: _Jacobian) -> _Jacobian:
    x, y, z = point
    square = y * y % field_modulus
    s, m = 4 * x * square, 3 * x * x % field_modulus
    doubled = (m * m - 2 * s) % field_modulus
    slope = (m * (s - doubled) - 8 * square * square) % field_modulus
    return doubled, slope, 2 * y * z % field_modulus


def _add(left: _Jacobian, right: _Jacobian) -> _Jacobian:
    (x1, y1, z1), (x2, y2, z2) = left, right
    if not z1 or not z2:
        return left if z1 else right
    square1, square2 = z1 * z1 % field_modulus, z2 * z2 % field_modulus
    u, v = x1 * square2 % field_modulus, x2 * square1 % field_modulus
    s, t = y1 * square2 * z2 % field_modulus, y2 * square1 * z1 % field_modulus
    if u == v:
        return _double(left) if s == t else _ZERO
    h, slope = v - u, t - s
    square = h * h % field_modulus
    cube = square * h % field_modulus
    x = (slope * slope - cube - 2 * u * square) % field_modulus
    y = (slope * (u * square - x) - s * cube) % field_modulus
    return x, y, z1 * z2 * h % field_modulus
