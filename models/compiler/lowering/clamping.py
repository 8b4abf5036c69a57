"""Relu and Clip: the clamp of a rescale, which also takes the bits that are due anyway."""

from math import inf

import numpy as np

from avow.models.compiler.constants import reals
from avow.models.compiler.context import Context
from avow.models.compiler.lowering.arithmetic import comparable, maximum, minimum
from avow.models.compiler.scaling import clamp
from avow.models.compiler.value import Operand, Value


def relu(c: Context) -> list[Operand]:
    """Relu."""
    return [clamp(c.builder, c.value(0), 0.0, inf)]


def clip(c: Context) -> list[Operand]:
    """Clip to bounds that are constants or computed; where they cross, the upper one wins."""
    x = c.value(0)
    low, high = (c.operand(at) if c.has(at) else None for at in (1, 2))
    if not isinstance(low, Value) and not isinstance(high, Value):
        least = -inf if low is None else _bound(low)
        most = inf if high is None else _bound(high)
        return [clamp(c.builder, x, min(least, most), most)]
    if low is not None:
        x = maximum(c.builder, comparable(c.builder, [x, low]))
    if high is not None:
        x = minimum(c.builder, comparable(c.builder, [x, high]))
    return [x]


def _bound(operand: Operand) -> float:
    array = np.asarray(operand)
    if array.dtype.kind == "f" and np.isinf(array).all():
        return float(array.reshape(-1)[0])
    return float(reals(array).reshape(-1)[0])
