"""Checking all points of a string at once, by random combinations and one pairing equation."""

import secrets

from avow.circuits.curve import Curve
from avow.circuits.errors import CircuitError
from avow.verifier.bn254 import POINT_BYTES
from avow.verifier.curves import FQ, FQ2, G2, curve_order, equal_pairings
from avow.verifier.srs import G2Coordinates

# halo2's root of unity of order 2^28: Lagrange points belong to its powers.
ROOT_LOGROWS = 28
ROOT = pow(7, curve_order >> ROOT_LOGROWS, curve_order)


def root_of(logrows: int) -> int:
    """The root of unity of order 2^logrows."""
    return pow(ROOT, 2 ** (ROOT_LOGROWS - logrows), curve_order)


def geometric(first: int, ratio: int, count: int) -> bytes:
    """first ratio^i for i below `count`, 32 bytes little-endian each."""
    numbers, value = [], first
    for _ in range(count):
        numbers.append(value.to_bytes(32, "little"))
        value = value * ratio % curve_order
    return b"".join(numbers)


def fractions(at: int, factor: int, root: int, start: int, count: int) -> bytes:
    """factor w^i / (at - w^i) for `count` powers of the root from `start` on, by one inversion."""
    points, value = [], pow(root, start, curve_order)
    for _ in range(count):
        points.append(value)
        value = value * root % curve_order
    products, running = [], 1
    for point in points:
        products.append(running)
        running = running * (at - point) % curve_order
    inverse = pow(running, -1, curve_order)
    values = []
    for point, product in zip(reversed(points), reversed(products), strict=True):
        number = factor * point % curve_order * product % curve_order * inverse % curve_order
        values.append(number.to_bytes(32, "little"))
        inverse = inverse * (at - point) % curve_order
    return b"".join(reversed(values))


def check_powers(points: bytes, tau_g2: G2Coordinates, curve: Curve, name: str) -> None:
    """Establish that every point is tau times the one before it, by one pairing equation.

    e(sum rho^i P_(i+1), G2) = e(sum rho^i P_i, tau G2) for a random rho: n points that are not
    such powers pass with probability n / 2^253. Raises `CircuitError`.
    """
    count = len(points) // POINT_BYTES - 1
    rho = 2 + secrets.randbelow(2**250)
    try:
        ahead, behind = curve.bases(points[POINT_BYTES:]), curve.bases(points[:-POINT_BYTES])
        scalars = geometric(1, rho, count)
        left, right = ahead.commit_bytes(scalars), behind.commit_bytes(scalars)
    except ValueError as error:
        raise CircuitError(f"{name} is damaged: {error}") from error
    x0, x1, y0, y1 = tau_g2
    tau = (FQ2([x0, x1]), FQ2([y0, y1]), FQ2.one())
    if not equal_pairings((G2, _point(left)), (tau, _point(right))):
        raise CircuitError(f"{name} is damaged: its points are not powers of its tau")


def check_lagrange(powers: bytes, lagrange: bytes, curve: Curve, name: str) -> None:
    """Establish that the second points are the Lagrange points of the first, in halo2's order.

    For the polynomial of coefficients rho^j: sum f(w^i) L_i = sum rho^j P_j for a random rho.
    Raises `CircuitError`.
    """
    count = len(powers) // POINT_BYTES
    rho = 2 + secrets.randbelow(2**250)
    # f(w^i) = (rho^n - 1) / (rho w^i - 1) = (1 - rho^n) w^-i / (w^-i - rho)
    backwards = pow(root_of(count.bit_length() - 1), -1, curve_order)
    factor = pow(rho, count, curve_order) - 1
    try:
        left = curve.bases(lagrange).commit_bytes(fractions(rho, factor, backwards, 0, count))
        right = curve.bases(powers).commit_bytes(geometric(1, rho, count))
    except ValueError as error:
        raise CircuitError(f"{name} is damaged: {error}") from error
    if left != right:
        raise CircuitError(f"{name} is damaged: its Lagrange points are not those of its powers")


def _point(data: bytes) -> tuple[FQ, FQ, FQ]:
    x, y = int.from_bytes(data[:32], "big"), int.from_bytes(data[32:], "big")
    return (FQ(x), FQ(y), FQ(1)) if x or y else (FQ(1), FQ(1), FQ(0))
