"""The smallest programs that contain every operation, and inputs for them."""

from random import Random

from avow.verifier.program import operations as op
from avow.verifier.program.blob import Blob, blob_of
from avow.verifier.program.intervals import result_interval
from avow.verifier.program.program import Output, Program, Step
from avow.verifier.program.shapes import result_shape
from avow.verifier.tensor import ElementType, Tensor, TensorSpec


class Sketch:
    """A program under construction whose tensors have names."""

    def __init__(self) -> None:
        self.inputs: list[TensorSpec] = []
        self.blobs: list[Blob] = []
        self.steps: list[Step] = []
        self.names: dict[str, int] = {}
        self.outputs: list[Output] = []

    def input(self, name: str, shape: tuple[int, ...], low: int, high: int) -> int:
        """One more input, of bytes."""
        self.inputs.append(TensorSpec(name, ElementType.INT8, shape, 0, low, high))
        self.names[name] = len(self.inputs) - 1
        return self.names[name]

    def blob(self, values: list[int], *shape: int) -> int:
        """One more constant."""
        self.blobs.append(blob_of(values, shape))
        return len(self.blobs) - 1

    def add(self, name: str, operation: op.Operation, output: bool = False) -> int:
        """One more operation; its result may be an output."""
        self.steps.append(Step(operation, 0))
        at = len(self.inputs) + len(self.steps) - 1
        self.names[name] = at
        if output:
            self.outputs.append(Output(name, at))
        return at

    def program(self) -> Program:
        """The finished program."""
        refs = tuple(blob.ref() for blob in self.blobs)
        return Program(tuple(self.inputs), refs, tuple(self.steps), tuple(self.outputs))


def every_operation() -> tuple[Program, list[Blob], dict[str, int]]:
    """All nineteen operations, axes of length 3 among them, shared axes, clamps and limbs.

    Every result reaches an output, through as few operations as can be.
    """
    s = Sketch()
    x = s.input("x", (2, 1, 3), -4, 3)
    ids = s.input("ids", (2,), 0, 2)
    dense = s.add("dense", op.Dense((x,), s.blob([1, -2, 3, 2, 1, -1], 2, 3), s.blob([5, -6], 2)))
    constant = s.add("constant", op.Constant((), s.blob([1, 2, -1, 3, 0, -2], 2, 3, 1)))
    contract = s.add("contract", op.Contract((x, constant)))
    s.add("contracted", op.Rescale((contract,), 2, None, None), True)
    wide = s.add("broadcast", op.Broadcast((contract,), (2, 1, 2)))
    multiply = s.add("multiply", op.Multiply((dense, wide)))
    clamped = s.add("rescale", op.Rescale((multiply,), 3, -3, 4))
    s.add("table", op.Table((clamped,), s.blob([0, 0, 0, 0, 1, 4, 9, 7], 8), -3), True)
    weight = s.blob([1, 2, -1, 3], 2, 1, 2)
    conv = op.Convolution((x,), weight, s.blob([1, -1], 2), (1,), (1,), (1,), (0,), 1)
    convolution = s.add("convolution", conv)
    turned = s.add("transpose", op.Transpose((convolution,), (0, 2, 1)))
    flat = s.add("reshape", op.Reshape((turned,), (2, 6)))
    cut = s.add("slice", op.Slice((flat,), (1, 5), (-1, -2), (2, 3)))
    padded = s.add("pad", op.Pad((cut,), (0, 1), (0, 0), (0, 0), 2))
    chosen = s.add("gather", op.Gather((padded,), 1, s.blob([3, 0, 1], 3)), True)
    divisor = s.add("divisor", op.Rescale((chosen,), 1, 1, 3))
    s.add("divide", op.Divide((chosen, divisor)), True)
    rows = s.add("lookup_row", op.LookupRow((ids,), s.blob([3, -1, 4, 1, -5, 9], 3, 2)))
    both = s.add("concat", op.Concat((rows, dense_rows(s, dense)), 0))
    total = s.add("sum", op.Sum((both,), (0,)))
    mixed = s.add("affine", op.Affine((total,), (-2,), 7), True)
    s.add("maximum", op.Maximum((total, mixed)), True)
    return s.program(), s.blobs, s.names


def dense_rows(s: Sketch, dense: int) -> int:
    """The dense layer's result without its axis of length 1."""
    return s.add("rows", op.Reshape((dense,), (2, 2)))


def samples(program: Program, seed: int, batch: int) -> list[tuple[Tensor, ...]]:
    """Inputs, a third of them at the ends of their ranges."""
    rng = Random(seed)

    def values(spec: TensorSpec) -> tuple[int, ...]:
        ends = (spec.minimum, spec.maximum)
        count = 1
        for n in spec.shape:
            count *= n
        return tuple(
            rng.choice(ends) if rng.random() < 1 / 3 else rng.randint(*ends) for _ in range(count)
        )

    return [
        tuple(Tensor(spec.element_type, spec.shape, values(spec)) for spec in program.inputs)
        for _ in range(batch)
    ]


def shapes_and_intervals(program: Program, blobs: list[Blob]) -> list[str]:
    """One line for each tensor, to read."""
    refs = [blob.ref() for blob in blobs]
    shapes = [spec.shape for spec in program.inputs]
    bounds = [(spec.minimum, spec.maximum) for spec in program.inputs]
    lines = [f"{shape} {bound}" for shape, bound in zip(shapes, bounds, strict=True)]
    from avow.verifier.program.intervals import Interval

    known = [Interval(*bound) for bound in bounds]
    for step in program.steps:
        of = step.operation.of
        known.append(
            result_interval(step.operation, [known[k] for k in of], [shapes[k] for k in of], blobs)
        )
        shapes.append(result_shape(step.operation, [shapes[k] for k in of], refs))
        lines.append(f"{type(step.operation).__name__} {shapes[-1]} {known[-1]}")
    return lines
