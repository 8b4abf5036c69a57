"""Quotients of computed values: numerators shifted up, rounded division, divisors kept positive."""

from math import frexp, inf

import numpy as np

from avow.models.compiler.builder import Builder
from avow.models.compiler.constants import factor, is_integral, reals, spread, value_of
from avow.models.compiler.context import Context, joint_shape
from avow.models.compiler.lowering.arithmetic import maximum, multiply, negate
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.scaling import FINEST, clamp, narrow, times, total
from avow.models.compiler.value import Operand, Value
from avow.verifier.program.operations import Affine, Divide, Multiply

# A quotient is computed with this many bits more than the precision; its consumer narrows it.
_GUARD_BITS = 4
# A divisor that may reach zero saturates at this fraction of the smallest that was seen.
_LEAST_DIVISOR = 8


def lower_div(c: Context) -> list[Operand]:
    """Div: by constants as a product, by computed values through `divide`."""
    b, x, y = c.builder, c.operand(0), c.operand(1)
    whole = _integral(x) and _integral(y)
    if whole:
        return [_whole_quotient(b, value_of(b, x), value_of(b, y))]
    if not isinstance(y, Value):
        numbers = reals(y)
        if (numbers == 0).any():
            raise Refusal("a constant divisor of zero")
        return [multiply(b, x, 1.0 / numbers)]
    if not isinstance(x, Value):
        numbers = reals(x).reshape(-1)
        if (numbers == numbers[0]).all():
            found = reciprocal(b, y, float(numbers[0]))
            return [spread(b, found, joint_shape(x.shape, y.shape))]
    return [quotient(b, value_of(b, x), y)]


def lower_reciprocal(c: Context) -> list[Operand]:
    """Reciprocal."""
    return [reciprocal(c.builder, c.value(0), 1.0)]


def quotient(b: Builder, x: Value, y: Value, largest: float | None = None) -> Value:
    """x / y, broadcast, to a half step; `largest` bounds the true quotient where that is known."""
    shape = joint_shape(x.shape, y.shape)
    x, y = _fitting(b, x), _fitting(b, y)
    y, sign = _positive(b, y)
    if sign is not None:
        x = multiply(b, x, sign)
    x, y = spread(b, x, shape), spread(b, y, shape)
    (size,) = b.seen(lambda: (_size(np.abs(x.observed).astype(np.float64) / y.observed),), 1)
    shift = _shift(b, x.interval.magnitude, size, x.scale - y.scale)
    dividend = b.emit(Affine((x.tensor, y.tensor), (2 << shift, 1), 0), [x, y], x.scale, inf)
    return _divided(b, dividend, y, x.scale + shift - y.scale, _quotient_error(x, y, largest))


def reciprocal(b: Builder, y: Value, number: float) -> Value:
    """number / y."""
    y, sign = _positive(b, _fitting(b, y))
    if number == 0.0:
        raise Refusal("a quotient that is always zero")
    m, power, wrong = factor(number, 0)
    (size,) = b.seen(lambda: (_size(abs(m) / y.observed.astype(np.float64)),), 1)
    shift = _shift(b, abs(m), size, power - y.scale)
    scale = power + shift - y.scale
    dividend = b.emit(Affine((y.tensor,), (1,), m << (shift + 1)), [y], y.scale, inf)
    least = y.low
    error = total(times(wrong, 1 / least), _relative(y, abs(number) / least))
    result = _divided(b, dividend, y, scale, error)
    return result if sign is None else multiply(b, result, sign)


def _divided(b: Builder, dividend: Value, y: Value, scale: int, error: float) -> Value:
    """floor((dividend) / (2 y)): with 2 x + y above, x / y rounded."""
    divisor = b.emit(Affine((y.tensor,), (2,), 0), [y], y.scale, inf)
    operation = Divide((dividend.tensor, divisor.tensor))
    return b.emit(operation, [dividend, divisor], scale, total(error, 0.5 / 2.0**scale))


def _size(quotients: np.ndarray) -> int:
    """The exponent of the largest quotient seen: below 2 to this power, zero for none."""
    return frexp(float(quotients.max()))[1]


def _shift(b: Builder, largest: int, size: int, scale: int) -> int:
    """How far to shift the dividend so that the largest quotient seen has bits enough."""
    wanted = b.bits + _GUARD_BITS - size
    room = 60 - max(largest, 1).bit_length()
    shift = max(min(wanted, FINEST - scale, room), 0)
    # The result's own scale must not be negative.
    shift = max(shift, -scale)
    if shift > room:
        raise Refusal("a quotient that needs more than 62 bits")
    return shift


def _quotient_error(x: Value, y: Value, largest: float | None) -> float:
    least = y.low
    ratio = (x.magnitude / least) if largest is None else largest
    return total(times(x.error, 1 / least), _relative(y, ratio))


def _relative(y: Value, ratio: float) -> float:
    """What the error of a divisor does to a quotient of at most `ratio`."""
    if y.error >= y.low:
        return inf
    return times(ratio, y.error / (y.low - y.error))


def _fitting(b: Builder, x: Value) -> Value:
    """At most twice the precision's bits."""
    return narrow(b, x, 2 * b.bits)


def _positive(b: Builder, y: Value) -> tuple[Value, Value | None]:
    """|y|, at least 1, and y's sign where it is not always positive (else None).

    Values nearer to zero than a fraction of those seen saturate, where they are possible.
    """
    if y.interval.low >= 1:
        return y, None
    sign = None
    if y.interval.low < 0:
        negative = clamp(b, negate(b, y), 0.0, 1.0 / 2.0**y.scale, b.bits)
        operation = Affine((negative.tensor,), (-2,), 1)
        sign = b.emit(operation, [negative], 0, 0.0 if y.error == 0.0 else inf, True)
        y = maximum(b, [y, negate(b, y)])
    (nearest,) = b.seen(lambda: (int(y.observed.min()),), 1)
    least = max(nearest // _LEAST_DIVISOR, 1)
    b.limit(y, 0, least, None)
    return b.rescale(y, 0, least, None, y.error), sign


def _whole_quotient(b: Builder, x: Value, y: Value) -> Value:
    """Integer division as ONNX has it, towards zero."""
    shape = joint_shape(x.shape, y.shape)
    x, y = spread(b, x, shape), spread(b, y, shape)
    y, sign = _positive(b, y)
    negative = x.interval.low < 0
    if negative:
        below = b.rescale(negate(b, x), 0, 0, 1, 0.0)
        turned = b.emit(Affine((below.tensor,), (-2,), 1), [below], 0, 0.0, True)
        sign = turned if sign is None else multiply(b, sign, turned)
        x = maximum(b, [x, negate(b, x)])
    found = b.emit(Divide((x.tensor, y.tensor)), [x, y], 0, 0.0, True)
    if sign is None:
        return found
    return b.emit(Multiply((found.tensor, sign.tensor)), [found, sign], 0, 0.0, True)


def _integral(operand: Operand) -> bool:
    return operand.integral if isinstance(operand, Value) else is_integral(operand)
