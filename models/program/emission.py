"""The state of an export: which tensor has which name in which carrier."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from avow.models.program.blobs import Integers
from avow.models.program.carriers import Carrier, carrier_for
from avow.models.program.intervals import check
from avow.models.program.onnx_graph import Graph
from avow.models.program.pools import find_pools
from avow.verifier.program.blob import Blob
from avow.verifier.program.intervals import Interval
from avow.verifier.program.operations import (
    Affine,
    Convolution,
    Dense,
    Rescale,
    Shape,
)
from avow.verifier.program.program import Program


def held_shape(shape: Shape) -> Shape:
    """The shape in which the graph holds a tensor, behind the batch.

    A leading axis of 1 is left out: then images are (batch, channels, height, width), as the
    graph's convolutions want them, and no reshape stands between two layers.
    """
    return shape[1:] if len(shape) >= 2 and shape[0] == 1 else shape


class Emission:
    """Tensors of the program on one side, names in the graph on the other."""

    def __init__(self, program: Program, blobs: Sequence[Blob], portable: bool = False) -> None:
        self.program = program
        self.portable = portable
        self.blobs = tuple(blobs)
        self.graph = Graph()
        self.intervals = check(program, blobs)
        self.shapes = program.shapes()
        # The largest partial sum on the way to a tensor. The runtime may melt a sum or a factor
        # into the operation before it, so the limits must hold for what stands there melted.
        self.reach = [interval.magnitude for interval in self.intervals]
        # Tensors that no input reaches: (1, *shape).
        self.known: dict[int, Integers] = {}
        # Elements per sample of the largest array in the graph, those within one operation too.
        self.widest = max(math.prod(shape) for shape in self.shapes)
        self._names: dict[tuple[int, Carrier], str] = {}
        self._first: dict[int, Carrier] = {}
        self._thin: dict[int, int] = {}
        self._melted: dict[int, int] = {}
        self.pools = find_pools(program, self.shapes, self.intervals)
        self._find_melted()

    def _find_melted(self) -> None:
        uses = Counter(at for step in self.program.steps for at in step.operation.of)
        uses.update(output.tensor for output in self.program.outputs)
        inputs = len(self.program.inputs)
        for number, step in enumerate(self.program.steps, inputs):
            if not isinstance(step.operation, Rescale):
                continue
            source = step.operation.of[0]
            if source < inputs or uses[source] != 1:
                continue
            if isinstance(
                self.program.steps[source - inputs].operation, Dense | Convolution | Affine
            ):
                self._melted[source] = number

    def rescale_after(self, number: int) -> tuple[int, Rescale] | None:
        """The rescale that is the only reader of tensor `number`, and that rescale's number."""
        target = self._melted.get(number)
        if target is None:
            return None
        operation = self.program.steps[target - len(self.program.inputs)].operation
        return (target, operation) if isinstance(operation, Rescale) else None

    def has(self, number: int) -> bool:
        """Whether the tensor has been written or is a constant."""
        return number in self._first or number in self.known

    def write(self, number: int, name: str, carrier: Carrier, reach: int = 0) -> None:
        """Record that `name` holds the tensor, in its held shape."""
        self._names[number, carrier] = name
        self._first[number] = carrier
        self.reach[number] = max(self.reach[number], reach)

    def defer(self, number: int, source: int) -> None:
        """Record that the tensor is `source` with axes of length 1 repeated, in held shapes.

        Element by element the runtime repeats by itself, so this is done only on demand.
        """
        self._first[number] = self.carrier(source)
        self._thin[number] = source
        self.reach[number] = max(self.reach[number], self.reach[source])

    def read_alike(self, numbers: Sequence[int], carrier: Carrier) -> list[str]:
        """Tensors of one shape, to be combined element by element: repeated axes may be left 1."""
        if all(number in self._thin or number in self.known for number in numbers):
            return [self.read(number, carrier) for number in numbers]
        return [self.read(self._thin.get(number, number), carrier) for number in numbers]

    def carrier(self, number: int) -> Carrier:
        """The carrier that costs nothing to read."""
        if number in self.known:
            return carrier_for(self.intervals[number].magnitude)
        return self._first[number]

    def settle(self, least: Carrier, *numbers: int) -> Carrier:
        """The carrier in which to combine tensors for which `least` is enough.

        Where all of them are in float64 already, staying there is cheaper than converting.
        """
        given = [self._first[number] for number in numbers if number not in self.known]
        stay = least is Carrier.FLOAT32 and set(given) == {Carrier.FLOAT64}
        return Carrier.FLOAT64 if stay else least

    def read(self, number: int, carrier: Carrier) -> str:
        """The name of the tensor in that carrier and its held shape; converts on first demand.

        The tensor's own values must lie below the carrier's limit.
        """
        name = self._names.get((number, carrier))
        if name is None:
            if number in self.known:
                held = self.known[number].reshape(1, *held_shape(self.shapes[number]))
                name = self.graph.constant(carrier.array(held))
            elif number in self._thin:
                source = self.read(self._thin[number], carrier)
                shape = self.graph.integers([1, *held_shape(self.shapes[number])])
                name = self.graph.node("Expand", source, shape)
            else:
                source = self._names[number, self._first[number]]
                name = self.graph.node("Cast", source, to=carrier.onnx_type)
            self._names[number, carrier] = name
        return name

    def read_whole(self, number: int, carrier: Carrier) -> str:
        """As `read`, in the program's own shape."""
        name, shape = self.read(number, carrier), self.shapes[number]
        return name if held_shape(shape) == shape else self.reshape(name, shape)

    def reshape(self, name: str, shape: Sequence[int]) -> str:
        """Another shape behind the batch."""
        return self.graph.node("Reshape", name, self.graph.integers([0, *shape]))

    def hold(self, name: str, shape: Shape) -> str:
        """From the program's shape to the held one."""
        held = held_shape(shape)
        return name if held == shape else self.reshape(name, held)

    def batched(self, name: str, rank: int, like: int) -> str:
        """Repeat a constant (1, ...) of that rank as often as tensor `like` has samples."""
        source = self.read(like, self._first[like])
        batch = self.graph.node("Shape", source, start=0, end=1)
        target = batch
        if rank > 1:
            target = self.graph.node("Concat", batch, self.graph.integers([1] * (rank - 1)), axis=0)
        return self.graph.node("Expand", name, target)

    def scalar(self, value: float, carrier: Carrier) -> str:
        """A constant of rank 0; must be exact in the carrier."""
        return self.graph.constant(np.array(value, carrier.value))

    def magnitude(self, *numbers: int) -> int:
        """The largest absolute value that these tensors can hold."""
        return max(self.intervals[number].magnitude for number in numbers)

    def interval(self, number: int) -> Interval:
        """What the tensor can hold."""
        return self.intervals[number]
