"""Functions of one value: a rescale and a table each, some piecewise linear ones without."""

import numpy as np

from avow.models.compiler.builder import Builder
from avow.models.compiler.constants import reals, spread
from avow.models.compiler.context import Context, Lowering, joint_shape
from avow.models.compiler.curves import Curve
from avow.models.compiler.lowering.arithmetic import add, combine, multiply, scale_by, subtract
from avow.models.compiler.lowering.roots import square_root
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.scaling import clamp, fits
from avow.models.compiler.tables import tabulate
from avow.models.compiler.value import Operand, Value

# Pow: how many different exponents, and how many factors of an integer.
_MOST_EXPONENTS = 8
_MOST_FACTORS = 8


def plain(name: str) -> Lowering:
    """An operator that is one function without parameters."""

    def lower(c: Context) -> list[Operand]:
        return [tabulate(c.builder, c.value(0), Curve(name))]

    return lower


def leaky_relu(c: Context) -> list[Operand]:
    """LeakyRelu."""
    curve = Curve("leaky_relu", (c.node.real("alpha", 0.01),))
    return [tabulate(c.builder, c.value(0), curve)]


def elu(c: Context) -> list[Operand]:
    """Elu."""
    return [tabulate(c.builder, c.value(0), Curve("elu", (c.node.real("alpha", 1.0),)))]


def gelu(c: Context) -> list[Operand]:
    """Gelu, by the error function or by tanh."""
    mode = c.node.text("approximate", "none")
    if mode not in ("none", "tanh"):
        raise Refusal(f"approximate {mode[:40]!r}")
    return [tabulate(c.builder, c.value(0), Curve("gelu" if mode == "none" else "gelu_tanh"))]


def p_relu(c: Context) -> list[Operand]:
    """PRelu: relu(x) + slope (x - relu(x))."""
    b, x, slope = c.builder, c.value(0), c.operand(1)
    if joint_shape(x.shape, slope.shape) != x.shape:
        raise Refusal(f"slopes {list(slope.shape)} do not broadcast to {list(x.shape)}")
    positive = clamp(b, x, 0.0, float("inf"))
    return [add(b, positive, multiply(b, subtract(b, x, positive), slope))]


def hard_sigmoid(c: Context) -> list[Operand]:
    """HardSigmoid: alpha x + beta, clipped to [0, 1]."""
    b, x = c.builder, c.value(0)
    alpha, beta = c.node.real("alpha", 0.2), c.node.real("beta", 0.5)
    line = add(b, scale_by(b, x, alpha), np.full((), beta))
    return [clamp(b, line, 0.0, 1.0)]


def sqrt(c: Context) -> list[Operand]:
    """Sqrt."""
    return [root(c.builder, c.value(0))]


def root(b: Builder, x: Value) -> Value:
    """A table where x is narrow and exact, otherwise by its leading bits and one Newton step."""
    if fits(x, b.bits) and x.error == 0.0:
        return tabulate(b, x, Curve("sqrt"))
    return square_root(b, x)


def power(c: Context) -> list[Operand]:
    """Pow with constant exponents: one power for each distinct one, chosen by masks."""
    b, x = c.builder, c.operand(0)
    exponents = reals(c.constant(1, "the exponent"))
    if not isinstance(x, Value):
        raise Refusal("a constant base with a computed exponent")
    shape = joint_shape(x.shape, exponents.shape)
    distinct = np.unique(exponents)
    if len(distinct) > _MOST_EXPONENTS:
        raise Refusal(f"{len(distinct)} different exponents, at most {_MOST_EXPONENTS}")
    x = spread(b, x, shape)
    if len(distinct) == 1:
        return [one_power(b, x, float(distinct[0]))]
    parts: list[Operand] = [
        multiply(b, one_power(b, x, float(each)), np.broadcast_to(exponents == each, shape))
        for each in distinct
    ]
    return [combine(b, parts, [1] * len(parts))]


def one_power(b: Builder, x: Value, exponent: float) -> Value:
    """x^exponent: products for small whole exponents, else a table."""
    whole = int(exponent) if exponent == round(exponent) else None
    if whole is not None and 1 <= whole <= (_MOST_FACTORS if x.integral else 3):
        found = x
        for _ in range(whole - 1):
            found = multiply(b, found, x)
        return found
    if x.integral:
        raise Refusal(f"an integer base with the exponent {exponent:g}")
    if exponent == 0.5:
        return root(b, x)
    return tabulate(b, x, Curve("power", (exponent,)))
