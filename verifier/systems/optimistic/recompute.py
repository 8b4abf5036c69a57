"""Recomputing a committed run, all of it or some elements, and saying what differs."""

import struct
from collections.abc import Sequence

from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob
from avow.verifier.program.intervals import Interval
from avow.verifier.program.operations import Operation
from avow.verifier.program.program import Program
from avow.verifier.program.semantics import Index, element, evaluate, index_at, indices
from avow.verifier.systems.optimistic.effort import sampled
from avow.verifier.systems.optimistic.sample import Sample
from avow.verifier.tensor import Tensor
from avow.verifier.trace.layout import Layout

_CODES = {1: "b", 2: "h", 4: "i", 8: "q"}


class Committed:
    """A committed tensor; refuses bytes of another length."""

    def __init__(self, number: int, layout: Layout, data: bytes) -> None:
        if len(data) != layout.size:
            raise VerificationError(
                "proof", f"tensor {number} has {layout.size} bytes, the bundle holds {len(data)}"
            )
        self.layout = layout
        self.data = data
        form = f">{layout.count}{_CODES[layout.width]}"
        self.values: tuple[int, ...] = struct.unpack(form, data)

    def read(self, index: Index) -> int:
        """The element at an index."""
        return self.values[self.layout.place(index)]


def stored_run(
    program: Program, blobs: Sequence[Blob], layouts: Sequence[Layout], inputs: Sequence[Tensor]
) -> list[bytes]:
    """Every tensor of the right run, in storage order."""
    shapes = program.shapes()
    values: list[Sequence[int]] = [tensor.values for tensor in inputs]
    for step in program.steps:
        of = step.operation.of
        operands, operand_shapes = [values[at] for at in of], [shapes[at] for at in of]
        result = shapes[len(values)]
        values.append(evaluate(step.operation, result, operands, operand_shapes, blobs))
    return [layout.store(one) for layout, one in zip(layouts, values, strict=True)]


def compare(number: int, layout: Layout, right: bytes, committed: bytes) -> None:
    """Refuse a committed tensor that is not the right one, naming an element."""
    if right == committed:
        return
    a, b = Committed(number, layout, right), Committed(number, layout, committed)
    for at, index in enumerate(indices(layout.shape)):
        _same(number, at, a.read(index), b.read(index))


def check_sample(
    program: Program,
    blobs: Sequence[Blob],
    intervals: Sequence[Interval],
    tensors: Sequence[Committed],
    sample: Sample,
) -> int:
    """Recompute some elements from the committed ones before them; return how many.

    Also refuses a committed element outside its tensor's interval, sampled or not.
    """
    for number, (tensor, interval) in enumerate(zip(tensors, intervals, strict=True)):
        low, high = min(tensor.values), max(tensor.values)
        if low < interval.low or high > interval.high:
            raise VerificationError(
                "proof",
                f"tensor {number} holds {low} to {high}, "
                f"no run leaves [{interval.low}, {interval.high}]",
            )
    shapes, first, done = program.shapes(), len(program.inputs), 0
    for at, place in sampled(program, sample):
        operation, number = program.steps[at].operation, first + at
        index = index_at(place, shapes[number])
        right = _element(operation, index, [tensors[operand] for operand in operation.of], blobs)
        _same(number, place, right, tensors[number].read(index))
        done += 1
    return done


def _element(
    operation: Operation, index: Index, operands: Sequence[Committed], blobs: Sequence[Blob]
) -> int:
    shapes = [operand.layout.shape for operand in operands]
    return element(operation, index, shapes, lambda n, at: operands[n].read(at), blobs)


def _same(number: int, at: int, right: int, committed: int) -> None:
    if right != committed:
        raise VerificationError(
            "proof", f"tensor {number}, element {at}: {committed} is committed, {right} is right"
        )
