"""Real constants as integers: round-half-even(w 2^s), which float64 computes exactly."""

from dataclasses import dataclass
from math import frexp

import numpy as np
from numpy.typing import NDArray

from avow.models.compiler.builder import GREATEST_SCALE, Builder
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.scaling import FINEST, total
from avow.models.compiler.value import Array, Operand, Value
from avow.models.program.blobs import Integers
from avow.verifier.program.operations import Broadcast, Constant, Reshape

Reals = NDArray[np.float64]

# How much finer than the coarsest channel's a channel's weights may become.
SPREAD = 8
# Factors that stand for one real number cost nothing, so they are precise at every setting.
FACTOR_BITS = 16
# What a float32 constant needs to be an answer by itself.
_EXACT_BITS = 30
_LARGEST = 2**61


@dataclass(frozen=True, slots=True)
class Quantised:
    """integers / 2^scale, at most `errors` (same shape) from the reals."""

    integers: Integers
    scale: int
    errors: Reals


def is_integral(array: Array) -> bool:
    """Whether an ONNX tensor of this type holds integers or truths."""
    return array.dtype.kind in "biu"


def reals(array: Array) -> Reals:
    """The exact values in float64; refuses what is not a finite number."""
    if array.dtype.kind not in "biuf" or array.size == 0:
        raise Refusal(f"a constant of type {array.dtype} and shape {list(array.shape)}")
    values = array.astype(np.float64)
    if not np.isfinite(values).all():
        raise Refusal("a constant that is NaN or infinite")
    return values


def at_scale(values: Reals, scale: int) -> Quantised:
    """Round to the nearest multiples of 2^-scale."""
    scaled = np.rint(values * 2.0**scale)
    if np.abs(scaled).max(initial=0.0) >= _LARGEST:
        raise Refusal(f"a constant of {np.abs(values).max():g} at scale {scale}")
    errors = np.abs(scaled / 2.0**scale - values)
    return Quantised(scaled.astype(np.int64), scale, errors)


def scale_for(largest: float, bits: int, limit: int = FINEST) -> int:
    """The finest scale, from 0 to `limit`, at which `largest` is below 2^(bits-1)."""
    if largest == 0.0:
        return 0
    scale = bits - 1 - frexp(largest)[1]
    if round(largest * 2.0 ** min(scale, 1000)) >= 2 ** (bits - 1):
        scale -= 1
    return min(max(scale, 0), limit)


def coarsest(found: Quantised) -> Quantised:
    """The same numbers at the smallest scale that still holds them."""
    integers, scale = found.integers, found.scale
    while scale > 0 and not (integers & 1).any():
        integers, scale = integers >> 1, scale - 1
    return Quantised(integers, scale, found.errors)


def quantise(values: Reals, bits: int, limit: int = FINEST) -> Quantised:
    """One scale for the whole array."""
    largest = float(np.abs(values).max())
    return coarsest(at_scale(values, scale_for(largest, bits, limit)))


def quantise_channels(values: Reals, bits: int, limit: int = FINEST) -> Quantised:
    """Weights (outputs, ...): each output rounded to `bits` bits at a scale of its own.

    A power of two then brings all of them to the finest of these scales, at most `SPREAD`
    finer than the coarsest.
    """
    rows = values.reshape(len(values), -1)
    largest = np.abs(rows).max(axis=1)
    own = [scale_for(float(size), bits, limit) for size in largest if size > 0]
    if not own:
        return at_scale(values, 0)
    finest = min(max(own), min(own) + SPREAD)
    scales = [min(scale_for(float(size), bits, limit), finest) for size in largest]
    powers = np.exp2(np.array(scales, np.float64)).reshape(-1, 1)
    rounded = np.rint(rows * powers)
    errors = np.abs(rounded / powers - rows)
    shifts = np.array([finest - scale for scale in scales], np.int64).reshape(-1, 1)
    integers = rounded.astype(np.int64) << shifts
    return coarsest(Quantised(integers.reshape(values.shape), finest, errors.reshape(values.shape)))


def factor(value: float, scale: int) -> tuple[int, int, float]:
    """An integer m and a power p with value = m / 2^p up to the returned error.

    m is odd or zero, or as even as needed to keep scale + p from 0 to 60.
    """
    if value == 0.0:
        return 0, 0, 0.0
    power = FACTOR_BITS - frexp(abs(value))[1]
    power = min(power, GREATEST_SCALE - scale)
    number = round(value * 2.0**power) if power > -1000 else 0
    while number % 2 == 0 and number and scale + power > 0:
        number, power = number // 2, power - 1
    if scale + power < 0:
        number, power = number << -(scale + power), -scale
    if abs(number) >= _LARGEST:
        raise Refusal(f"a constant of {value:g}")
    return number, power, abs(number / 2.0**power - value)


def materialise(b: Builder, array: Array, bits: int | None = None) -> Value:
    """A constant as a tensor of the program, at the precision or exactly where it is integral."""
    values = reals(array)
    if is_integral(array):
        return constant(b, at_scale(values, 0), integral=True)
    return constant(b, quantise(values, b.bits if bits is None else bits))


def constant(b: Builder, found: Quantised, integral: bool = False) -> Value:
    """Emit quantised numbers."""
    operation = Constant((), b.blob(found.integers))
    return b.emit(operation, [], found.scale, total(float(found.errors.max())), integral)


def value_of(b: Builder, operand: Operand) -> Value:
    """The operand as a tensor of the program."""
    return operand if isinstance(operand, Value) else materialise(b, operand)


def exactly(b: Builder, operand: Operand) -> Value:
    """A value; a constant as exact as its scale can be made."""
    if isinstance(operand, Value):
        return operand
    if is_integral(operand):
        return materialise(b, operand)
    return constant(b, quantise(reals(operand), _EXACT_BITS))


def spread(b: Builder, x: Value, shape: tuple[int, ...]) -> Value:
    """`x` broadcast to `shape` by the rules of numpy."""
    if x.shape == shape:
        return x
    ones = (1,) * (len(shape) - len(x.shape)) + x.shape
    if ones != x.shape:
        x = b.emit(Reshape((x.tensor,), ones), [x], x.scale, x.error, x.integral)
    if ones == shape:
        return x
    return b.emit(Broadcast((x.tensor,), shape), [x], x.scale, x.error, x.integral)
