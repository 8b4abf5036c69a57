"""Functions of one variable, each written once and computed twice: fast, and beyond doubt.

float64 decides how an entry rounds wherever it lies clearly off a tie; mpmath decides the rest.
So a table has the same bytes everywhere, whatever the processor's exp returns in its last bit.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

from avow.models.program.blobs import Integers

Reals = NDArray[np.float64]
# Bits of mpmath's arithmetic; more than any entry needs.
_PRECISION = 200
# How far from a tie, in units of the last place, float64 is believed: its functions are wrong by
# less than 2^-44 of the value on every platform.
_DOUBT = 2.0**-20
_RELATIVE_DOUBT = 2.0**-44


class Fast:
    """numpy's functions, element by element."""

    exp = staticmethod(np.exp)
    log = staticmethod(np.log)
    sqrt = staticmethod(np.sqrt)
    tanh = staticmethod(np.tanh)
    where = staticmethod(np.where)
    power = staticmethod(np.power)
    pi = math.pi

    @staticmethod
    def erf(x: Reals) -> Reals:
        """The error function."""
        return np.array([math.erf(value) for value in x.tolist()], np.float64)


class Exact:
    """mpmath's functions of one number."""

    exp = staticmethod(mpmath.exp)
    log = staticmethod(mpmath.log)
    sqrt = staticmethod(mpmath.sqrt)
    tanh = staticmethod(mpmath.tanh)
    erf = staticmethod(mpmath.erf)
    power = staticmethod(mpmath.power)
    pi = mpmath.pi

    @staticmethod
    def where(condition: bool, yes: Any, no: Any) -> Any:
        """One of two."""
        return yes if condition else no


def _gelu_tanh(m: Any, x: Any) -> Any:
    return x / 2 * (1 + m.tanh(m.sqrt(2 / m.pi) * (x + 0.044715 * x * x * x)))


def _hard_swish(m: Any, x: Any) -> Any:
    return m.where(x <= -3, 0 * x, m.where(x >= 3, x, x * (x + 3) / 6))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "elu": lambda m, x, a: m.where(x < 0, a * (m.exp(m.where(x < 0, x, 0 * x)) - 1), x),
    "erf": lambda m, x: m.erf(x),
    "exp": lambda m, x: m.exp(x),
    "gelu": lambda m, x: x / 2 * (1 + m.erf(x / m.sqrt(2))),
    "gelu_tanh": _gelu_tanh,
    "hard_swish": _hard_swish,
    "leaky_relu": lambda m, x, a: m.where(x < 0, a * x, x),
    "log": lambda m, x: m.log(x),
    "power": lambda m, x, p: m.power(x, p),
    "sigmoid": lambda m, x: 1 / (1 + m.exp(-x)),
    "softplus": lambda m, x: m.where(x > 0, x, 0 * x) + m.log(1 + m.exp(m.where(x > 0, -x, x))),
    "sqrt": lambda m, x: m.sqrt(x),
    "tanh": lambda m, x: m.tanh(x),
}
# Where a function turns: between the ends of an interval it may be larger or smaller only here.
_TURNS = {
    "gelu": (-0.7517915684938,),
    "gelu_tanh": (-0.7524614220710,),
    "hard_swish": (-1.5,),
}
# Beyond +-2^k, by the bits of the precision, a function is flat to less than half a step.
_FLAT = {"sigmoid": (3, 4), "tanh": (2, 3), "erf": (2, 2)}
# Any two values of a function lie at most this far apart.
_BREADTH = {"sigmoid": 1.0, "tanh": 2.0, "erf": 2.0}


@dataclass(frozen=True, slots=True)
class Curve:
    """A function by its name, with its parameters."""

    name: str
    parameters: tuple[float, ...] = ()

    def values(self, x: Reals) -> Reals:
        """The function in float64; NaN or infinite where it has no value."""
        with np.errstate(all="ignore"):
            return np.asarray(_FUNCTIONS[self.name](Fast, x, *self.parameters), np.float64)

    def exact(self, x: float) -> Any:
        """The function at one point, in high precision."""
        parameters = [mpmath.mpf(one) for one in self.parameters]
        return _FUNCTIONS[self.name](Exact, mpmath.mpf(x), *parameters)

    @property
    def turns(self) -> tuple[float, ...]:
        """Interior extrema."""
        if self.name == "power" and self.parameters[0] == round(self.parameters[0]):
            return (0.0,)
        return _TURNS.get(self.name, ())

    @property
    def breadth(self) -> float:
        """The largest difference of two values, perhaps infinite."""
        return _BREADTH.get(self.name, math.inf)

    def reach(self, bits: int) -> float:
        """The arguments beyond +- this one need no table."""
        flat = _FLAT.get(self.name)
        return math.inf if flat is None else 2.0 ** flat[0 if bits <= 8 else 1]


@lru_cache(maxsize=256)
def rounded(curve: Curve, scale: int, low: int, high: int, out: int) -> Integers:
    """round-half-even(f(i / 2^scale) 2^out) for i from low to high, the same on every machine.

    Entries beyond 2^60, and those without a value, are +-2^60 and 0.
    """
    points = np.arange(low, high + 1, dtype=np.float64) / 2.0**scale
    with np.errstate(over="ignore"):
        scaled = curve.values(points) * 2.0**out
    scaled = np.nan_to_num(scaled, nan=0.0, posinf=2.0**60, neginf=-(2.0**60))
    scaled = np.clip(scaled, -(2.0**60), 2.0**60)
    nearest = np.rint(scaled)
    doubt = np.abs(np.abs(scaled - np.floor(scaled)) - 0.5)
    unsure = doubt < _DOUBT + np.abs(scaled) * _RELATIVE_DOUBT
    result = nearest.astype(np.int64)
    with mpmath.workprec(_PRECISION):
        for at in np.flatnonzero(unsure & (np.abs(scaled) < 2.0**60)):
            found = curve.exact(float(points[at]))
            if mpmath.isfinite(found) and not isinstance(found, mpmath.mpc):
                result[at] = int(mpmath.nint(found * mpmath.mpf(2) ** out))
    result.setflags(write=False)
    return result
