"""Fewer bits, a common scale, a clamp: how values are brought to what an operation can take.

Rescaling is lazy: an accumulator keeps all its bits until a consumer asks for fewer, so that sums
of accumulators are exact and a ReLU or Clip becomes the clamp of the one rescale.
"""

from collections.abc import Sequence
from math import frexp, inf

from avow.models.compiler.builder import Builder
from avow.models.compiler.value import Value
from avow.verifier.program.operations import Affine

# Aligned values stay below 2^52, so that a sum of a few of them is still exact in float64.
ALIGNED_BITS = 52
# No addend is wider, so that some of them can be added up.
_ADDEND_BITS = 56
# An input of the model is used as it came up to this width; its owner chose its precision.
INPUT_BITS = 16
# No activation is finer than this, so that a product of two stays within the greatest scale.
FINEST = 30
# What was seen may grow by these fractions before anything saturates: the more bits there are,
# the less a wider range costs.
_MARGINS = {8: (5, 4), 12: (3, 2)}
_WIDEST_MARGIN = (2, 1)
_SLACK = 1.0 + 2.0**-40


def total(*terms: float) -> float:
    """The sum of error bounds, with room for the rounding of this very sum."""
    return sum(terms) * _SLACK


def product_error(a: Value, b: Value) -> float:
    """The error of a product of two values."""
    size_a, size_b = max(-a.low, a.high), max(-b.low, b.high)
    return total(times(size_a, b.error), times(size_b, a.error), times(a.error, b.error))


def times(a: float, b: float) -> float:
    """A product of bounds; nothing times anything, however large, is nothing."""
    return 0.0 if 0.0 in (a, b) else a * b * _SLACK


def span(low: int, high: int, bits: int) -> tuple[int, int]:
    """The range of `bits` bits that fits the signs of [low, high]."""
    if low >= 0:
        return 0, 2**bits - 1
    if high <= 0:
        return 1 - 2**bits, 0
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def fits(x: Value, bits: int) -> bool:
    """Whether every value lies in a range of `bits` bits."""
    low, high = span(x.interval.low, x.interval.high, bits)
    return low <= x.interval.low and x.interval.high <= high


def narrow(b: Builder, x: Value, bits: int | None = None) -> Value:
    """`x` in a range of `bits` bits (the precision, if None), saturating beyond what was seen.

    Integers stay as they are, and so does a model's input of up to 16 bits.
    """
    if x.integral:
        return x
    own = bits is None and x.tensor < len(b.inputs) and fits(x, INPUT_BITS)
    x = x if own else clamp(b, x, -inf, inf, b.bits if bits is None else bits)
    return coarser(b, x, x.scale - FINEST)


def clamp(
    b: Builder, x: Value, low: float, high: float, bits: int | None = None, index: bool = False
) -> Value:
    """min(max(x, low), high) in a range of `bits` bits, as one rescale.

    An index of a table never has more bits, and its scale may become negative instead.
    """
    bits = b.bits if bits is None else bits
    power = 2.0**x.scale
    ends = [_scaled(end, power, x.interval.magnitude) for end in (low, high)]
    proven = [_clip(end, *ends) for end in (x.interval.low, x.interval.high)]
    seen = [_clip(end, *ends) for end in b.ends(x)]
    shift, floor, ceiling = window(proven, seen, bits, 62 if index else x.scale)
    half = 1 << (shift - 1) if shift else 0
    # Rounded as the values are, so that a value at its bound stays there.
    bounds = [(end + half) >> shift for end in ends]
    moved = _moved((low, high), ends, power, (x.low, x.high))
    step = 0.5 / 2.0 ** (x.scale - shift) if shift else 0.0
    error = total(x.error, step, 0.5 / power if moved else 0.0)
    b.limit(x, shift, _saturates(floor, bounds[0]), _saturates(ceiling, bounds[1], -1))
    return b.rescale(x, shift, max(floor, bounds[0]), min(ceiling, bounds[1]), error)


def window(
    proven: Sequence[int], seen: Sequence[int], bits: int, most: int
) -> tuple[int, int, int]:
    """Return shift, low and high of a rescale to `bits` bits.

    `proven` are the ends of the interval, `seen` those of what was observed. The shift is the
    smallest that holds what was seen and a margin; at most `most`, then the range is wider.
    """
    largest = max(abs(end) for end in seen)
    above, below = _MARGINS.get(bits, _WIDEST_MARGIN)
    wanted = -(-largest * above // below)
    margin = [max(-wanted, proven[0]), min(wanted, proven[1])] if largest else list(proven)
    signs = (proven[0], proven[1])
    shift = 0
    while shift < most and not _inside(margin, shift, span(*signs, bits)):
        shift += 1
    if not _inside(margin, shift, span(*signs, bits)):
        # The scale allows no more: the proven range, if twice the bits hold it.
        most = 2 * bits
        while not _inside(margin, shift, span(*signs, bits)) or (
            bits < most and not _inside(proven, shift, span(*signs, bits))
        ):
            bits += 1
    return (shift, *span(*signs, bits))


def align(b: Builder, values: Sequence[Value]) -> list[Value]:
    """The same values at one scale."""
    found, factors, scale = common(b, values)
    return [
        value
        if factor == 1
        else b.emit(
            Affine((value.tensor,), (factor,), 0), [value], scale, value.error, value.integral
        )
        for value, factor in zip(found, factors, strict=True)
    ]


def finest_for(constant: float) -> int:
    """The finest scale at which a constant stays below 2^52."""
    return max(ALIGNED_BITS - frexp(constant)[1], 0)


def bounded(b: Builder, x: Value, bits: int) -> Value:
    """`x` below 2^bits, saturating where a coarser scale cannot help: scales are not negative."""
    excess = x.interval.magnitude.bit_length() - bits
    x = coarser(b, x, min(excess, x.scale))
    most = 2**bits - 1
    b.limit(x, 0, -most, most)
    return b.rescale(x, 0, -most, most, x.error)


def common(
    b: Builder, values: Sequence[Value], most: int = 2 * FINEST
) -> tuple[list[Value], list[int], int]:
    """Values, factors and a scale so that value times factor has that scale, exactly.

    The finest scale up to `most` at which all stay below 2^52; what is finer is rounded to it.
    """
    values = [bounded(b, value, _ADDEND_BITS) for value in values]
    scale = min(max(value.scale for value in values), most)
    for value in values:
        room = ALIGNED_BITS - value.interval.magnitude.bit_length()
        scale = min(scale, value.scale + max(room, 0))
    found = [coarser(b, value, value.scale - scale) for value in values]
    return found, [1 << (scale - value.scale) for value in found], scale


def coarser(b: Builder, x: Value, shift: int) -> Value:
    """`x` with `shift` bits rounded off."""
    if shift <= 0:
        return x
    return b.rescale(x, shift, None, None, total(x.error, 0.5 / 2.0 ** (x.scale - shift)))


def _scaled(end: float, power: float, most: int) -> int:
    if abs(end) == inf:
        return most if end > 0 else -most
    return int(min(max(round(end * power), -(2**61)), 2**61))


def _clip(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


def _moved(
    ends: tuple[float, float], bounds: list[int], power: float, reach: tuple[float, float]
) -> bool:
    """Whether a bound that some value can pass is not a multiple of the step."""
    passed = (reach[0] < ends[0], reach[1] > ends[1])
    parts = zip(ends, bounds, passed, strict=True)
    return any(one and bound / power != end for end, bound, one in parts)


def _saturates(edge: int, bound: int, sign: int = 1) -> int | None:
    """The edge of the range, unless the node's own bound lies inside it."""
    return None if bound * sign >= edge * sign else edge


def _inside(ends: Sequence[int], shift: int, room: tuple[int, int]) -> bool:
    half = 1 << (shift - 1) if shift else 0
    return room[0] <= (ends[0] + half) >> shift and (ends[1] + half) >> shift <= room[1]
