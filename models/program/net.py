"""A program while it is rewritten: operations by number, in any order, blobs that grow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from avow.models.program.blobs import Integers, blob_of, integers
from avow.models.program.carriers import carrier_for
from avow.models.program.intervals import linear_bounds, result_interval
from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob
from avow.verifier.program.intervals import BOUND, Interval
from avow.verifier.program.operations import Affine, Dense, Multiply, Operation, Shape
from avow.verifier.program.program import Output, Program, Step
from avow.verifier.program.shapes import result_shape


@dataclass(frozen=True, slots=True)
class Leaned:
    """A rewritten program and bounds of its tensors.

    The bounds hold, although the operations alone may not show it: some are those of the tensors
    that stood there before.
    """

    program: Program
    blobs: tuple[Blob, ...]
    intervals: list[Interval]


class Net:
    """The tensors of a program. Operands come before their readers in `order`."""

    def __init__(self, program: Program, blobs: Sequence[Blob]) -> None:
        self.program = program
        self.blobs = list(blobs)
        self.operations: dict[int, Operation] = {}
        self.shapes: list[Shape] = [spec.shape for spec in program.inputs]
        self.intervals = [Interval(spec.minimum, spec.maximum) for spec in program.inputs]
        self.outputs = [output.tensor for output in program.outputs]
        # Who reads each tensor, as often as it does; an output is read by -1.
        self.readers: dict[int, list[int]] = {number: [] for number in range(len(self.shapes))}
        self._refs = list(program.blobs)
        for step in program.steps:
            self._append(step.operation)
        for at in self.outputs:
            self.readers[at].append(-1)

    def _append(self, operation: Operation) -> int:
        shapes = [self.shapes[at] for at in operation.of]
        known = [self.intervals[at] for at in operation.of]
        shape = result_shape(operation, shapes, self._refs)
        interval = result_interval(operation, known, shapes, self.blobs)
        if isinstance(operation, Multiply) and operation.of[0] == operation.of[1]:
            interval = Interval(max(interval.low, 0), interval.high)
        self.shapes.append(shape)
        self.intervals.append(interval)
        number = len(self.shapes) - 1
        self.operations[number] = operation
        self.readers[number] = []
        for at in operation.of:
            self.readers[at].append(number)
        return number

    def add(self, *operations: Operation) -> int | None:
        """Append operations, each on the one before it where it names -1, and number the last.

        None, and nothing is appended, where a check refuses one.
        """
        number, count = None, len(self.shapes)
        for operation in operations:
            before = number
            of = tuple(before if at == -1 and before is not None else at for at in operation.of)
            try:
                number = self._append(with_operands(operation, of))
            except VerificationError:
                for extra in reversed(range(count, len(self.shapes))):
                    for at in self.operations.pop(extra).of:
                        self.readers[at].remove(extra)
                    del self.readers[extra]
                del self.shapes[count:], self.intervals[count:]
                return None
        return number

    def blob(self, array: Integers) -> int:
        """Add a constant."""
        blob = blob_of(array)
        self.blobs.append(blob)
        self._refs.append(blob.ref())
        return len(self.blobs) - 1

    def array(self, blob: int) -> Integers:
        """A constant's integers."""
        return integers(self.blobs[blob])

    def replace(self, old: int, new: int) -> None:
        """Let every reader of one tensor read another, which holds the same.

        Both intervals bound the same values, so what they have in common does.
        """
        a, b = self.intervals[old], self.intervals[new]
        self.intervals[new] = Interval(max(a.low, b.low), min(a.high, b.high))
        readers, self.readers[old] = self.readers[old], []
        self.readers[new] += readers
        for number in set(readers) - {-1}:
            of = tuple(new if at == old else at for at in self.operations[number].of)
            self.operations[number] = with_operands(self.operations[number], of)
        self.outputs = [new if at == old else at for at in self.outputs]
        self._drop(old)

    def _drop(self, number: int) -> None:
        """Take out what nobody reads, and then what only that read."""
        waiting = [number]
        while waiting:
            number = waiting.pop()
            if self.readers[number] or number not in self.operations:
                continue
            for at in self.operations.pop(number).of:
                self.readers[at].remove(number)
                waiting.append(at)

    def order(self) -> list[int]:
        """The numbers of all operations that an output needs, operands first."""
        found: dict[int, None] = {}
        waiting = [(number, False) for number in reversed(self.outputs)]
        while waiting:
            number, ready = waiting.pop()
            if number in found or number not in self.operations:
                continue
            if ready:
                found[number] = None
            else:
                waiting.append((number, True))
                waiting += [(at, False) for at in reversed(self.operations[number].of)]
        return list(found)

    def steps(self) -> Iterator[tuple[int, Operation]]:
        """Every operation that is there when it is its turn, operands first."""
        for number in self.order():
            operation = self.operations.get(number)
            if operation is not None:
                yield number, operation

    def once(self, number: int) -> bool:
        """Whether one operation reads that tensor, once, and no output is it."""
        readers = self.readers[number]
        return len(readers) == 1 and readers[0] != -1

    def reach(self, operation: Operation) -> int:
        """The largest partial sum of an affine or dense operation, BOUND for others."""
        magnitudes = [self.intervals[at].magnitude for at in operation.of]
        if isinstance(operation, Affine):
            pairs = zip(operation.coefficients, magnitudes, strict=True)
            return abs(operation.constant) + sum(abs(c) * m for c, m in pairs)
        if isinstance(operation, Dense):
            weight, bias = self.blobs[operation.weight], self.blobs[operation.bias]
            return linear_bounds(weight, bias).reach(magnitudes[0])
        return BOUND

    def no_wider(self, before: int, after: int) -> bool:
        """Whether partial sums up to `after` need no wider machine type than up to `before`."""
        return after < BOUND and carrier_for(after) is carrier_for(before)

    def result(self) -> Leaned:
        """The program that is left, numbered anew."""
        numbers = {at: at for at in range(len(self.program.inputs))}
        steps = []
        for number in self.order():
            operation = self.operations[number]
            of = tuple(numbers[at] for at in operation.of)
            numbers[number] = len(numbers)
            steps.append(Step(with_operands(operation, of), 0))
        outputs = tuple(
            Output(output.name, numbers[at])
            for output, at in zip(self.program.outputs, self.outputs, strict=True)
        )
        program = Program(self.program.inputs, tuple(self._refs), tuple(steps), outputs)
        return Leaned(program, tuple(self.blobs), [self.intervals[at] for at in numbers])


def with_operands(operation: Operation, of: tuple[int, ...]) -> Operation:
    """The same operation on other tensors."""
    if operation.of == of:
        return operation
    names = [name for name in operation.__dataclass_fields__ if name != "of"]
    return type(operation)(of, *(getattr(operation, name) for name in names))
