"""A small program that contains every operation, with tensors of several chunks."""

from random import Random

from avow.verifier.program import operations as op
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Output, Program
from avow.verifier.tensor import ElementType
from tests.programs.builder import Builder


def every_operation() -> tuple[Program, list[Blob]]:
    """Two inputs, all nineteen operations, two outputs."""
    builder = Builder(Random(7))
    add, integers = builder.add, builder.integers
    image = builder.add_input((1, 2, 5, 5), ElementType.INT8, -100, 100)
    extra = builder.add_input((5,), ElementType.INT16, -3000, 3000)

    def clamped(tensor: int, bits: int, low: int, high: int) -> int:
        return add(op.Rescale((tensor,), bits, low, high))

    weight, bias = integers((4, 1, 3, 3), 100), integers((4,), 1000)
    convolved = add(
        op.Convolution((image,), weight, bias, (1, 2), (1, 1), (1, 1), (1, 1), groups=2)
    )
    last = add(op.Transpose((clamped(convolved, 8, -100, 100),), (0, 2, 3, 1)))
    sliced = add(op.Slice((add(op.Reshape((last,), (3, 20))),), (2, 19), (-1, -2), (3, 10)))
    padded = add(op.Pad((sliced,), (0, 1), (1, 0), (0, 2), -9))
    both = add(op.Concat((padded, add(op.Affine((padded,), (-2,), 1))), 0))
    row = add(op.Constant((), integers((1, 29), 90)))
    product = add(op.Multiply((both, add(op.Broadcast((row,), (8, 29))))))
    total = add(op.Sum((product,), (0,)))
    small = clamped(add(op.Affine((total, total), (3, -1), 7)), 11, -20, 20)
    looked = add(op.Table((small,), integers((41,), 300), -20))
    larger = add(op.Maximum((looked, small)))
    quotient = add(op.Divide((total, clamped(larger, 0, 1, 50))))
    five = add(op.Gather((quotient,), 0, builder.blob([28, 0, 7, 7, 13], (5,))))
    rows = clamped(add(op.Affine((five, extra), (1, -2), 0)), 9, 0, 3)
    table = add(op.LookupRow((rows,), integers((4, 150), 3000)))
    factor = add(op.Constant((), integers((150, 3), 100)))
    contracted = add(op.Contract((table, factor)))
    dense = add(op.Dense((table,), integers((2, 150), 2000), integers((2,), 10**6)))
    outputs = (Output("scores", dense), Output("sums", contracted))
    program = builder.program()
    return Program(program.inputs, program.blobs, program.steps, outputs), builder.blobs
