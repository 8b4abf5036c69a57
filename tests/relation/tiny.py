"""Tiny random programs: ranges so small that every witness can be tried."""

from random import Random

from avow.verifier.errors import VerificationError
from avow.verifier.program import operations as op
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program
from avow.verifier.tensor import ElementType
from tests.programs.builder import KINDS, Builder, random_operation

REACH = 60


def _operation(builder: Builder, kind: str) -> op.Operation | None:
    """A small operation of that kind on the last tensor, or None where it does not fit."""
    rng, at = builder.rng, len(builder.shapes) - 1
    shape, interval = builder.shapes[at], builder.intervals[at]
    match kind:
        case "constant":
            return op.Constant((), builder.integers(shape, 3))
        case "dense" if shape:
            n = rng.choice((1, 2, 3))
            return op.Dense((at,), builder.integers((n, shape[-1]), 2), builder.integers((n,), 3))
        case "contract" if len(shape) >= 2:
            other = (*shape[:-2], shape[-1], rng.choice((1, 3)))
            return op.Contract((at, builder.add(op.Constant((), builder.integers(other, 2)))))
        case "affine":
            other = builder.with_shape(shape)
            return op.Affine((at, other), (rng.choice((1, 2, -3)), rng.choice((-1, 0, 1))), 5)
        case "rescale":
            low = rng.choice((None, interval.low + 3, -4, 0))
            high = rng.choice((None, interval.high - 5, 2, 3, 4))
            return op.Rescale((at,), rng.choice((0, 1, 2, 3)), low, high)
        case "divide":
            divisor = builder.add(op.Rescale((builder.with_shape(shape),), 0, 1, 5))
            return op.Divide((at, divisor))
        case "table":
            size = interval.high - interval.low + rng.choice((1, 3))
            blob = builder.integers((size,), 9)
            return op.Table((at,), blob, interval.low)
        case "lookup_row" if len(shape) < 4:
            narrow = builder.add(op.Rescale((at,), 0, 0, 2))
            return op.LookupRow((narrow,), builder.integers((3, rng.choice((1, 3))), 5))
        case "convolution" if len(shape) not in (3, 4):
            return None
        case "convolution":
            return _convolution(builder, at)
        case _:
            return random_operation(builder, kind)


def _convolution(builder: Builder, at: int) -> op.Operation:
    rng = builder.rng
    _, channels, *space = builder.shapes[at]
    groups = rng.choice([g for g in (1, 2, 3) if channels % g == 0])
    kernel = tuple(rng.randint(1, min(2, n)) for n in space)
    weight = builder.integers((groups, channels // groups, *kernel), 1)
    ones = (1,) * len(space)
    pads = tuple(rng.randint(0, 1) for _ in space)
    return op.Convolution(
        (at,), weight, builder.integers((groups,), 3), ones, ones, pads, pads, groups
    )


def tiny_program(seed: int, kind: str, more: int = 1) -> tuple[Program, list[Blob]]:
    """A program with that kind of operation, up to `more` before it and a rescale behind."""
    rng = Random(seed)
    while True:
        builder = Builder(rng)
        shape = tuple(rng.choice((1, 2, 3)) for _ in range(rng.randint(1, 4)))
        bound = rng.choice((1, 3, 6))
        builder.add_input(shape, ElementType.INT8, -bound, bound)
        try:
            kinds = [rng.choice(KINDS) for _ in range(rng.randint(0, more))]
            for each in (*kinds, kind):
                operation = _operation(builder, each)
                if operation is not None:
                    builder.add(operation)
            if operation is None or max(x.magnitude for x in builder.intervals) > REACH:
                continue
            if rng.random() < 0.5:
                last = len(builder.shapes) - 1
                builder.add(op.Rescale((last,), rng.choice((0, 1, 2)), None, rng.choice((None, 2))))
        except VerificationError:
            continue
        if sum(len(blob.data) for blob in builder.blobs) < 60 and len(builder.shapes[-1]) < 5:
            return builder.program(), builder.blobs
