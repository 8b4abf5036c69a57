"""Element by element: rescale, affine, products, quotients, maxima, sums, tables."""

import math

import numpy as np

from avow.models.program.blobs import integers
from avow.models.program.carriers import Carrier, carrier_for
from avow.models.program.emission import Emission, held_shape
from avow.verifier.program.operations import (
    Affine,
    Divide,
    LookupRow,
    Maximum,
    Multiply,
    Rescale,
    Sum,
    Table,
)

# Entries that a table may have too many, where that saves a subtraction.
MOST_UNUSED = 2**12
# Up to so many elements in a sample two reshapes cost more than a slow lookup.
FEW_LOOKUPS = 128


def half(rescale: Rescale) -> int:
    """What a rescale adds before it rounds down."""
    return 1 << (rescale.bits - 1) if rescale.bits else 0


def clamp_and_floor(state: Emission, name: str, rescale: Rescale, carrier: Carrier) -> str:
    """Finish a rescale whose operand is already (a + half) / 2^bits.

    Clamping first gives the same integers, since the bounds are integers, and the runtime can
    melt a clamp into a convolution.
    """
    source = state.interval(rescale.of[0])
    ends = [(end + half(rescale)) >> rescale.bits for end in (source.low, source.high)]
    low = rescale.low if rescale.low is not None and rescale.low > ends[0] else None
    high = rescale.high if rescale.high is not None and rescale.high < ends[1] else None
    name = _clip(state, name, low, high, carrier)
    return state.graph.node("Floor", name) if rescale.bits and carrier.is_float else name


def _clip(state: Emission, name: str, low: int | None, high: int | None, carrier: Carrier) -> str:
    if low is None and high is None:
        return name
    bounds = ["" if bound is None else state.scalar(bound, carrier) for bound in (low, high)]
    return state.graph.node("Clip", name, *(bounds if high is not None else bounds[:1]))


def emit_rescale(state: Emission, operation: Rescale, number: int) -> None:
    """floor((a + half) / 2^bits), clamped."""
    source = operation.of[0]
    add = half(operation)
    wide = max(state.reach[source] + add, state.magnitude(number))
    carrier = state.settle(carrier_for(wide), source)
    name = state.read(source, carrier)
    if operation.bits:
        name = state.graph.node("Add", name, state.scalar(add, carrier))
        if carrier.is_float:
            name = state.graph.node("Mul", name, state.scalar(2.0**-operation.bits, carrier))
        else:
            # The remainder takes the divisor's sign, so what is left divides without rounding.
            divisor = state.scalar(1 << operation.bits, carrier)
            remainder = state.graph.node("Mod", name, divisor)
            name = state.graph.node("Div", state.graph.node("Sub", name, remainder), divisor)
    # With no bits nothing may be left that keeps the operation before from melting onwards.
    reach = 0 if operation.bits else state.reach[source]
    state.write(number, clamp_and_floor(state, name, operation, carrier), carrier, reach)


def emit_affine(state: Emission, operation: Affine, number: int) -> None:
    """constant + sum of multiples; a rescale behind it is melted in by scaling everything."""
    reach = abs(operation.constant) + sum(
        abs(coefficient) * state.reach[at]
        for coefficient, at in zip(operation.coefficients, operation.of, strict=True)
    )
    melted = state.rescale_after(number)
    bits, add = (melted[1].bits, half(melted[1])) if melted else (0, 0)
    wide = max(reach + add, state.magnitude(number, *operation.of))
    if melted:
        wide = max(wide, state.magnitude(melted[0]))
    carrier = state.settle(carrier_for(wide), *operation.of)
    if melted and not carrier.is_float:
        melted, bits, add = None, 0, 0
    total = _terms(state, operation, bits, carrier)
    constant = operation.constant + add
    if constant:
        scalar = state.scalar(constant * 2.0**-bits if bits else constant, carrier)
        total = state.graph.node("Add", total, scalar)
    if melted:
        name = clamp_and_floor(state, total, melted[1], carrier)
        state.write(melted[0], name, carrier, 0 if bits else reach)
    else:
        state.write(number, total, carrier, reach)


def _terms(state: Emission, operation: Affine, bits: int, carrier: Carrier) -> str:
    total: str | None = None
    names = state.read_alike(operation.of, carrier)
    for coefficient, term in zip(operation.coefficients, names, strict=True):
        if bits == 0 and coefficient == -1 and total is not None:
            total = state.graph.node("Sub", total, term)
            continue
        if bits or coefficient != 1:
            factor = coefficient * 2.0**-bits if bits else coefficient
            term = state.graph.node("Mul", term, state.scalar(factor, carrier))
        total = term if total is None else state.graph.node("Add", total, term)
    if total is None:
        raise ValueError("an affine operation has at least one operand")
    return total


def emit_multiply(state: Emission, operation: Multiply, number: int) -> None:
    """a b."""
    reaches = [state.reach[at] for at in operation.of]
    product = reaches[0] * reaches[1]
    carrier = state.settle(carrier_for(max(product, *reaches)), *operation.of)
    a, b = state.read_alike(operation.of, carrier)
    state.write(number, state.graph.node("Mul", a, b), carrier, product)


def emit_divide(state: Emission, operation: Divide, number: int) -> None:
    """floor(a / b).

    (a + 1/2) / b is at least 1 / (2 b) away from every integer, more than a float64 division
    errs while |a| < 2^50, even one that is two units wrong in the last place.
    """
    top, bottom = operation.of
    if state.magnitude(top) < 2**50 and state.magnitude(bottom) < 2**50:
        carrier = Carrier.FLOAT64
        a, b = state.read_alike(operation.of, carrier)
        shifted = state.graph.node("Add", a, state.scalar(0.5, carrier))
        name = state.graph.node("Floor", state.graph.node("Div", shifted, b))
    else:
        carrier = Carrier.INT64
        a, b = state.read_alike(operation.of, carrier)
        # The remainder is in [0, b), so what is left divides without rounding.
        remainder = state.graph.node("Mod", a, b)
        name = state.graph.node("Div", state.graph.node("Sub", a, remainder), b)
    state.write(number, name, carrier)


def emit_maximum(state: Emission, operation: Maximum, number: int) -> None:
    """max(a, b)."""
    carrier = state.settle(carrier_for(state.magnitude(*operation.of)), *operation.of)
    a, b = state.read_alike(operation.of, carrier)
    state.write(number, state.graph.node("Max", a, b), carrier)


def emit_sum(state: Emission, operation: Sum, number: int) -> None:
    """Sum over axes."""
    source = operation.of[0]
    shape = state.shapes[source]
    count = 1
    for axis in operation.axes:
        count *= shape[axis]
    reach = state.reach[source] * count
    carrier = state.settle(carrier_for(reach), source)
    name = state.read_whole(source, carrier)
    if operation.axes:
        axes = state.graph.integers([axis + 1 for axis in operation.axes])
        name = state.graph.node("ReduceSum", name, axes, keepdims=0)
    state.write(number, state.hold(name, state.shapes[number]), carrier, reach)


def emit_table(state: Emission, operation: Table, number: int) -> None:
    """blob[t - first]: a clamp where the table is one, else a gather."""
    source = operation.of[0]
    interval = state.interval(source)
    start = interval.low - operation.first
    values = integers(state.blobs[operation.blob])[start : interval.high - operation.first + 1]
    places = np.arange(interval.low, interval.high + 1)
    low, high = int(values.min()), int(values.max())
    if np.array_equal(values, np.clip(places, low, high)):
        carrier = state.settle(carrier_for(state.magnitude(source, number)), source)
        name = _clip(state, state.read(source, carrier), low, high, carrier)
        state.write(number, name, carrier)
        return
    carrier = carrier_for(state.magnitude(number))
    index = _index(state, source)
    if interval.low <= 0 <= interval.high:
        # A negative index counts from the end.
        values = np.roll(values, interval.low)
    elif 0 < interval.low <= MOST_UNUSED:
        values = np.concatenate([np.zeros(interval.low, np.int64), values])
    elif 0 < -interval.high <= MOST_UNUSED:
        values = np.concatenate([values, np.zeros(-interval.high - 1, np.int64)])
    else:
        first = np.array(interval.low, _index_carrier(state, source).value)
        index = state.graph.node("Sub", index, state.graph.constant(first))
    table = state.graph.constant(carrier.array(values))
    shape = state.shapes[number]
    if math.prod(shape) <= FEW_LOOKUPS:
        name = state.graph.node("Gather", table, index, axis=0)
    else:
        # Ten times faster than Gather, which copies each element as a piece of memory.
        flat = state.graph.node("Reshape", index, state.graph.integers([-1]))
        name = state.graph.node("GatherElements", table, flat, axis=0)
        name = state.graph.node("Reshape", name, state.graph.integers([-1, *held_shape(shape)]))
    state.write(number, name, carrier)


def emit_lookup_row(state: Emission, operation: LookupRow, number: int) -> None:
    """Rows of a constant matrix."""
    carrier = carrier_for(state.magnitude(number))
    table = state.graph.constant(carrier.array(integers(state.blobs[operation.blob])))
    name = state.graph.node("Gather", table, _index(state, operation.of[0]), axis=0)
    held = (*held_shape(state.shapes[operation.of[0]]), state.shapes[number][-1])
    if held != held_shape(state.shapes[number]):
        name = state.reshape(name, held_shape(state.shapes[number]))
    state.write(number, name, carrier)


def _index_carrier(state: Emission, number: int) -> Carrier:
    return Carrier.INT32 if state.magnitude(number) < Carrier.INT32.limit else Carrier.INT64


def _index(state: Emission, number: int) -> str:
    return state.read(number, _index_carrier(state, number))
