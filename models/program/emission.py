"""The state of an export: which tensor has which name in which carrier."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from avow.models.program.blobs import Integers, integers
from avow.models.program.carriers import Carrier, carrier_for
from avow.models.program.net import Leaned
from avow.models.program.onnx_graph import Graph
from avow.models.program.pools import find_pools
from avow.verifier.program.intervals import Interval
from avow.verifier.program.operations import (
    Affine,
    Constant,
    Convolution,
    Dense,
    Operation,
    Rescale,
    Shape,
    Table,
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

    def __init__(
        self, short: Leaned, portable: bool = False, wanted: frozenset[int] = frozenset()
    ) -> None:
        """`wanted` are the tensors to put in float64 at once where any type would do."""
        program = short.program
        self.program = program
        self.portable = portable
        self.blobs = short.blobs
        self.graph = Graph()
        self.intervals = short.intervals
        self.shapes = program.shapes()
        self.readers = _readers(program)
        # Dense layers left without bias and multiplied, for the sum that alone reads them.
        self.partial: dict[int, tuple[int, Integers]] = {}
        # Tensors whose clamp and floor were left to the pools that alone read them.
        self.unrounded: dict[int, Rescale] = {}
        # Operations that are emitted as part of others.
        self.inner: set[int] = set()
        # The largest partial sum on the way to a tensor. The runtime may melt a sum or a factor
        # into the operation before it, so the limits must hold for what stands there melted.
        self.reach = [interval.magnitude for interval in self.intervals]
        # Tensors that no input reaches: (1, *shape).
        self.known: dict[int, Integers] = {}
        # Elements per sample of the largest array in the graph, those within one operation too.
        self.widest = max(math.prod(shape) for shape in self.shapes)
        self._names: dict[tuple[int, Carrier], str] = {}
        self._first: dict[int, Carrier] = {}
        # Squares that the sum which alone reads them will compute, and of what.
        self.squares: dict[int, int] = {}
        self._wanted = wanted
        # Tensors of which any type was possible, and those that were converted to float64.
        self._free: set[int] = set()
        self._converted: set[int] = set()
        # Products with a constant (1, held shape) that the sum which alone reads them will compute.
        self.products: dict[int, tuple[int, Integers]] = {}
        self._thin: dict[int, int] = {}
        self._melted: dict[int, int] = {}
        self.pools = find_pools(program, self.shapes, self.intervals)
        self._find_melted()

    def pools_alone(self, number: int) -> bool:
        """Whether all readers of the tensor are steps to pools that leave fewer elements."""
        pools = [root for root, pool in self.pools.roots.items() if pool.of == number]
        smaller = all(
            math.prod(self.shapes[at]) * 2 <= math.prod(self.shapes[number]) for at in pools
        )
        inner = all(reader in self.pools.inner for reader in self.readers[number])
        return bool(pools) and inner and smaller

    def operation(self, number: int) -> Operation | None:
        """The operation that gives the tensor; None for an input."""
        at = number - len(self.program.inputs)
        return self.program.steps[at].operation if at >= 0 else None

    def sole_reader(self, number: int) -> int | None:
        """The one operation that reads the tensor, once; None if there are more or an output."""
        readers = self.readers[number]
        return readers[0] if len(readers) == 1 and readers[0] >= 0 else None

    def _find_melted(self) -> None:
        uses = Counter({at: len(readers) for at, readers in enumerate(self.readers)})
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
        # The thinnest, so that a long chain is read in one step.
        self._thin[number] = self._thin.get(source, source)
        self.reach[number] = max(self.reach[number], self.reach[source])

    def read_alike(self, numbers: Sequence[int], carrier: Carrier) -> list[str]:
        """Tensors of one shape, to be combined element by element: repeated axes may be left 1."""
        if all(number in self._thin or number in self.known for number in numbers):
            return [self.read(number, carrier) for number in numbers]
        return [self.read(self._thin.get(number, number), carrier) for number in numbers]

    def read_thin(self, numbers: Sequence[int], carrier: Carrier) -> list[str]:
        """Tensors with repeated axes left 1, to be combined with one that has the whole shape."""
        return [self.read(self._thin.get(number, number), carrier) for number in numbers]

    def truncated(self, number: int, spare: int) -> bool:
        """Whether only a cast to an index reads a tensor, which is never negative.

        The cast rounds down by itself then. Before it a constant below `spare` may be added.
        """
        reader = self.sole_reader(number)
        if reader is None or self.intervals[number].low < 0:
            return False
        operation = self.operation(reader)
        if isinstance(operation, Affine):
            others = [at for at in operation.of if at != number]
            constant = all(isinstance(self.operation(at), Constant) for at in others)
            plain = set(operation.coefficients) == {1} and operation.constant == 0
            small = len(others) == 1 and self.intervals[others[0]].magnitude < spare
            return constant and plain and small and self.truncated(reader, 0)
        return isinstance(operation, Table) and not is_clamp(self, operation)

    def carrier(self, number: int) -> Carrier:
        """The carrier that costs nothing to read."""
        if number in self.known:
            return carrier_for(self.intervals[number].magnitude)
        return self._first[number]

    def choose(self, number: int) -> Carrier:
        """The carrier for a tensor that is looked up or put in, so that any will do."""
        least = carrier_for(self.intervals[number].magnitude)
        self._free.add(number)
        return Carrier.FLOAT64 if least.is_float and number in self._wanted else least

    def better(self) -> frozenset[int]:
        """Tensors that had better been in float64 from the beginning."""
        return frozenset(self._free & self._converted)

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
                if carrier is Carrier.FLOAT64:
                    self._converted.add(number)
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


def is_clamp(state: Emission, table: Table) -> bool:
    """Whether every entry of a table that can be met is the position, clamped."""
    interval = state.interval(table.of[0])
    start = interval.low - table.first
    values = integers(state.blobs[table.blob])[start : interval.high - table.first + 1]
    places = np.arange(interval.low, interval.high + 1)
    return np.array_equal(values, np.clip(places, int(values.min()), int(values.max())))


def _readers(program: Program) -> list[list[int]]:
    """The operations that read each tensor, as often as they do; -1 for an output."""
    found: list[list[int]] = [[] for _ in range(len(program.inputs) + len(program.steps))]
    for number, step in enumerate(program.steps, len(program.inputs)):
        for at in step.operation.of:
            found[at].append(number)
    for output in program.outputs:
        found[output.tensor].append(-1)
    return found
