"""Max pooling as one kernel, or as slices that are long pieces of memory."""

import itertools

from avow.models.program.carriers import Carrier
from avow.models.program.emission import Emission
from avow.models.program.emit_elementwise import clamp_and_floor
from avow.models.program.pools import Pool
from avow.verifier.program.operations import Shape


def emit_pool(state: Emission, pool: Pool, number: int) -> None:
    """The runtime's own kernel in float32, where it is fast; else the maximum of slices."""
    carrier = state.carrier(pool.of)
    graph, shape = state.graph, state.shapes[pool.of]
    name = state.read(pool.of, carrier)
    if shape[0] != 1:
        name = graph.node("Reshape", name, graph.integers([-1, *shape[1:]]))
    axes = _whole_axes(pool, shape[2:])
    if axes:
        name = _rounded(state, pool, number, graph.node("ReduceMax", name, axes=axes, keepdims=1))
    else:
        name = (_kernel if carrier is Carrier.FLOAT32 else _slices)(state, pool, number, name)
    if shape[0] != 1:
        name = graph.node("Reshape", name, graph.integers([-1, *state.shapes[number]]))
    state.write(number, name, carrier)


def _whole_axes(pool: Pool, space: Shape) -> list[int]:
    """The axes that the window covers, if it covers some whole and leaves the others alone."""
    axes = []
    for axis, length in enumerate(space):
        taps, gap = pool.kernel[axis], pool.dilations[axis]
        if (taps, gap, pool.starts[axis], pool.sizes[axis]) == (length, 1, 0, 1):
            axes.append(2 + axis)
        elif (taps, pool.starts[axis], pool.sizes[axis]) != (1, 0, length):
            return []
    return axes


def _rounded(state: Emission, pool: Pool, number: int, name: str) -> str:
    """The clamp and floor that were left to the pool."""
    rescale = state.unrounded.get(pool.of)
    if rescale is None:
        return name
    return clamp_and_floor(state, name, rescale, state.carrier(pool.of), number)


def _kernel(state: Emission, pool: Pool, number: int, name: str) -> str:
    graph, space = state.graph, state.shapes[pool.of][2:]
    reaches = [(taps - 1) * gap + 1 for taps, gap in zip(pool.kernel, pool.dilations, strict=True)]
    counts = tuple(
        (length - start - reach) // stride + 1
        for length, start, reach, stride in zip(
            space, pool.starts, reaches, pool.strides, strict=True
        )
    )
    if any(pool.starts) or counts != pool.sizes:
        ends = [
            start + (size - 1) * stride + reach
            for start, size, stride, reach in zip(
                pool.starts, pool.sizes, pool.strides, reaches, strict=True
            )
        ]
        bounds = (pool.starts, ends, range(2, 2 + len(space)))
        name = graph.node("Slice", name, *(graph.integers(list(bound)) for bound in bounds))
    name = graph.node(
        "MaxPool",
        name,
        kernel_shape=pool.kernel,
        dilations=pool.dilations,
        strides=pool.strides,
    )
    return _rounded(state, pool, number, name)


def _slices(state: Emission, pool: Pool, number: int, name: str) -> str:
    # Channels come last behind a product in float64, whose own transpose this one cancels.
    graph, space = state.graph, len(pool.kernel)
    name = graph.node("Transpose", name, perm=[0, *range(2, 2 + space), 1])
    axes = graph.integers(list(range(1, 1 + space)))
    steps = graph.integers(pool.strides)
    taps = []
    for tap in itertools.product(*(range(length) for length in pool.kernel)):
        starts = [
            start + at * gap
            for start, at, gap in zip(pool.starts, tap, pool.dilations, strict=True)
        ]
        ends = [
            start + (size - 1) * stride + 1
            for start, size, stride in zip(starts, pool.sizes, pool.strides, strict=True)
        ]
        bounds = graph.integers(starts), graph.integers(ends), axes, steps
        taps.append(graph.node("Slice", name, *bounds))
    name = _rounded(state, pool, number, graph.node("Max", *taps))
    return graph.node("Transpose", name, perm=[0, 1 + space, *range(1, 1 + space)])
