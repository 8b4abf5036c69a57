"""Views: the same elements elsewhere."""

import numpy as np

from avow.models.program.blobs import integers
from avow.models.program.carriers import Carrier, carrier_for
from avow.models.program.emission import Emission, held_shape
from avow.verifier.program.operations import (
    Broadcast,
    Concat,
    Gather,
    Pad,
    Reshape,
    Slice,
    Transpose,
)

# As an end of a backward slice: the first element is included.
_BEFORE_START = -(2**62)


def _offset(state: Emission, number: int, source: int, leading: bool) -> int:
    """How far program axes are moved in the held shape; 1 where it is the whole shape.

    `leading` says that the operation moves something along axis 0.
    """
    dropped = all(held_shape(state.shapes[at]) != state.shapes[at] for at in (number, source))
    return 0 if dropped and not leading else 1


def _source(state: Emission, number: int, offset: int, carrier: Carrier | None = None) -> str:
    carrier = carrier or state.carrier(number)
    return state.read_whole(number, carrier) if offset else state.read(number, carrier)


def _write(
    state: Emission, number: int, name: str, carrier: Carrier, offset: int, reach: int
) -> None:
    name = state.hold(name, state.shapes[number]) if offset else name
    state.write(number, name, carrier, reach)


def emit_reshape(state: Emission, operation: Reshape, number: int) -> None:
    """Row-major order kept."""
    source = operation.of[0]
    carrier = state.carrier(source)
    name, held = state.read(source, carrier), held_shape(operation.shape)
    if held != held_shape(state.shapes[source]):
        name = state.reshape(name, held)
    state.write(number, name, carrier, state.reach[source])


def emit_transpose(state: Emission, operation: Transpose, number: int) -> None:
    """Axes in another order."""
    source, axes = operation.of[0], operation.axes
    carrier = state.carrier(source)
    offset = _offset(state, number, source, leading=axes[:1] != (0,))
    kept = axes if offset else axes[1:]
    name = _source(state, source, offset)
    name = state.graph.node("Transpose", name, perm=[0, *(axis + offset for axis in kept)])
    _write(state, number, name, carrier, offset, state.reach[source])


def emit_slice(state: Emission, operation: Slice, number: int) -> None:
    """Equally spaced elements of every axis, backwards where the step is negative."""
    source = operation.of[0]
    carrier, shape = state.carrier(source), state.shapes[source]
    bounds = []
    for axis, (start, step, size) in enumerate(
        zip(operation.starts, operation.steps, operation.sizes, strict=True)
    ):
        if size == shape[axis] and (step == 1 or size == 1):
            continue
        end = start + size * step
        bounds.append((axis, start, end if end >= 0 else _BEFORE_START, step))
    offset = _offset(state, number, source, any(axis == 0 for axis, *_ in bounds))
    name = _source(state, source, offset)
    if bounds:
        axes, starts, ends, steps = zip(*bounds, strict=True)
        moved = [axis + offset for axis in axes]
        parts = [state.graph.integers(part) for part in (starts, ends, moved, steps)]
        name = state.graph.node("Slice", name, *parts)
    _write(state, number, name, carrier, offset, state.reach[source])


def emit_pad(state: Emission, operation: Pad, number: int) -> None:
    """A value before, after and between."""
    source = operation.of[0]
    carrier = state.settle(carrier_for(state.magnitude(source, number)), source)
    sides = list(zip(operation.before, operation.after, operation.between, strict=True))
    offset = _offset(state, number, source, leading=any(any(side) for side in sides[:1]))
    name = _source(state, source, offset, carrier)
    shape = list(state.shapes[source] if offset else state.shapes[source][1:])
    sides = sides if offset else sides[1:]
    value = state.scalar(operation.value, carrier)
    for axis, (_, _, gap) in enumerate(sides):
        if gap:
            name = _spread(state, name, shape, axis, gap, value)
    before, after = [side[0] for side in sides], [side[1] for side in sides]
    if any((*before, *after)):
        pads = state.graph.integers([0, *before, 0, *after])
        name = state.graph.node("Pad", name, pads, value)
    _write(state, number, name, carrier, offset, state.reach[source])


def _spread(state: Emission, name: str, shape: list[int], axis: int, gap: int, value: str) -> str:
    """Put `gap` values between the elements of an axis; `shape` follows."""
    rank, length = len(shape), shape[axis]
    name = state.reshape(name, [*shape[: axis + 1], 1, *shape[axis + 1 :]])
    pads = [0] * (2 * (rank + 2))
    pads[rank + 2 + axis + 2] = gap
    name = state.graph.node("Pad", name, state.graph.integers(pads), value)
    shape[axis] = length * (gap + 1)
    name = state.reshape(name, shape)
    shape[axis] = length + (length - 1) * gap
    ends = ([0], [shape[axis]], [axis + 1])
    return state.graph.node("Slice", name, *(state.graph.integers(end) for end in ends))


def emit_concat(state: Emission, operation: Concat, number: int) -> None:
    """One behind the other."""
    carrier = state.settle(carrier_for(state.magnitude(*operation.of)), *operation.of)
    offset = _offset(state, number, operation.of[0], leading=operation.axis == 0)
    names = []
    batched = next(at for at in operation.of if at not in state.known)
    for at in operation.of:
        name = _source(state, at, offset, carrier)
        if at in state.known:
            name = state.batched(name, len(state.shapes[at]) + offset, batched)
        names.append(name)
    name = state.graph.node("Concat", *names, axis=operation.axis + offset)
    reach = max(state.reach[at] for at in operation.of)
    _write(state, number, name, carrier, offset, reach)


def emit_broadcast(state: Emission, operation: Broadcast, number: int) -> None:
    """Axes of length 1 repeated."""
    source = operation.of[0]
    before, after = state.shapes[source], operation.shape
    if len(held_shape(before)) == len(held_shape(after)):
        state.defer(number, source)
        return
    carrier = state.carrier(source)
    name = state.read_whole(source, carrier)
    name = state.graph.node("Expand", name, state.graph.integers([1, *after]))
    _write(state, number, name, carrier, 1, state.reach[source])


def emit_gather(state: Emission, operation: Gather, number: int) -> None:
    """Chosen places of an axis."""
    source = operation.of[0]
    carrier = state.carrier(source)
    offset = _offset(state, number, source, leading=operation.axis == 0)
    chosen = state.graph.constant(np.array(integers(state.blobs[operation.indices])))
    name = _source(state, source, offset)
    name = state.graph.node("Gather", name, chosen, axis=operation.axis + offset)
    _write(state, number, name, carrier, offset, state.reach[source])
