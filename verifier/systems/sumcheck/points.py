"""Points of BN254's first group in plain integers: reading them and summing multiples."""

from collections.abc import Iterable, Sequence

from avow.verifier.curves import curve_order, field_modulus
from avow.verifier.errors import VerificationError

P = field_modulus
R = curve_order
POINT_BYTES = 64
GENERATOR = (1, 2)

# Affine coordinates; (0, 0) is the identity, since it is not on the curve.
Point1 = tuple[int, int]
IDENTITY: Point1 = (0, 0)

# (X, Y, Z) stands for (X / Z^2, Y / Z^3), Z = 0 for the identity.
_Jacobian = tuple[int, int, int]
_ZERO: _Jacobian = (1, 1, 0)
_WINDOW = 5


def parse_point(data: bytes, what: str) -> Point1:
    """Read x || y, 32 bytes big-endian each; refuse what is neither on the curve nor (0, 0).

    The group's cofactor is 1, so every point of the curve is in it.
    """
    x, y = int.from_bytes(data[:32], "big"), int.from_bytes(data[32:], "big")
    if x >= P or y >= P:
        raise VerificationError("parse", f"{what} has a coordinate that is not canonical")
    if (x, y) != IDENTITY and (y * y - x * x * x - 3) % P:
        raise VerificationError("parse", f"{what} is not on the curve")
    return x, y


def words(points: Iterable[Point1]) -> list[int]:
    """The coordinates as a transcript absorbs them."""
    return [coordinate for point in points for coordinate in point]


def combination(points: Sequence[Point1], scalars: Sequence[int]) -> Point1:
    """sum of scalar * point, by buckets: windows of the scalars from the most significant on."""
    terms = [
        ((x, y, 1), scalar % R)
        for (x, y), scalar in zip(points, scalars, strict=True)
        if (x, y) != IDENTITY and scalar % R
    ]
    total = _ZERO
    for shift in reversed(range(0, R.bit_length(), _WINDOW)):
        for _ in range(_WINDOW):
            total = _double(total)
        buckets = [_ZERO] * 2**_WINDOW
        for point, scalar in terms:
            digit = scalar >> shift & (2**_WINDOW - 1)
            buckets[digit] = _add(buckets[digit], point)
        running = inside = _ZERO
        for bucket in reversed(buckets[1:]):
            running = _add(running, bucket)
            inside = _add(inside, running)
        total = _add(total, inside)
    x, y, z = total
    if not z:
        return IDENTITY
    inverse = pow(z, -1, P)
    return x * inverse**2 % P, y * inverse**3 % P


def _double(point: _Jacobian) -> _Jacobian:
    x, y, z = point
    square = y * y % P
    s = 4 * x * square % P
    m = 3 * x * x
    doubled = (m * m - 2 * s) % P
    return doubled, (m * (s - doubled) - 8 * square * square) % P, 2 * y * z % P


def _add(left: _Jacobian, right: _Jacobian) -> _Jacobian:
    x1, y1, z1 = left
    x2, y2, z2 = right
    if not z1 or not z2:
        return right if not z1 else left
    square1, square2 = z1 * z1 % P, z2 * z2 % P
    u1, u2 = x1 * square2 % P, x2 * square1 % P
    s1, s2 = y1 * square2 * z2 % P, y2 * square1 * z1 % P
    if u1 == u2:
        # No point of an odd order is its own opposite, so doubling is all that is left.
        return _double(left) if s1 == s2 else _ZERO
    h, slope = u2 - u1, s2 - s1
    square = h * h % P
    cube, v = h * square % P, u1 * square % P
    x = (slope * slope - cube - 2 * v) % P
    return x, (slope * (v - x) - s1 * cube) % P, z1 * z2 * h % P
