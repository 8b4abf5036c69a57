"""Functions of one value: a rescale and a table each, some piecewise linear ones without."""

import numpy as np

from avow.models.compiler.constants import reals
from avow.models.compiler.context import Context, Lowering, joint_shape
from avow.models.compiler.curves import Curve
from avow.models.compiler.lowering.arithmetic import add, multiply, scale_by, subtract
from avow.models.compiler.lowering.roots import square_root
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.scaling import clamp, fits
from avow.models.compiler.tables import tabulate
from avow.models.compiler.value import Operand, Value


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
    """Sqrt: a table where x is narrow, otherwise by its leading bits and one Newton step."""
    b, x = c.builder, c.value(0)
    if fits(x, b.bits) and x.error == 0.0:
        return [tabulate(b, x, Curve("sqrt"))]
    return [square_root(b, x)]


def power(c: Context) -> list[Operand]:
    """Pow with one constant exponent."""
    b, x = c.builder, c.operand(0)
    exponents = reals(c.constant(1, "the exponent"))
    exponent = float(exponents.reshape(-1)[0])
    if (exponents != exponent).any() or not isinstance(x, Value):
        raise Refusal("only one constant exponent for all elements is supported")
    shape = joint_shape(x.shape, exponents.shape)
    if shape != x.shape:
        raise Refusal(f"the exponent's shape {list(exponents.shape)} would extend the base")
    if exponent == 1.0:
        return [x]
    if exponent in (2.0, 3.0):
        square = multiply(b, x, x)
        return [square if exponent == 2.0 else multiply(b, square, x)]
    if x.integral:
        raise Refusal(f"an integer base with the exponent {exponent:g}")
    if exponent == 0.5:
        return sqrt(c)
    return [tabulate(b, x, Curve("power", (exponent,)))]
