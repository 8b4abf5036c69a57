"""Grows a random valid program, operation by operation, from a seeded generator."""

import math
from dataclasses import dataclass, field
from random import Random

from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob, blob_of
from avow.verifier.program.intervals import Interval, result_interval
from avow.verifier.program.operations import (
    Affine,
    Broadcast,
    Concat,
    Constant,
    Contract,
    Convolution,
    Dense,
    Divide,
    Gather,
    LookupRow,
    Maximum,
    Multiply,
    Operation,
    Pad,
    Rescale,
    Reshape,
    Shape,
    Slice,
    Sum,
    Table,
    Transpose,
)
from avow.verifier.program.program import Output, Program, Step
from avow.verifier.program.shapes import result_shape
from avow.verifier.tensor import ElementType, Tensor, TensorSpec

MAX_ELEMENTS = 256
KINDS = (
    "constant dense convolution contract multiply affine sum rescale divide maximum table "
    "lookup_row reshape transpose slice pad concat broadcast gather"
).split()


@dataclass
class Builder:
    """A program under construction; `rng` decides everything."""

    rng: Random
    inputs: list[TensorSpec] = field(default_factory=list)
    blobs: list[Blob] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    intervals: list[Interval] = field(default_factory=list)

    def add_input(self, shape: Shape, kind: ElementType, low: int, high: int) -> int:
        """Declare one more input."""
        name = f"x{len(self.inputs)}"
        self.inputs.append(TensorSpec(name, kind, shape, self.rng.randint(0, 12), low, high))
        self.shapes.append(shape)
        self.intervals.append(Interval(low, high))
        return len(self.shapes) - 1

    def blob(self, values: list[int], shape: Shape) -> int:
        """Add a constant and return its number."""
        self.blobs.append(blob_of(values, shape))
        return len(self.blobs) - 1

    def integers(self, shape: Shape, bound: int) -> int:
        """Add a random constant with entries up to `bound`, extremes included."""
        choices = [-bound, bound, 0, 1, -1]
        values = [
            self.rng.choice(choices) if self.rng.random() < 0.2 else self.rng.randint(-bound, bound)
            for _ in range(math.prod(shape))
        ]
        return self.blob(values, shape)

    def add(self, operation: Operation) -> int:
        """Append an operation; raise `VerificationError` where it is not allowed."""
        of = operation.of
        refs = [blob.ref() for blob in self.blobs]
        shape = result_shape(operation, [self.shapes[at] for at in of], refs)
        interval = result_interval(
            operation, [self.intervals[at] for at in of], [self.shapes[at] for at in of], self.blobs
        )
        self.steps.append(Step(operation, self.rng.randint(0, 30)))
        self.shapes.append(shape)
        self.intervals.append(interval)
        return len(self.shapes) - 1

    def any_tensor(self) -> int:
        """The number of some tensor, recent ones preferred."""
        count = len(self.shapes)
        return max(self.rng.randrange(count), self.rng.randrange(count))

    def with_shape(self, shape: Shape) -> int:
        """Some tensor of that shape."""
        return self.rng.choice([at for at, other in enumerate(self.shapes) if other == shape])

    def program(self) -> Program:
        """The program so far; its last tensor and one more are the outputs."""
        last = len(self.shapes) - 1
        numbers = sorted({last, self.any_tensor()})
        outputs = tuple(Output(f"y{at}", number) for at, number in enumerate(numbers))
        refs = tuple(blob.ref() for blob in self.blobs)
        return Program(tuple(self.inputs), refs, tuple(self.steps), outputs)


def _narrow(builder: Builder, at: int, low: int, high: int) -> int:
    """A tensor like `at` whose values lie in [low, high]."""
    interval = builder.intervals[at]
    if low <= interval.low and interval.high <= high:
        return at
    bits = builder.rng.randint(0, max(interval.magnitude.bit_length() - 3, 0))
    return builder.add(Rescale((at,), bits, low, high))


def random_operation(builder: Builder, kind: str) -> Operation | None:
    """An operation of that kind on some tensor, or None where it does not fit."""
    rng = builder.rng
    at = builder.any_tensor()
    shape = builder.shapes[at]
    rank = len(shape)
    match kind:
        case "constant":
            return Constant((), builder.integers(shape, 2 ** rng.randint(0, 20)))
        case "dense" if rank:
            n = rng.randint(1, 5)
            weight = builder.integers((n, shape[-1]), 2 ** rng.randint(0, 12))
            return Dense((at,), weight, builder.integers((n,), 2 ** rng.randint(0, 20)))
        case "convolution" if rank in (3, 4):
            return _random_convolution(builder, at)
        case "contract" if rank >= 2:
            n = rng.randint(1, 3)
            other = (*shape[:-2], shape[-1], n)
            return Contract((at, builder.add(Constant((), builder.integers(other, 50)))))
        case "multiply":
            return Multiply((at, builder.with_shape(shape)))
        case "affine":
            count = rng.randint(1, 3)
            of = (at, *(builder.with_shape(shape) for _ in range(count - 1)))
            factors = tuple(rng.choice([-(2**12), -3, -1, 0, 1, 2, 2**10]) for _ in of)
            return Affine(of, factors, rng.randint(-(2**20), 2**20))
        case "sum":
            return Sum((at,), tuple(sorted(rng.sample(range(rank), rng.randint(0, rank)))))
        case "rescale":
            low = rng.choice([None, -(2**15), -7, 0, 1])
            high = rng.choice([None, 2**15 - 1, 7, 3])
            return Rescale((at,), rng.choice([0, 1, 2, 7, 16, 33]), low, high)
        case "divide":
            divisor = _narrow(builder, builder.with_shape(shape), 1, rng.choice([1, 7, 2**20]))
            return Divide((at, divisor))
        case "maximum":
            return Maximum((at, builder.with_shape(shape)))
        case "table":
            first, size = rng.randint(-40, 0), rng.randint(41, 80)
            narrow = _narrow(builder, at, first, first + size - 1)
            return Table((narrow,), builder.integers((size,), 2 ** rng.randint(1, 16)), first)
        case "lookup_row" if rank < 5:
            rows = rng.randint(1, 9)
            narrow = _narrow(builder, at, 0, rows - 1)
            return LookupRow((narrow,), builder.integers((rows, rng.randint(1, 4)), 1000))
        case _:
            return _random_view(builder, kind, at)


def _random_convolution(builder: Builder, at: int) -> Operation:
    rng = builder.rng
    _, channels, *space = builder.shapes[at]
    groups = rng.choice([g for g in range(1, channels + 1) if channels % g == 0])
    outputs = groups * rng.randint(1, 2)
    kernel = tuple(rng.randint(1, min(3, n)) for n in space)
    weight = builder.integers((outputs, channels // groups, *kernel), 2 ** rng.randint(0, 10))

    def per_axis(low: int, high: int) -> tuple[int, ...]:
        return tuple(rng.randint(low, high) for _ in space)

    return Convolution(
        (at,),
        weight,
        builder.integers((outputs,), 1000),
        per_axis(1, 2),
        per_axis(1, 2),
        per_axis(0, 2),
        per_axis(0, 2),
        groups,
    )


def _random_view(builder: Builder, kind: str, at: int) -> Operation | None:
    rng = builder.rng
    shape = builder.shapes[at]
    rank = len(shape)
    match kind:
        case "reshape":
            count = math.prod(shape)
            first = rng.choice([n for n in range(1, count + 1) if count % n == 0])
            return Reshape((at,), rng.choice([(count,), (first, count // first), (1, count)]))
        case "transpose":
            return Transpose((at,), tuple(rng.sample(range(rank), rank)))
        case "slice":
            starts, steps, sizes = [], [], []
            for n in shape:
                start, step = rng.randrange(n), rng.choice([-2, -1, 1, 2])
                room = (n - 1 - start) // step if step > 0 else start // -step
                starts.append(start)
                steps.append(step)
                sizes.append(rng.randint(1, room + 1))
            return Slice((at,), tuple(starts), tuple(steps), tuple(sizes))
        case "pad":
            before, after, between = (
                tuple(rng.choice([0, 0, 1, 2]) for _ in shape) for _ in range(3)
            )
            return Pad((at,), before, after, between, rng.choice([0, 5, -9]))
        case "concat" if rank:
            axis = rng.randrange(rank)
            return Concat((at, builder.with_shape(shape), at)[: rng.randint(1, 3)], axis)
        case "broadcast":
            wide = tuple(rng.randint(1, 3) if n == 1 else n for n in shape)
            return Broadcast((at,), wide)
        case "gather" if rank:
            axis = rng.randrange(rank)
            chosen = [rng.randrange(shape[axis]) for _ in range(rng.randint(1, 4))]
            return Gather((at,), axis, builder.blob(chosen, (len(chosen),)))
        case _:
            return None


def random_program(seed: int, operations: int = 12) -> tuple[Program, list[Blob]]:
    """A valid program of about that many operations; the same seed gives the same program."""
    builder = Builder(Random(seed))
    rng = builder.rng
    for _ in range(rng.randint(1, 3)):
        rank = rng.choice([1, 2, 3, 4, 4])
        shape = tuple(rng.randint(1, 4) for _ in range(rank))
        kind = rng.choice(list(ElementType))
        bound = 2 ** rng.randint(0, min(8 * kind.width - 1, 31)) - 1
        builder.add_input(shape, kind, -bound, bound)
    tries = 0
    while len(builder.steps) < operations and tries < 20 * operations:
        tries += 1
        kept = (len(builder.blobs), len(builder.steps), len(builder.shapes))
        try:
            operation = random_operation(builder, rng.choice(KINDS))
            if operation is not None:
                builder.add(operation)
        except VerificationError:
            operation = None
        grown = math.prod(builder.shapes[-1]) > MAX_ELEMENTS
        if operation is None or grown:
            del builder.blobs[kept[0] :]
            del builder.steps[kept[1] :]
            del builder.shapes[kept[2] :]
            del builder.intervals[kept[2] :]
    if not builder.steps:
        builder.add(Affine((0,), (1,), 0))
    return builder.program(), builder.blobs


def random_inputs(program: Program, rng: Random) -> list[Tensor]:
    """Valid inputs, the ends of the declared ranges among them."""
    tensors = []
    for spec in program.inputs:
        edge = rng.random()
        values = [
            rng.choice([spec.minimum, spec.maximum])
            if rng.random() < edge
            else rng.randint(spec.minimum, spec.maximum)
            for _ in range(math.prod(spec.shape))
        ]
        tensors.append(Tensor(spec.element_type, spec.shape, tuple(values)))
    return tensors
