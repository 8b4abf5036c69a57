"""Weights and biases on their way into the graph, with the rescale that follows melted in."""

import numpy as np

from avow.models.program.blobs import Integers, integers
from avow.models.program.carriers import Carrier, carrier_for
from avow.models.program.emission import Emission
from avow.models.program.emit_elementwise import clamp_and_floor, half
from avow.models.program.intervals import linear_bounds
from avow.verifier.program.operations import Convolution, Dense, Rescale


class Linear:
    """Weights and bias of one operation, with the rescale behind it melted in where that is exact.

    The weights carry the factor 2^-bits, the bias (b + half) 2^-bits.
    """

    def __init__(self, state: Emission, operation: Dense | Convolution, number: int) -> None:
        weight, bias = state.blobs[operation.weight], state.blobs[operation.bias]
        self.state, self.number = state, number
        self.magnitude = state.magnitude(operation.of[0])
        self.weight, self.bias = integers(weight), integers(bias)
        self.reach = linear_bounds(weight, bias).reach(self.magnitude)
        self.rescale: tuple[int, Rescale] | None = state.rescale_after(number)
        wide = max(self.reach, self.magnitude)
        if self.rescale:
            wide = max(wide + half(self.rescale[1]), state.magnitude(self.rescale[0]))
        self.carrier = carrier_for(wide)
        if not self.carrier.is_float:
            self.rescale = None
        self.bits = self.rescale[1].bits if self.rescale else 0

    def weights(self, values: Integers, carrier: Carrier) -> str:
        """Some of the weights, in the shape given, as a constant."""
        scaled = carrier.scaled(values, self.bits) if self.bits else carrier.array(values)
        return self.state.graph.constant(scaled)

    def biases(self, carrier: Carrier, plus: Integers | int = 0, column: bool = False) -> str:
        """The biases plus something as a constant, (outputs,) or (outputs, 1)."""
        bias = self.rounded_bias + plus
        return self.weights(bias[:, np.newaxis] if column else bias, carrier)

    @property
    def rounded_bias(self) -> Integers:
        """The biases, with the half that makes the melted rescale round to nearest."""
        return self.bias + (half(self.rescale[1]) if self.rescale else 0)

    def rounded(self, name: str, carrier: Carrier) -> str:
        """The melted rescale's clamp and floor, on any arrangement of the elements."""
        if self.rescale is None or self._later:
            return name
        return clamp_and_floor(self.state, name, self.rescale[1], carrier, self.rescale[0])

    @property
    def _later(self) -> bool:
        # Clamp and floor keep the order, so they may follow a pool, which leaves fewer elements.
        return self.rescale is not None and self.state.pools_alone(self.rescale[0])

    def write(self, name: str, carrier: Carrier) -> None:
        """Record the result, rounded, in its held shape."""
        if self.rescale is None:
            self.state.write(self.number, name, carrier, self.reach)
        else:
            number, operation = self.rescale
            self.state.write(number, name, carrier, 0 if self.bits else self.reach)
            if self._later:
                self.state.unrounded[number] = operation
