"""Comparisons, Boolean operators, Where and Cast: clamps of exact differences, no tables."""

import numpy as np
from onnx import TensorProto

from avow.models.compiler.builder import Builder
from avow.models.compiler.constants import spread, value_of
from avow.models.compiler.context import Context, joint_shape
from avow.models.compiler.lowering.arithmetic import (
    comparable,
    maximum,
    negate,
    subtract,
)
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.scaling import align, times, total
from avow.models.compiler.value import Operand, Value
from avow.verifier.program.operations import Affine, Multiply

_INTEGERS = frozenset(
    [
        TensorProto.INT8,
        TensorProto.INT16,
        TensorProto.INT32,
        TensorProto.INT64,
        TensorProto.UINT8,
        TensorProto.UINT16,
        TensorProto.UINT32,
        TensorProto.UINT64,
    ]
)
_FLOATS = frozenset([TensorProto.FLOAT, TensorProto.DOUBLE])


def truth(b: Builder, x: Value, error: float) -> Value:
    """1 where the integer x is above 0, else 0."""
    found = b.rescale(x, 0, 0, 1, error)
    return Value(found.tensor, found.shape, 0, found.interval, error, found.observed, integral=True)


def less(b: Builder, x: Operand, y: Operand) -> Value:
    """x < y. Where the operands are rounded, a near tie may go the wrong way: error 1."""
    found = comparable(b, [x, y])
    distance = subtract(b, found[1], found[0])
    distance = spread(b, distance, joint_shape(x.shape, y.shape))
    return _sign(b, distance)


def _sign(b: Builder, distance: Value) -> Value:
    error = 0.0 if distance.error == 0.0 else 1.0
    whole = Value(
        distance.tensor,
        distance.shape,
        0,
        distance.interval,
        0.0,
        distance.observed,
        integral=True,
    )
    return _as_truth(b, whole, error)


def _as_truth(b: Builder, whole: Value, error: float) -> Value:
    low, high = whole.interval.low, whole.interval.high
    if low >= 0 and high <= 1:
        # Already 0 or 1; an operation of its own carries the label.
        operation = Affine((whole.tensor,), (1,), 0)
        return b.emit(operation, [whole], 0, error, True)
    return b.rescale(whole, 0, 0, 1, error)


def negation(b: Builder, x: Value) -> Value:
    """1 - x of a truth."""
    return b.emit(Affine((x.tensor,), (-1,), 1), [x], 0, x.error, True)


def equal(b: Builder, x: Operand, y: Operand) -> Value:
    """x == y."""
    found = comparable(b, [x, y])
    distance = spread(b, subtract(b, found[0], found[1]), joint_shape(x.shape, y.shape))
    away = maximum(b, [distance, negate(b, distance)])
    return negation(b, _sign(b, away))


def lower_less(c: Context) -> list[Operand]:
    """Less."""
    return [less(c.builder, c.operand(0), c.operand(1))]


def lower_greater(c: Context) -> list[Operand]:
    """Greater."""
    return [less(c.builder, c.operand(1), c.operand(0))]


def less_or_equal(c: Context) -> list[Operand]:
    """LessOrEqual."""
    return [negation(c.builder, less(c.builder, c.operand(1), c.operand(0)))]


def greater_or_equal(c: Context) -> list[Operand]:
    """GreaterOrEqual."""
    return [negation(c.builder, less(c.builder, c.operand(0), c.operand(1)))]


def lower_equal(c: Context) -> list[Operand]:
    """Equal."""
    return [equal(c.builder, c.operand(0), c.operand(1))]


def lower_not(c: Context) -> list[Operand]:
    """Not."""
    return [negation(c.builder, c.value(0))]


def _truths(c: Context) -> tuple[Value, Value, float]:
    shape = joint_shape(c.operand(0).shape, c.operand(1).shape)
    x, y = (spread(c.builder, c.value(at), shape) for at in (0, 1))
    return x, y, min(x.error + y.error, 1.0)


def lower_and(c: Context) -> list[Operand]:
    """And: x + y - 1, cut at 0."""
    x, y, error = _truths(c)
    operation = Affine((x.tensor, y.tensor), (1, 1), -1)
    return [truth(c.builder, c.builder.emit(operation, [x, y], 0, error, True), error)]


def lower_or(c: Context) -> list[Operand]:
    """Or: x + y, cut at 1."""
    x, y, error = _truths(c)
    operation = Affine((x.tensor, y.tensor), (1, 1), 0)
    return [truth(c.builder, c.builder.emit(operation, [x, y], 0, error, True), error)]


def lower_xor(c: Context) -> list[Operand]:
    """Xor: |x - y|."""
    x, y, error = _truths(c)
    difference = subtract(c.builder, x, y)
    found = maximum(c.builder, [difference, negate(c.builder, difference)])
    return [truth(c.builder, found, error)]


def where(c: Context) -> list[Operand]:
    """Where: no + condition (yes - no), exact on one scale."""
    b = c.builder
    condition, yes, no = c.operand(0), c.operand(1), c.operand(2)
    shape = joint_shape(condition.shape, yes.shape, no.shape)
    if not isinstance(condition, Value):
        # A condition of zeros and ones, read as integers whatever its type.
        mask = np.asarray(condition, bool)
        if mask.all() or not mask.any():
            return [spread(b, value_of(b, yes if mask.all() else no), shape)]
        condition = value_of(b, mask)
    first, second = align(b, comparable(b, [yes, no]))
    first, second = spread(b, first, shape), spread(b, second, shape)
    integral = first.integral and second.integral
    error = max(first.error, second.error)
    distance = subtract(b, first, second)
    if condition.error:
        error = total(error, times(1.0, distance.magnitude))
    marks = spread(b, condition, shape)
    # Not `multiply`, which may round a wide factor to another scale: here all bits stay.
    chosen = Multiply((marks.tensor, distance.tensor))
    part = b.emit(chosen, [marks, distance], distance.scale, error, integral)
    operation = Affine((second.tensor, part.tensor), (1, 1), 0)
    found = b.emit(operation, [second, part], second.scale, error, integral)
    # Interval arithmetic does not see that one of the two is chosen.
    low = min(first.interval.low, second.interval.low)
    high = max(first.interval.high, second.interval.high)
    return [b.rescale(found, 0, low, high, error)]


def cast(c: Context) -> list[Operand]:
    """Cast between float32, float64, integers and truths; reals are cut towards zero."""
    b, x, to = c.builder, c.value(0), c.node.integer("to", 0)
    if to == TensorProto.BOOL:
        away = maximum(b, [x, negate(b, x)])
        return [_sign(b, away)]
    if to in _INTEGERS:
        return [x if x.integral else truncated(b, x)]
    if to in _FLOATS:
        return [Value(x.tensor, x.shape, x.scale, x.interval, x.error, x.observed)]
    raise Refusal(f"to element type {to}, which the program does not round to")


def truncated(b: Builder, x: Value) -> Value:
    """The integer part, towards zero; a rounded operand may end up one off."""
    error = 0.0 if x.error == 0.0 else 1.0 + x.error
    if x.scale == 0:
        return Value(x.tensor, x.shape, 0, x.interval, error, x.observed, integral=True)
    if x.interval.low >= 0:
        return floored(b, x, error)
    positive = floored(b, b.rescale(x, 0, 0, None, x.error), error)
    negative = floored(b, b.rescale(negate(b, x), 0, 0, None, x.error), error)
    operation = Affine((positive.tensor, negative.tensor), (1, -1), 0)
    return b.emit(operation, [positive, negative], 0, error, True)


def floored(b: Builder, x: Value, error: float) -> Value:
    """floor(x): rescale rounds, so half is taken off first."""
    lower = b.emit(Affine((x.tensor,), (1,), -(1 << (x.scale - 1))), [x], x.scale, error)
    found = b.rescale(lower, x.scale, None, None, error)
    return Value(found.tensor, found.shape, 0, found.interval, error, found.observed, True)
