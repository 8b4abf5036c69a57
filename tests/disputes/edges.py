"""Programs of one operation whose inputs meet ties, ends of ranges and clamps."""

import math
from random import Random

from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob
from avow.verifier.program.operations import Divide, Maximum, Rescale
from avow.verifier.program.program import Program
from avow.verifier.tensor import ElementType, Tensor
from tests.programs.builder import Builder, random_operation

_TRIES = 1000


def one_operation(kind: str, rng: Random) -> tuple[Program, list[Blob]]:
    """A program whose last operation is of that kind, on inputs or what is made for it."""
    for _ in range(_TRIES):
        builder = Builder(rng)
        shape = tuple(rng.randint(1, 5) for _ in range(rng.choice([1, 2, 3, 4])))
        for _ in range(rng.randint(1, 2)):
            element = rng.choice(list(ElementType))
            bound = 2 ** rng.randint(1, min(8 * element.width - 1, 40)) - 1
            low = rng.choice([-bound, 0, -bound - 1])
            builder.add_input(shape, element, low, bound)
        try:
            operation = random_operation(builder, kind)
            if operation is not None:
                builder.add(operation)
                return builder.program(), builder.blobs
        except VerificationError:
            continue
    raise AssertionError(f"no program of {kind} fits")


def edge_inputs(program: Program, rng: Random) -> tuple[Tensor, ...]:
    """Valid inputs: ends of the ranges, and values at which an operation changes its mind."""
    edges = {-2, -1, 0, 1, 2}
    for step in program.steps:
        match step.operation:
            case Rescale(_, bits, low, high):
                half = (1 << bits) >> 1
                for clamp in (low, high, 0, 1, rng.randint(-50, 50)):
                    if clamp is not None:
                        edges |= {(clamp << bits) + off for off in (-half, half, 0, -1, 1)}
                        edges |= {(clamp << bits) + sign * half - 1 for sign in (-1, 1)}
            case Divide() | Maximum():
                edges |= set(range(-12, 13))
    tensors = []
    for spec in program.inputs:
        fitting = [edge for edge in edges if spec.minimum <= edge <= spec.maximum]
        fitting += [spec.minimum, spec.maximum]
        values = tuple(
            rng.choice(fitting) if rng.random() < 0.8 else rng.randint(spec.minimum, spec.maximum)
            for _ in range(math.prod(spec.shape))
        )
        tensors.append(Tensor(spec.element_type, spec.shape, values))
    return tuple(tensors)
