"""Batch, layer and instance normalisation."""

from math import inf, prod, sqrt

import numpy as np

from avow.models.compiler.builder import Builder
from avow.models.compiler.constants import reals, spread
from avow.models.compiler.context import Context, axis_of
from avow.models.compiler.lowering.arithmetic import add, combine, multiply, scale_by
from avow.models.compiler.lowering.division import quotient, reciprocal
from avow.models.compiler.lowering.reduction import mean_along, sum_along
from avow.models.compiler.lowering.roots import square_root
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.scaling import bounded, coarser, narrow, times, total
from avow.models.compiler.simplify import scale_and_offset
from avow.models.compiler.value import Operand, Value
from avow.models.compiler.views import reshape
from avow.verifier.program.operations import Affine, Multiply, Sum

# Squares of deviations are added up below 2^56.
_SUM_BITS = 56
# Deviations are no finer than this, so that n^3 epsilon fits beside their squares.
_FINEST = 22


def batch_norm(c: Context) -> list[Operand]:
    """BatchNormalization with constant statistics: a x + c by channel."""
    if c.node.integer("training_mode", 0):
        raise Refusal("training mode")
    x = c.value(0)
    if len(x.shape) < 2:
        raise Refusal(f"rank {len(x.shape)}, expected at least 2")
    names = ("the scale", "the bias", "the mean", "the variance")
    scale, bias, mean, variance = (c.constant(at + 1, name) for at, name in enumerate(names))
    a, offset = scale_and_offset(scale, bias, mean, variance, c.node.real("epsilon", 1e-5))
    shape = (-1, *[1] * (len(x.shape) - 2))
    scaled = multiply(c.builder, x, a.reshape(shape))
    return [add(c.builder, scaled, offset.reshape(shape))]


def layer_norm(c: Context) -> list[Operand]:
    """LayerNormalization over the axes from `axis` on; mean and inverse deviation as asked."""
    b, x = c.builder, c.value(0)
    axis = axis_of(c.node.integer("axis", -1), len(x.shape))
    epsilon = c.node.real("epsilon", 1e-5)
    rows = reshape(b, x, (-1, prod(x.shape[axis:])))
    normal, deviation = normalised(b, rows, epsilon)
    found = multiply(b, reshape(b, normal, x.shape), c.operand(1))
    if c.has(2):
        found = add(b, found, c.operand(2))
    results: list[Operand] = [found]
    kept = (*x.shape[:axis], *[1] * (len(x.shape) - axis))
    wanted = [bool(name) for name in c.node.outputs]
    if len(wanted) > 1:
        results.append(reshape(b, mean_along(b, rows, (1,), True), kept))
    if len(wanted) > 2:
        inverse = reciprocal(b, deviation, float(rows.shape[1]) ** 1.5)
        results.append(reshape(b, inverse, kept))
    return results


def instance_norm(c: Context) -> list[Operand]:
    """InstanceNormalization: every channel of every sample by itself."""
    b, x = c.builder, c.value(0)
    if len(x.shape) < 3:
        raise Refusal(f"rank {len(x.shape)}, expected at least 3")
    rows = reshape(b, x, (x.shape[0] * x.shape[1], prod(x.shape[2:])))
    normal, _ = normalised(b, rows, c.node.real("epsilon", 1e-5))
    shape = (-1, *[1] * (len(x.shape) - 2))
    scale, offset = (reals(c.constant(at, "scale and bias")).reshape(shape) for at in (1, 2))
    return [add(b, multiply(b, reshape(b, normal, x.shape), scale), offset)]


def normalised(b: Builder, x: Value, epsilon: float) -> tuple[Value, Value]:
    """(x - mean) / sqrt(variance + epsilon) of each row (rows, n), and that root times n^1.5.

    With d = n x - sum x, exact, the quotient is sqrt(n) d / sqrt(sum d^2 + n^3 epsilon): one
    root for each row, one division for each element.
    """
    if epsilon <= 0.0:
        raise Refusal("an epsilon that is not positive")
    count = x.shape[1]
    x = bounded(b, narrow(b, x), _SUM_BITS - count.bit_length())
    whole = spread(b, sum_along(b, x, (1,), True), x.shape)
    if whole.scale != x.scale:
        raise Refusal(f"a sum of {count} values that has too many bits")
    operation = Affine((x.tensor, whole.tensor), (count, -1), 0)
    d = b.emit(operation, [x, whole], x.scale, 0.0)
    allowed = (_SUM_BITS - count.bit_length()) // 2
    # Its scale may become negative: only quotients of d and the root leave this function.
    d = coarser(b, d, max(d.interval.magnitude.bit_length() - allowed, d.scale - _FINEST))
    squares = b.emit(Multiply((d.tensor, d.tensor)), [d, d], 2 * d.scale, inf)
    summed = b.emit(Sum((squares.tensor,), (1,)), [squares], squares.scale, 0.0)
    # Interval arithmetic does not see that squares are never negative.
    summed = b.rescale(reshape(b, summed, (x.shape[0], 1)), 0, 0, None, 0.0)
    radicand = _raised(b, summed, count**3 * epsilon)
    root = square_root(b, radicand)
    # From here on errors are counted once, below: those of d and root would count twice.
    result = quotient(b, scale_by(b, d, sqrt(count)), root, sqrt(count))
    least = sqrt(count**3 * epsilon)
    own = times(result.error, 1.0)
    moved = times(x.error + d.error / count, (2 + sqrt(count)) / sqrt(epsilon))
    error = min(total(own, moved), 2 * sqrt(count) + 1)
    deviation_error = total(root.error, times(x.error, 2 * count**1.5))
    b.errors[result.tensor] = error
    return (
        _with_error(result, error),
        _with_error(root, min(deviation_error, root.high + least)),
    )


def _with_error(x: Value, error: float) -> Value:
    return Value(x.tensor, x.shape, x.scale, x.interval, error, x.observed, x.integral)


def _raised(b: Builder, x: Value, amount: float) -> Value:
    """x + amount, at least one step above zero whatever the scale."""
    found = combine(b, [x, np.full((), amount)], [1, 1])
    return b.rescale(found, 0, 1, None, found.error)
