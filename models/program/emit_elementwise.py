"""Element by element: rescale, affine, products, quotients, maxima, sums, tables."""

import math

import numpy as np

from avow.models.program.blobs import Integers, integers
from avow.models.program.carriers import Carrier, carrier_for
from avow.models.program.emission import Emission, held_shape, is_clamp
from avow.verifier.program.operations import (
    Affine,
    Divide,
    LookupRow,
    Maximum,
    Multiply,
    Rescale,
    Reshape,
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


def clamp_and_floor(
    state: Emission,
    name: str,
    rescale: Rescale,
    carrier: Carrier,
    number: int,
    always: bool = False,
) -> str:
    """Finish a rescale whose operand is already (a + half) / 2^bits.

    Clamping first gives the same integers, since the bounds are integers, and the runtime can
    melt a clamp into a convolution. `number` is the rescale's own. With `always` there are
    fractions even where the rescale has no bits.
    """
    source = state.interval(rescale.of[0])
    ends = [(end + half(rescale)) >> rescale.bits for end in (source.low, source.high)]
    low = rescale.low if rescale.low is not None and rescale.low > ends[0] else None
    high = rescale.high if rescale.high is not None and rescale.high < ends[1] else None
    name = _clip(state, name, low, high, carrier)
    fractions = (rescale.bits or always) and carrier.is_float
    if not fractions:
        return name
    # (a + half) / 2^bits + c is exact while a + half + c 2^bits is; a quotient is not exact at all.
    room = carrier.limit - source.magnitude - half(rescale)
    spare = 0 if always else room >> rescale.bits
    return name if state.truncated(number, spare) else state.graph.node("Floor", name)


def _clip(state: Emission, name: str, low: int | None, high: int | None, carrier: Carrier) -> str:
    if low is None and high is None:
        return name
    if not carrier.is_float:
        for bound, order in ((low, "Less"), (high, "Greater")):
            if bound is not None:
                name = _beyond(state, name, state.scalar(bound, carrier), order)
        return name
    bounds = ["" if bound is None else state.scalar(bound, carrier) for bound in (low, high)]
    return state.graph.node("Clip", name, *(bounds if high is not None else bounds[:1]))


def _beyond(state: Emission, name: str, other: str, order: str) -> str:
    """The other where the first lies before it in that order, else the first.

    onnxruntime's own Clip, Max and Min of 64-bit integers are wrong on some processors: they
    compare halves. Its comparisons are right.
    """
    return state.graph.node("Where", state.graph.node(order, name, other), other, name)


def emit_rescale(state: Emission, operation: Rescale, number: int) -> None:
    """floor((a + half) / 2^bits), clamped."""
    source = operation.of[0]
    add = half(operation)
    wide = max(state.reach[source] + add, state.magnitude(number))
    carrier = state.settle(carrier_for(wide), source)
    name = state.read(source, carrier)
    if operation.bits:
        if carrier.is_float:
            # First the factor, which the runtime can melt into a product of matrices.
            name = state.graph.node("Mul", name, state.scalar(2.0**-operation.bits, carrier))
            name = state.graph.node("Add", name, state.scalar(0.5, carrier))
        else:
            name = state.graph.node("Add", name, state.scalar(add, carrier))
            # The remainder takes the divisor's sign, so what is left divides without rounding.
            divisor = state.scalar(1 << operation.bits, carrier)
            remainder = state.graph.node("Mod", name, divisor)
            name = state.graph.node("Div", state.graph.node("Sub", name, remainder), divisor)
    # With no bits nothing may be left that keeps the operation before from melting onwards.
    reach = 0 if operation.bits else state.reach[source]
    state.write(number, clamp_and_floor(state, name, operation, carrier, number), carrier, reach)


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
    read = [state.products[at][0] if at in state.products else at for at in operation.of]
    carrier = state.settle(carrier_for(max(wide, state.magnitude(*read))), *read)
    if melted and not carrier.is_float:
        melted, bits, add = None, 0, 0
    total = _terms(state, operation, bits, carrier)
    constant = _constants(state, operation, operation.constant + add)
    # Zeros, too: they may be what has the whole shape where the terms are left thin.
    if constant.any() or any(at in state.known for at in operation.of):
        name = state.graph.constant(carrier.scaled(constant, bits))
        total = state.graph.node("Add", total, name)
    if melted:
        name = clamp_and_floor(state, total, melted[1], carrier, melted[0])
        state.write(melted[0], name, carrier, 0 if bits else reach)
    else:
        state.write(number, total, carrier, reach)


def _constants(state: Emission, operation: Affine, constant: int) -> Integers:
    """The sum of the constant parts: rank 0 or (1, held shape)."""
    total = np.array(constant, np.int64)
    for coefficient, at in zip(operation.coefficients, operation.of, strict=True):
        if at in state.known:
            held = state.known[at].reshape(1, *held_shape(state.shapes[at]))
            total = total + coefficient * held
        if at in state.partial:
            total = total + coefficient * state.partial[at][1]
    return total


def _terms(state: Emission, operation: Affine, bits: int, carrier: Carrier) -> str:
    """The multiples of what is not constant; a factor common to all is multiplied once."""
    graph = state.graph
    terms = [
        (coefficient // state.partial[at][0] if at in state.partial else coefficient, at)
        for coefficient, at in zip(operation.coefficients, operation.of, strict=True)
        if at not in state.known
    ]
    sizes = {abs(coefficient) for coefficient, _ in terms}
    common = sizes.pop() if len(sizes) == 1 else 1
    # Turning a sign costs as much as a factor, so the factor takes it.
    if common and all(coefficient < 0 for coefficient, _ in terms):
        common = -common
    joint = len(terms) > 1 and (bits > 0 or common != 1)
    if not common or not joint:
        common = 1
    if any(coefficient // common == 1 for coefficient, _ in terms):
        terms.sort(key=lambda term: term[0] // common != 1)
    plain = [at for _, at in terms if at not in state.products]
    if len(plain) == len(operation.of):
        names = dict(zip(plain, state.read_alike(plain, carrier), strict=True))
    else:
        # What is constant or multiplied by constants has the whole shape.
        names = dict(zip(plain, state.read_thin(plain, carrier), strict=True))
    total = ""
    for coefficient, at in terms:
        factor = coefficient // common
        exponent = 0 if joint else bits
        product = state.products.get(at)
        if product is not None:
            (name,) = state.read_thin([product[0]], carrier)
            weights = carrier.scaled(product[1] * factor, exponent)
            term = graph.node("Mul", name, graph.constant(weights))
        elif exponent == 0 and factor == -1 and total:
            total = graph.node("Sub", total, names[at])
            continue
        elif exponent or factor != 1:
            scale = factor * 2.0**-exponent if exponent else factor
            term = graph.node("Mul", names[at], state.scalar(scale, carrier))
        else:
            term = names[at]
        total = graph.node("Add", total, term) if total else term
    if joint:
        scale = common * 2.0**-bits if bits else common
        total = graph.node("Mul", total, state.scalar(scale, carrier))
    return total


def emit_multiply(state: Emission, operation: Multiply, number: int) -> None:
    """a b."""
    reaches = [state.reach[at] for at in operation.of]
    product = reaches[0] * reaches[1]
    reader = state.sole_reader(number)
    after = None if reader is None or reader in state.inner else state.operation(reader)
    if operation.of[0] == operation.of[1]:
        shape = state.shapes[number]
        if isinstance(after, Sum) and after.axes:
            total = product * math.prod(shape[axis] for axis in after.axes)
            if carrier_for(total).is_float:
                state.squares[number], state.reach[number] = operation.of[0], product
                return
    constant = [at for at in operation.of if at in state.known]
    if len(constant) == 1 and isinstance(after, Affine):
        # Factors that the sum puts before it go into the constant.
        (other,) = (at for at in operation.of if at not in state.known)
        held = state.known[constant[0]].reshape(1, *held_shape(state.shapes[number]))
        state.products[number], state.reach[number] = (other, held), product
        return
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
    name = state.graph.node("Max", a, b) if carrier.is_float else _beyond(state, a, b, "Less")
    state.write(number, name, carrier)


def emit_sum(state: Emission, operation: Sum, number: int) -> None:
    """Sum over axes."""
    source = operation.of[0]
    shape = state.shapes[source]
    count = 1
    for axis in operation.axes:
        count *= shape[axis]
    reach = state.reach[source] * count
    # A summed axis that is put back as 1 need not go.
    after = state.sole_reader(number)
    kept = tuple(1 if at in operation.axes else n for at, n in enumerate(shape))
    keep = after is not None and state.operation(after) == Reshape((number,), kept)
    keep = keep and bool(operation.axes)
    target = after if keep and after is not None else number
    held = keep and 0 not in operation.axes and held_shape(shape) != shape
    axes = [axis + (0 if held else 1) for axis in operation.axes]
    read = state.read if held else state.read_whole
    squared = state.squares.get(source)
    if squared is not None:
        carrier = state.settle(carrier_for(reach), squared)
        name = read(squared, carrier)
        name = state.graph.node("ReduceSumSquare", name, axes=axes, keepdims=int(keep))
    else:
        carrier = state.settle(carrier_for(reach), source)
        name = read(source, carrier)
        if axes and not carrier.is_float:
            rows = [1, *(held_shape(shape) if held else shape)]
            name = _sum_by_product(state, name, rows, axes, keep)
        elif axes:
            indices = state.graph.integers(axes)
            name = state.graph.node("ReduceSum", name, indices, keepdims=int(keep))
    name = name if held else state.hold(name, state.shapes[target])
    state.write(target, name, carrier, reach)


def _sum_by_product(
    state: Emission, name: str, shape: list[int], axes: list[int], keep: bool
) -> str:
    """The sum over axes of 64-bit integers as a product with ones; `shape` has the batch in front.

    onnxruntime's own sum of them is rounded to 53 bits.
    """
    graph, rest = state.graph, [axis for axis in range(len(shape)) if axis not in axes]
    count = math.prod(shape[axis] for axis in axes)
    if rest + axes != list(range(len(shape))):
        name = graph.node("Transpose", name, perm=[*rest, *axes])
    kept = [shape[axis] for axis in rest[1:]]
    name = graph.node("Reshape", name, graph.integers([0, *kept, count]))
    name = graph.node("MatMul", name, graph.constant(np.ones((count, 1), np.int64)))
    target = [1 if axis in axes else n for axis, n in enumerate(shape)][1:] if keep else kept
    return graph.node("Reshape", name, graph.integers([0, *target]))


def emit_table(state: Emission, operation: Table, number: int) -> None:
    """blob[t - first]: a clamp where the table is one, else a gather."""
    source = operation.of[0]
    interval = state.interval(source)
    start = interval.low - operation.first
    values = integers(state.blobs[operation.blob])[start : interval.high - operation.first + 1]
    if is_clamp(state, operation):
        low, high = int(values.min()), int(values.max())
        carrier = state.settle(carrier_for(state.magnitude(source, number)), source)
        name = _clip(state, state.read(source, carrier), low, high, carrier)
        state.write(number, name, carrier)
        return
    carrier = state.choose(number)
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
