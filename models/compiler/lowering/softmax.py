"""Softmax and LogSoftmax: shift by the maximum, exp by table, one division."""

from math import inf

import numpy as np

from avow.models.compiler.builder import Builder
from avow.models.compiler.constants import spread
from avow.models.compiler.context import Context, axis_of
from avow.models.compiler.curves import Curve
from avow.models.compiler.lowering.arithmetic import subtract
from avow.models.compiler.lowering.reduction import largest_along, sum_along
from avow.models.compiler.scaling import clamp, total
from avow.models.compiler.tables import below, look_up, tabulate
from avow.models.compiler.value import Operand, Value
from avow.verifier.program.operations import Affine, Divide

# exp has this many bits more than the precision: many small ones are added up.
_GUARD_BITS = 4


def softmax(c: Context) -> list[Operand]:
    """Softmax along one axis."""
    b, x = c.builder, c.value(0)
    shifted, powers, whole, scale, wrong = _powers(b, x, c.node.integer("axis", -1))
    out = b.bits
    doubled = b.emit(Affine((whole.tensor,), (2,), 0), [whole], scale, inf)
    doubled = spread(b, doubled, x.shape)
    once = spread(b, whole, x.shape)
    dividend = b.emit(
        Affine((powers.tensor, once.tensor), (2 << out, 1), 0), [powers, once], scale, inf
    )
    # Shifted arguments that are wrong by d move every share by at most d / 2.
    step = 1.0 / 2.0**out
    error = min(total(shifted.error / 2, wrong, step), 1.0 + step)
    share = b.emit(Divide((dividend.tensor, doubled.tensor)), [dividend, doubled], out, error)
    return [b.rescale(share, 0, 0, 2**out - 1, error)]


def log_softmax(c: Context) -> list[Operand]:
    """LogSoftmax along one axis: the shifted argument less the logarithm of the sum."""
    b, x = c.builder, c.value(0)
    shifted, _, whole, scale, wrong = _powers(b, x, c.node.integer("axis", -1))
    exact = _summed(whole, scale, wrong, shifted.error)
    logarithm = tabulate(b, exact, Curve("log"))
    distance = subtract(b, x, spread(b, _peak(b, x, c.node.integer("axis", -1)), x.shape))
    return [subtract(b, distance, spread(b, logarithm, x.shape))]


def _peak(b: Builder, x: Value, axis: int) -> Value:
    return largest_along(b, x, (axis_of(axis, len(x.shape)),), True)


def _powers(b: Builder, x: Value, axis: int) -> tuple[Value, Value, Value, int, float]:
    """Arguments less their maximum, their exp, its sum along the axis, the scale of both.

    The last number bounds what the table's rounding does to a share: the sum is at least 1.
    """
    axis = axis_of(axis, len(x.shape))
    distance = subtract(b, x, spread(b, _peak(b, x, axis), x.shape))
    reach = 8.0 if b.bits == 8 else 16.0
    last = below(reach, distance.scale, b.bits)
    shifted = clamp(b, distance, -last, 0.0, index=True)
    scale = b.bits + _GUARD_BITS
    powers = look_up(b, shifted, Curve("exp"), out=scale)
    whole = sum_along(b, powers, (axis,), True)
    # The largest argument gives exp(0) = 1, which interval arithmetic cannot see.
    whole = b.rescale(whole, 0, 2**scale, None, inf)
    per_power = 0.5 / 2.0**scale + float(np.exp(-last))
    count = x.shape[axis]
    return shifted, powers, whole, scale, total(per_power * (1 + count))


def _summed(whole: Value, scale: int, wrong: float, error: float) -> Value:
    """The sum of powers with its own error: relative exp(2 d) - 1, and the table's rounding."""
    relative = float(np.expm1(min(2 * error, 700.0)))
    bound = total(relative * whole.high, wrong)
    return Value(
        whole.tensor, whole.shape, scale, whole.interval, bound, whole.observed, whole.integral
    )
