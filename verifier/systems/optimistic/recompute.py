"""Recomputing a committed run, all of it or some elements, and saying what differs."""

import math
import struct
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob
from avow.verifier.program.intervals import Interval
from avow.verifier.program.operations import Contract, Convolution, Dense, Operation, Shape, Sum
from avow.verifier.program.program import Program
from avow.verifier.program.semantics import Index, element, evaluate, index_at, indices
from avow.verifier.systems.optimistic.sample import Sample
from avow.verifier.tensor import Tensor
from avow.verifier.trace.layout import Layout

# A minute or two of plain Python.
MOST_TERMS = 10**7
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


def terms(operation: Operation, shapes: Sequence[Shape], program: Program) -> int:
    """How many operands' elements one element of the result is made from, at most."""
    match operation:
        case Dense() | Contract():
            return shapes[operation.of[0]][-1]
        case Convolution(weight=weight):
            return math.prod(program.blobs[weight].shape[1:])
        case Sum(axes=axes):
            return math.prod(shapes[operation.of[0]][axis] for axis in axes)
        case _:
            return max(1, len(operation.of))


def run_terms(program: Program) -> int:
    """The terms of all elements of a run together."""
    shapes, first = program.shapes(), len(program.inputs)
    return sum(
        math.prod(shapes[first + at]) * terms(step.operation, shapes, program)
        for at, step in enumerate(program.steps)
    )


def run_elements(program: Program) -> int:
    """How many elements operations make in a run."""
    return sum(math.prod(shape) for shape in program.shapes()[len(program.inputs) :])


def stored_run(
    program: Program, blobs: Sequence[Blob], layouts: Sequence[Layout], inputs: Sequence[Tensor]
) -> list[bytes]:
    """Every tensor of the right run, in storage order; refuses a run of too many terms."""
    _refuse_long(run_terms(program))
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
    shapes, first = program.shapes(), len(program.inputs)
    ends = list(accumulate(math.prod(shape) for shape in shapes[first:]))
    places = list(sample.places(ends[-1]))
    numbers = [bisect_right(ends, place) for place in places]
    _refuse_long(sum(terms(program.steps[at].operation, shapes, program) for at in numbers))
    for place, at in zip(places, numbers, strict=True):
        operation, number = program.steps[at].operation, first + at
        begin = ends[at] - math.prod(shapes[number])
        index = index_at(place - begin, shapes[number])
        right = _element(operation, index, [tensors[operand] for operand in operation.of], blobs)
        _same(number, place - begin, right, tensors[number].read(index))
    return len(places)


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


def _refuse_long(count: int) -> None:
    if count > MOST_TERMS:
        raise VerificationError(
            "setup",
            f"recomputing this takes {count} products or sums in plain Python, at most "
            f"{MOST_TERMS} are done: have the policy ask for a (smaller) sample",
        )
