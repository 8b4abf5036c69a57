"""The patches that a convolution sees, as the rows of a matrix, for a product with its weights.

Neighbouring places along the last axis may share a row, a tile: then fewer and longer pieces of
memory are copied, and the weights are laid out with zeros where a place does not look.
"""

import math
from dataclasses import dataclass

import numpy as np

from avow.models.program.blobs import Integers
from avow.models.program.carriers import Carrier
from avow.models.program.onnx_graph import Graph
from avow.verifier.program.operations import Convolution, Shape

# Measured on one core: a product is far cheaper than a copied element, a piece of memory dearer.
_PRODUCT, _COPY, _PIECE = 0.02, 0.35, 5.0
_WIDEST_TILE = 16


@dataclass(frozen=True, slots=True)
class Tiling:
    """How the places of a convolution become rows: `width` of the last axis in each.

    A row spans `span` positions of that axis; `tiles` rows lie side by side, so the last ones may
    hold places that are not there.
    """

    width: int
    span: int
    tiles: int


def choose_tiling(operation: Convolution, shape: Shape, weight: Shape, place: Shape) -> Tiling:
    """The cheapest; `shape` is (channels, *space), `place` the spatial shape of the result."""
    stride, dilation, taps = operation.strides[-1], operation.dilations[-1], weight[-1]
    reach = dilation * (taps - 1) + 1
    above = math.prod(weight[2:-1])
    best, choice = math.inf, Tiling(1, reach, place[-1])
    if operation.groups > 1:
        return choice
    for width in range(1, min(_WIDEST_TILE, place[-1]) + 1):
        tiles = -(-place[-1] // width)
        span = (width - 1) * stride + reach
        columns = -(-width * weight[0] // 16) * 16
        copied = above * span * shape[0]
        cost = tiles * (copied * (columns * _PRODUCT + _COPY) + above * _PIECE)
        if cost < best:
            best, choice = cost, Tiling(width, span, tiles)
    # One place in a row, tap by tap.
    copied = above * taps * shape[0]
    columns = -(-weight[0] // 16) * 16
    single = place[-1] * (copied * (columns * _PRODUCT + _COPY) + above * taps * _PIECE)
    return Tiling(1, reach, place[-1]) if single <= best else choice


def emit_patches(
    graph: Graph,
    name: str,
    shape: Shape,
    kernel: Shape,
    operation: Convolution,
    tiling: Tiling,
    carrier: Carrier,
) -> str:
    """Turn (batch, channels, *space) into (batch rows, patch); a row is a tile of places.

    `shape` is (channels, *space). In a patch the channel is the fastest index, then the position
    (of a tile) or the tap (of a single place) on the last axis.
    """
    channels, *space = shape
    rank = len(space)
    name = graph.node("Transpose", name, perm=[0, *range(2, rank + 2), 1])
    after = list(operation.pads_after)
    stride = operation.strides[-1]
    step = tiling.width * stride
    if tiling.width > 1:
        # Whole steps, enough of them for the last tile.
        needed = step * (tiling.tiles + -(-max(tiling.span - step, 0) // step))
        after[-1] = needed - space[-1] - operation.pads_before[-1]
    pads = [0, *operation.pads_before, 0, 0, *after, 0]
    if any(pads):
        zero = graph.constant(np.zeros((), carrier.value))
        name = graph.node("Pad", name, graph.integers(pads), zero)
    padded = [n + a + b for n, a, b in zip(space, operation.pads_before, after, strict=True)]
    reads = [
        np.arange((n - d * (k - 1) - 1) // s + 1)[:, None] * s + np.arange(k) * d
        for n, k, s, d in zip(padded, kernel, operation.strides, operation.dilations, strict=True)
    ]
    if tiling.width > 1:
        name = _tiles(graph, name, padded, channels, tiling, step)
        channels *= tiling.span
        padded[-1] = tiling.tiles
        reads[-1] = np.arange(tiling.tiles)[:, None]
    taps = math.prod(read.shape[1] for read in reads)
    flat = reads[-1]
    if rank == 2:
        flat = reads[0][:, None, :, None] * padded[1] + reads[1][None, :, None, :]
    flat = flat.reshape(-1)
    name = graph.node("Reshape", name, graph.integers([0, math.prod(padded), channels]))
    if not np.array_equal(flat, np.arange(math.prod(padded))):
        name = graph.node("Gather", name, graph.constant(flat.astype(np.int64)), axis=1)
    return graph.node("Reshape", name, graph.integers([-1, taps * channels]))


def _tiles(
    graph: Graph, name: str, padded: list[int], channels: int, tiling: Tiling, step: int
) -> str:
    """Regroup the last axis into overlapping tiles: (.., tiles, span channels)."""
    rank = len(padded)
    steps = padded[-1] // step
    shape = [0, *padded[:-1], steps, step * channels]
    name = graph.node("Reshape", name, graph.integers(shape))
    parts = []
    for number in range(-(-tiling.span // step)):
        width = min(step, tiling.span - number * step) * channels
        bounds = ([number, 0], [number + tiling.tiles, width], [rank, rank + 1])
        parts.append(graph.node("Slice", name, *(graph.integers(bound) for bound in bounds)))
    return graph.node("Concat", *parts, axis=rank + 1) if len(parts) > 1 else parts[0]


def patch_weights(weight: Integers, operation: Convolution, tiling: Tiling) -> Integers:
    """The weights (outputs, channels, *kernel) as (patch, width outputs), for one group."""
    outputs, channels, *kernel = weight.shape
    rows = weight.reshape(outputs, channels, -1, kernel[-1])
    if tiling.width == 1:
        return rows.transpose(2, 3, 1, 0).reshape(-1, outputs)
    result = np.zeros((rows.shape[2], tiling.span, channels, tiling.width, outputs), np.int64)
    for place in range(tiling.width):
        for tap in range(kernel[-1]):
            at = place * operation.strides[-1] + tap * operation.dilations[-1]
            result[:, at, :, place, :] = rows[:, :, :, tap].transpose(2, 1, 0)
    return result.reshape(-1, tiling.width * outputs)
