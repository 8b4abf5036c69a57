"""Sums, differences, products, maxima: exact on aligned integers, rounded by the next rescale."""

from collections.abc import Sequence

import numpy as np

from avow.models.compiler.builder import GREATEST_SCALE, Builder
from avow.models.compiler.constants import (
    FACTOR_BITS,
    Reals,
    at_scale,
    constant,
    factor,
    is_integral,
    materialise,
    reals,
    spread,
    value_of,
)
from avow.models.compiler.context import Context, joint_shape
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.scaling import (
    ALIGNED_BITS,
    align,
    bounded,
    common,
    finest_for,
    narrow,
    product_error,
    times,
    total,
)
from avow.models.compiler.value import Operand, Value
from avow.verifier.program.operations import Affine, Maximum, Multiply

# No factor of a product of two computed values is wider.
_WIDEST_FACTOR = 29
# A constant that its neighbour's scale cannot hold is given this many bits more, or than the
# precision has.
_EXTRA_BITS = 4


def add(b: Builder, x: Operand, y: Operand) -> Value:
    """x + y."""
    return combine(b, [x, y], [1, 1])


def subtract(b: Builder, x: Operand, y: Operand) -> Value:
    """x - y."""
    return combine(b, [x, y], [1, -1])


def combine(b: Builder, operands: Sequence[Operand], signs: Sequence[int]) -> Value:
    """The sum of operands times integers, broadcast; at least one is computed."""
    shape = joint_shape(*(operand.shape for operand in operands))
    pairs = list(zip(operands, signs, strict=True))
    computed = [(operand, sign) for operand, sign in pairs if isinstance(operand, Value)]
    constants = [(operand, sign) for operand, sign in pairs if not isinstance(operand, Value)]
    parts = [reals(array) * sign for array, sign in constants] or [np.zeros(())]
    summed = sum(parts[1:], start=parts[0])
    most = finest_for(float(np.abs(summed).max()))
    values, factors, scale = common(b, [value for value, _ in computed], most)
    offset, wrong = 0, 0.0
    if constants:
        finer = _scale_for(b, summed, values, factors, scale)
        factors = [number << (finer - scale) for number in factors]
        scale = finer
        found = at_scale(summed, scale)
        if (found.integers == found.integers.flat[0]).all():
            offset, wrong = int(found.integers.flat[0]), float(found.errors.max())
        else:
            values.append(constant(b, found))
            factors.append(1)
            computed.append((values[-1], 1))
    values = [spread(b, value, shape) for value in values]
    numbers = [number * sign for number, (_, sign) in zip(factors, computed, strict=True)]
    integral = all(
        operand.integral if isinstance(operand, Value) else is_integral(operand)
        for operand in operands
    )
    sizes = [
        times(float(abs(sign)), value.error)
        for value, (_, sign) in zip(values, computed, strict=True)
    ]
    return _affine(b, values, numbers, offset, scale, total(*sizes, wrong), integral)


def _affine(
    b: Builder,
    values: list[Value],
    factors: list[int],
    offset: int,
    scale: int,
    error: float,
    integral: bool,
) -> Value:
    if len(values) == 1 and factors == [1] and offset == 0 and values[0].scale == scale:
        return values[0]
    operation = Affine(tuple(value.tensor for value in values), tuple(factors), offset)
    return b.emit(operation, values, scale, error, integral)


def _scale_for(
    b: Builder, found: Reals, values: list[Value], factors: list[int], scale: int
) -> int:
    """The scale for adding constants: a few bits finer where the present one cannot hold them."""
    if (np.rint(found * 2.0**scale) == found * 2.0**scale).all():
        return scale
    sizes = [
        value.interval.magnitude.bit_length() + number.bit_length()
        for value, number in zip(values, factors, strict=True)
    ]
    wanted = max(_EXTRA_BITS, b.bits + _EXTRA_BITS - scale)
    room = min(GREATEST_SCALE - scale, ALIGNED_BITS - max(sizes), wanted)
    return scale + max(room, 0)


def negate(b: Builder, x: Value) -> Value:
    """-x."""
    return _affine(b, [x], [-1], 0, x.scale, x.error, x.integral)


def scale_by(b: Builder, x: Value, number: float, integral: bool = False) -> Value:
    """x times a real constant; a power of two only changes the scale."""
    if number == 1.0:
        return x
    if x.interval.magnitude.bit_length() + FACTOR_BITS > ALIGNED_BITS:
        x = bounded(b, narrow(b, x), ALIGNED_BITS - FACTOR_BITS)
    m, power, wrong = factor(number, x.scale)
    error = total(times(abs(number), x.error), times(x.magnitude, wrong))
    operation = Affine((x.tensor,), (m,), 0)
    return b.emit(operation, [x], x.scale + power, error, integral and x.integral)


def multiply(b: Builder, x: Operand, y: Operand) -> Value:
    """x y, broadcast; at least one is computed."""
    if not isinstance(x, Value):
        x, y = y, x
    if not isinstance(x, Value):
        x = materialise(b, x)
    shape = joint_shape(x.shape, y.shape)
    if not isinstance(y, Value):
        numbers = reals(y).reshape(-1)
        if (numbers == numbers[0]).all():
            return spread(b, scale_by(b, x, float(numbers[0]), is_integral(y)), shape)
        y = materialise(b, y, FACTOR_BITS)
        x = x if _bits(x) + _bits(y) <= ALIGNED_BITS and x.integral else narrow(b, x)
        x = bounded(b, x, 2 * _WIDEST_FACTOR - _bits(y))
    elif not (x.integral or y.integral) or _bits(x) + _bits(y) > ALIGNED_BITS:
        x, y = (bounded(b, narrow(b, one), _WIDEST_FACTOR) for one in (x, y))
    error = product_error(x, y)
    x, y = spread(b, x, shape), spread(b, y, shape)
    integral = x.integral and y.integral
    return b.emit(Multiply((x.tensor, y.tensor)), [x, y], x.scale + y.scale, error, integral)


def _bits(x: Value) -> int:
    return x.interval.magnitude.bit_length()


def maximum(b: Builder, values: Sequence[Value]) -> Value:
    """The largest of several values, broadcast: a tree, on one scale."""
    shape = joint_shape(*(value.shape for value in values))
    integral = all(value.integral for value in values)
    found = [spread(b, value, shape) for value in align(b, values)]
    while len(found) > 1:
        paired = [_larger(b, x, y, integral) for x, y in zip(found[::2], found[1::2], strict=False)]
        found = paired + found[2 * len(paired) :]
    return found[0]


def minimum(b: Builder, values: Sequence[Value]) -> Value:
    """The smallest of several values."""
    return negate(b, maximum(b, [negate(b, value) for value in values]))


def _larger(b: Builder, x: Value, y: Value, integral: bool) -> Value:
    if x.interval.low >= y.interval.high and x.error == y.error == 0.0:
        return x
    error = max(x.error, y.error)
    return b.emit(Maximum((x.tensor, y.tensor)), [x, y], x.scale, error, integral)


def lower_add(c: Context) -> list[Operand]:
    """Add."""
    return [add(c.builder, c.operand(0), c.operand(1))]


def lower_sub(c: Context) -> list[Operand]:
    """Sub."""
    return [subtract(c.builder, c.operand(0), c.operand(1))]


def lower_mul(c: Context) -> list[Operand]:
    """Mul."""
    x, y = c.operand(0), c.operand(1)
    return [multiply(c.builder, x, y)]


def lower_neg(c: Context) -> list[Operand]:
    """Neg."""
    return [negate(c.builder, c.value(0))]


def lower_abs(c: Context) -> list[Operand]:
    """Abs: max(x, -x)."""
    x = c.value(0)
    return [x if x.interval.low >= 0 else maximum(c.builder, [x, negate(c.builder, x)])]


def lower_max(c: Context) -> list[Operand]:
    """Max of one or more operands."""
    return [maximum(c.builder, _all(c))]


def lower_min(c: Context) -> list[Operand]:
    """Min of one or more operands."""
    return [minimum(c.builder, _all(c))]


def lower_sum(c: Context) -> list[Operand]:
    """Sum of one or more operands."""
    operands = [c.operand(at) for at in range(len(c.operands))]
    return [combine(c.builder, operands, [1] * len(operands))]


def _all(c: Context) -> list[Value]:
    """Every operand as a value; constants as fine as the computed ones."""
    operands = [c.operand(at) for at in range(len(c.operands))]
    if len(operands) > 256:
        raise Refusal(f"{len(operands)} operands, at most 256 are allowed")
    return comparable(c.builder, operands)


def comparable(b: Builder, operands: Sequence[Operand]) -> list[Value]:
    """Values of all operands, constants at the scale of the finest computed one."""
    computed = [operand for operand in operands if isinstance(operand, Value)]
    if not computed:
        return [value_of(b, operand) for operand in operands]
    finest = max(value.scale for value in computed)
    found = []
    for operand in operands:
        if isinstance(operand, Value):
            found.append(operand)
            continue
        numbers = reals(operand)
        scale = min(finest, finest_for(float(np.abs(numbers).max())))
        scale = _scale_for(b, numbers, computed, [1] * len(computed), scale)
        found.append(constant(b, at_scale(numbers, scale), is_integral(operand)))
    return found
