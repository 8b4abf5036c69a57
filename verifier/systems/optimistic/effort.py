"""What checking a claim takes, known from the program's shapes before anything is computed.

A bundle is made by whoever wants to be believed, and may be made to keep its reader busy: a few
bytes can name one constant in thousands of operations.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

from avow.verifier.errors import VerificationError
from avow.verifier.program.operations import (
    Contract,
    Convolution,
    Dense,
    LookupRow,
    Operation,
    Shape,
    Sum,
    Table,
)
from avow.verifier.program.program import Program
from avow.verifier.systems.optimistic.sample import Sample

# A minute or two of plain Python.
MOST_TERMS = 10**7
# As many elements as the tensors of a bundle have bytes at most.
MOST_ELEMENTS = 2**24
# Operands of all operations, and constants in all tables of lookups: some seconds.
MOST_OPERANDS = 2**18
MOST_LOOKED_UP = 2**26


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


def refuse_endless(program: Program, sample: Sample | None = None) -> None:
    """Refuse what would keep the checker busy for long, however small the bundle is.

    Raises `VerificationError` (step `setup`): nothing is decided about the claim.
    """
    looked_up = operands = 0
    for step in program.steps:
        operation = step.operation
        operands += len(operation.of)
        if isinstance(operation, Table | LookupRow):
            looked_up += program.blobs[operation.blob].count
    elements = run_elements(program)
    _most(operands, MOST_OPERANDS, "operands of all operations")
    _most(looked_up, MOST_LOOKED_UP, "constants in the tables of all lookups")
    _most(elements, MOST_ELEMENTS, "elements of a run")
    if sample is None:
        count = run_terms(program)
    else:
        shapes = program.shapes()
        steps = (at for at, _ in sampled(program, sample))
        count = sum(terms(program.steps[at].operation, shapes, program) for at in steps)
    _most(count, MOST_TERMS, "products or sums", ": have the policy ask for a (smaller) sample")


def sampled(program: Program, sample: Sample) -> Iterable[tuple[int, int]]:
    """The elements that a sample asks for: the step's number, and the row-major place."""
    shapes = program.shapes()[len(program.inputs) :]
    ends = list(accumulate(map(math.prod, shapes)))
    for place in sample.places(ends[-1]):
        at = bisect_right(ends, place)
        yield at, place - ends[at] + math.prod(shapes[at])


def _most(count: int, most: int, what: str, advice: str = "") -> None:
    if count > most:
        raise VerificationError(
            "setup",
            f"checking this claim in plain Python takes {count} {what}, at most {most} are "
            f"done{advice}",
        )
