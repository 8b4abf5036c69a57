"""The machine types that carry a program's integers, each exact up to its own limit."""

from enum import Enum

import numpy as np
import onnx
from numpy.typing import NDArray

from avow.models.program.blobs import AnyIntegers
from avow.verifier.program.intervals import BOUND


class Carrier(Enum):
    """A machine type; the value is the name of its numpy type.

    Below its limit, sums, differences, products and products with powers of two are exact,
    in any order and with or without fused multiplication.
    """

    FLOAT32 = "float32"
    FLOAT64 = "float64"
    # For indices only.
    INT32 = "int32"
    INT64 = "int64"

    @property
    def limit(self) -> int:
        """Every value and every partial sum must be smaller, by absolute value."""
        return _LIMITS[self]

    @property
    def onnx_type(self) -> int:
        """The element type's number in an ONNX file."""
        return onnx.helper.np_dtype_to_tensor_dtype(np.dtype(self.value))

    @property
    def is_float(self) -> bool:
        """Whether fractions 2^-k have a place in it."""
        return self in (Carrier.FLOAT32, Carrier.FLOAT64)

    def array(self, values: AnyIntegers) -> NDArray[np.generic]:
        """The integers in this type."""
        return np.ascontiguousarray(values, dtype=self.value)

    def scaled(self, values: AnyIntegers, bits: int) -> NDArray[np.generic]:
        """The integers divided by 2^bits: only the exponent changes, so nothing is rounded."""
        return np.asarray(self.array(values) * np.dtype(self.value).type(2.0**-bits))


_LIMITS = {
    Carrier.FLOAT32: 2**24,
    Carrier.FLOAT64: 2**53,
    Carrier.INT32: 2**31,
    Carrier.INT64: BOUND,
}

# Those in which operations are computed, the fastest first.
ARITHMETIC = (Carrier.FLOAT32, Carrier.FLOAT64, Carrier.INT64)


def carrier_for(magnitude: int) -> Carrier:
    """The fastest carrier for values and partial sums up to `magnitude`."""
    exact = (carrier for carrier in ARITHMETIC if magnitude < carrier.limit)
    return next(exact, Carrier.INT64)
