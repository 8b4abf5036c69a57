"""Large dense products in base 256: bytes times bytes, summed in 32 bits, joined in float64.

Both factors are unsigned bytes. The kernels for unsigned times signed bytes add pairs in 16 bits on
some processors and saturate there; those for unsigned times unsigned never do.
"""

from collections.abc import Iterator

import numpy as np

from avow.models.program.blobs import Integers
from avow.models.program.carriers import Carrier
from avow.models.program.onnx_graph import Graph
from avow.verifier.program.intervals import Interval

# Below this many weights the digits cost more than the memory they save.
LEAST_WEIGHTS = 2**17


def fits(weight: Integers, x: Interval) -> bool:
    """Whether weights (outputs, inner) and inputs have at most two digits, and 32 bits hold all."""
    if weight.size < LEAST_WEIGHTS or weight.shape[1] * 255 * 255 >= 2**31:
        return False
    span = x.high - x.low
    spread = weight.max(axis=1) - weight.min(axis=1)
    if x.magnitude >= Carrier.FLOAT32.limit:
        return False
    if span >= 2**16 or np.abs(weight).max() > 2**15 or spread.max() >= 2**16:
        return False
    largest = int(np.abs(weight).sum(axis=1).max())
    return 2 * largest * max(span, x.magnitude) < Carrier.FLOAT64.limit // 2


def emit_product(graph: Graph, name: str, weight: Integers, x: Interval, bits: int) -> str:
    """Return (x - x.low) W^T / 2^bits in float64, for float32 x (rows, inner)."""
    carrier = Carrier.FLOAT32
    if x.low:
        name = graph.node("Sub", name, graph.constant(np.array(x.low, carrier.value)))
    parts = [graph.node("Cast", part, to=2) for part in _split(graph, name, x.high - x.low)]
    left = graph.node("Concat", *parts, axis=0) if len(parts) > 1 else parts[0]
    # Weights are stored as much higher as makes them unsigned; the kernel is told so.
    digits, zeros = _unsigned(weight)
    right = np.concatenate(digits).T.astype(np.uint8)
    product = graph.node(
        "MatMulInteger",
        left,
        graph.constant(np.ascontiguousarray(right)),
        graph.constant(np.array(0, np.uint8)),
        graph.constant(np.concatenate(zeros).astype(np.uint8)),
    )
    product = graph.node("Cast", product, to=Carrier.FLOAT64.onnx_type)
    if len(parts) == len(digits) == 1:
        return graph.node("Mul", product, graph.constant(np.array(2.0**-bits)))
    shape = [len(parts), -1, len(digits), weight.shape[0]]
    product = graph.node("Reshape", product, graph.integers(shape))
    rising = [256.0 ** np.arange(number)[::-1] for number in (len(parts), len(digits))]
    powers = np.multiply.outer(*rising)
    powers = powers.reshape(len(parts), 1, len(digits), 1) * 2.0**-bits
    product = graph.node("Mul", product, graph.constant(powers))
    return graph.node("ReduceSum", product, graph.integers([0, 2]), keepdims=0)


def _unsigned(weight: Integers) -> tuple[list[Integers], list[Integers]]:
    """The digits of the weights, the leading one first, and what stands for 0 in each.

    One zero for all outputs where that does, else one of each output's own.
    """
    low, high = int(weight.min()), int(weight.max())
    if low >= -128 and high <= 127:
        return [weight + 128], [np.full(weight.shape[0], 128)]
    zero = np.full(weight.shape[0], 2**15) if high < 2**15 else np.maximum(-weight.min(axis=1), 0)
    moved = weight + zero[:, np.newaxis]
    return [moved >> 8, moved & 255], [zero >> 8, zero & 255]


def _split(graph: Graph, name: str, span: int) -> Iterator[str]:
    """The digits of non-negative integers, the leading one first."""
    if span < 256:
        yield name
        return
    down, up = (graph.constant(np.array(value, np.float32)) for value in (1 / 256, 256))
    leading = graph.node("Floor", graph.node("Mul", name, down))
    yield leading
    yield graph.node("Sub", name, graph.node("Mul", leading, up))
