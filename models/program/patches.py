"""The patches that a convolution sees, as the rows of a matrix."""

import numpy as np

from avow.models.program.carriers import Carrier
from avow.models.program.onnx_graph import Graph
from avow.verifier.program.operations import Convolution, Shape

# Below this many channels a gather of single positions copies too little at a time.
FEW_CHANNELS = 16


def emit_patches(
    graph: Graph,
    name: str,
    shape: Shape,
    kernel: Shape,
    operation: Convolution,
    carrier: Carrier,
) -> str:
    """Turn (batch, channels, *space) into (batch, places, taps channels).

    `shape` is (channels, *space); the channel is the fastest index, then the last kernel axis.
    """
    channels, *space = shape
    rank = len(space)
    name = graph.node("Transpose", name, perm=[0, *range(2, rank + 2), 1])
    pads = [0, *operation.pads_before, 0, 0, *operation.pads_after, 0]
    if any(pads):
        zero = graph.constant(np.zeros((), carrier.value))
        name = graph.node("Pad", name, graph.integers(pads), zero)
    padded = [
        n + a + b
        for n, a, b in zip(space, operation.pads_before, operation.pads_after, strict=True)
    ]
    # Along each axis: (place, tap) -> position.
    reads = [
        np.arange((n - d * (k - 1) - 1) // s + 1)[:, None] * s + np.arange(k) * d
        for n, k, s, d in zip(padded, kernel, operation.strides, operation.dilations, strict=True)
    ]
    if channels < FEW_CHANNELS and kernel[-1] > 1:
        name = _last_axis(graph, name, reads[-1], rank)
        channels *= kernel[-1]
        padded[-1] = reads[-1].shape[0]
        reads[-1] = np.arange(padded[-1])[:, None]
    places = int(np.prod([read.shape[0] for read in reads]))
    taps = int(np.prod([read.shape[1] for read in reads]))
    if rank == 2:
        rows, columns = reads
        flat = rows[:, None, :, None] * padded[1] + columns[None, :, None, :]
    else:
        flat = reads[0]
    flat = flat.reshape(-1)
    name = graph.node("Reshape", name, graph.integers([0, int(np.prod(padded)), channels]))
    if not np.array_equal(flat, np.arange(int(np.prod(padded)))):
        name = graph.node("Gather", name, graph.constant(flat.astype(np.int64)), axis=1)
    return graph.node("Reshape", name, graph.integers([0, places, taps * channels]))


def _last_axis(graph: Graph, name: str, read: np.ndarray, rank: int) -> str:
    """Put the taps of the last axis side by side, by slices that are long in memory."""
    count = read.shape[0]
    step = int(read[1, 0] - read[0, 0]) if count > 1 else 1
    taps = []
    for first in read[0]:
        bounds = ([int(first)], [int(first) + (count - 1) * step + 1], [rank], [step])
        taps.append(graph.node("Slice", name, *(graph.integers(bound) for bound in bounds)))
    return graph.node("Concat", *taps, axis=rank + 1)
