"""The group of BN254 by another implementation, for points whose logarithms are known."""

from collections.abc import Iterable, Sequence

from py_ecc.optimized_bn128 import G1, curve_order, field_modulus, multiply, normalize

R: int = curve_order
Q: int = field_modulus

# What both readers of points use for the identity.
IDENTITY = bytes(64)


def packed(scalars: Iterable[int]) -> bytes:
    """Pack canonical scalars, 32 bytes little-endian each."""
    return b"".join(scalar.to_bytes(32, "little") for scalar in scalars)


def coordinates(logarithm: int) -> tuple[int, int]:
    """Return a multiple of the generator, not the identity, as integers."""
    x, y = normalize(multiply(G1, logarithm % R))
    return x.n, y.n


def point(logarithm: int) -> bytes:
    """Return a multiple of the generator as x || y, big-endian."""
    if logarithm % R == 0:
        return IDENTITY
    return b"".join(value.to_bytes(32, "big") for value in coordinates(logarithm))


def stored(logarithm: int) -> bytes:
    """Return a multiple of the generator as reference strings store it."""
    return packed(value * 2**256 % Q for value in coordinates(logarithm))


def combination(scalars: Sequence[int], logarithms: Sequence[int]) -> bytes:
    """Return sum scalars[i] G_i for points G_i of known logarithms."""
    return point(sum(a * b for a, b in zip(scalars, logarithms, strict=False)))
