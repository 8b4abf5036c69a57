"""What the compiler knows of one tensor of the growing program."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avow.models.program.blobs import Integers
from avow.verifier.program.intervals import Interval

Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """Tensor number `tensor`: real = integer / 2^scale.

    `error` bounds |integer / 2^scale - exact value of the ONNX node| for every input whose
    values stay within the recorded limits (nothing saturates); it may be infinite.
    `observed` are the exact integers of the calibration batch, (rows, *shape). `integral` says
    that the ONNX tensor holds integers or truths; then scale and rounding are zero.
    The scale of a table's index may be negative; every other lies in [0, 60].
    """

    tensor: int
    shape: tuple[int, ...]
    scale: int
    interval: Interval
    error: float
    observed: Integers
    integral: bool = False

    @property
    def magnitude(self) -> float:
        """The largest absolute real value that the ONNX node can take."""
        return self.interval.magnitude / 2.0**self.scale + self.error

    @property
    def low(self) -> float:
        """The smallest real value that the program can hold here."""
        return self.interval.low / 2.0**self.scale

    @property
    def high(self) -> float:
        """The largest real value that the program can hold here."""
        return self.interval.high / 2.0**self.scale


# An operand of an ONNX node: known now, or computed by the program.
Operand = Value | Array
