"""The zoo's digits in the shapes that the bench models take: enlarged, coloured, row by row."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from avow.models.zoo.datasets import FloatArray, Split, digits

SIDE = 8
_GREYS = 16
# Enlarged pixels are rounded to this many steps, so that scale 8 holds them exactly.
STEPS = 256


def enlarged(side: int) -> Split:
    """The digits as `side` x `side` pictures, one row of side * side greys in 0..1 each."""
    split = digits()
    return replace(
        split, training=enlarge(split.training, side), held_out=enlarge(split.held_out, side)
    )


def coloured(side: int) -> Split:
    """As `enlarged`, the same grey in each of three channels: 3 * side * side numbers a row."""
    split = enlarged(side)
    return replace(
        split,
        training=np.tile(split.training, (1, 3)),
        held_out=np.tile(split.held_out, (1, 3)),
    )


def enlarge(rows: FloatArray, side: int) -> FloatArray:
    """Bilinear enlargement of [n, 64] greys in sixteenths to [n, side * side] in 256ths.

    Pixel centres correspond as in image libraries (half-pixel centres, edges repeated). Every
    step is in integers, so the pictures are the same on every machine.
    """
    weights = _weights(side)
    pictures = np.rint(rows.astype(np.float64) * _GREYS).astype(np.int64).reshape(-1, SIDE, SIDE)
    sums = np.einsum("ij,njk,lk->nil", weights, pictures, weights)
    whole = (2 * side) ** 2 * _GREYS
    steps = (2 * STEPS * sums + whole) // (2 * whole)
    result: FloatArray = (steps.reshape(len(rows), -1) / STEPS).astype(np.float32)
    return result


def _weights(side: int) -> NDArray[np.int64]:
    """How much of each of 8 pixels goes into each of `side`, in units of 1 / (2 * side)."""
    unit = 2 * side
    found = np.zeros((side, SIDE), np.int64)
    for at in range(side):
        # Centre (at + 1/2) * 8 / side - 1/2 in units of 1 / (2 * side).
        centre = (2 * at + 1) * SIDE - side
        first, rest = divmod(centre, unit)
        for pixel, share in ((first, unit - rest), (first + 1, rest)):
            found[at, min(max(pixel, 0), SIDE - 1)] += share
    return found
