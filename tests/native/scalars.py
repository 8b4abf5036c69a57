"""Vectors of scalars in plain Python: the meaning that the core's kernels are held against."""

import random
from collections.abc import Sequence

from avow.prover.native import _core

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
# Around the blocks of eight, the smallest ones, and one that several threads share.
LENGTHS = [1, 2, 3, 7, 8, 9, 16, 63, 65, 200]
EDGES = [0, 1, 2, R - 1, R - 2, (R - 1) // 2, 2**52 - 1, 2**52, 2**208 - 1, 2**253, 2**64 - 1]


def scalars(count: int, seed: int = 0) -> list[int]:
    """Return that many scalars, every other one from the edges of the range."""
    source = random.Random(f"{count}-{seed}")
    return [
        source.choice(EDGES) if source.random() < 0.5 else source.randrange(R) for _ in range(count)
    ]


def pack(values: Sequence[int]) -> bytes:
    return b"".join(value.to_bytes(32, "little") for value in values)


def frs(values: Sequence[int]) -> _core.Frs:
    return _core.Frs.of_bytes(pack(values))


def ints(vector: _core.Frs) -> list[int]:
    data = vector.to_bytes()
    return [int.from_bytes(data[at : at + 32], "little") for at in range(0, len(data), 32)]


def equality(point: Sequence[int]) -> list[int]:
    """Return eq(point, x) for every x of the cube, variable 1 the most significant bit."""
    table = [1]
    for z in point:
        table = [value * factor % R for value in table for factor in ((1 - z) % R, z)]
    return table
