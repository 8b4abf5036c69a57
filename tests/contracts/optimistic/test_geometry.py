"""Runs that cross what was opened, strides that nobody wished, padding on every side."""

from collections.abc import Callable
from random import Random

import pytest

from avow.prover.refutation import Place
from avow.verifier.program import operations as op
from avow.verifier.program.operations import Operation
from avow.verifier.tensor import ElementType
from avow.verifier.trace.refutation import Kind
from tests.contracts.optimistic.desk import Desk
from tests.contracts.optimistic.test_differential import requires, some
from tests.programs.builder import Builder
from tests.programs.runs import CommittedRun, honest_run

INT8, INT16, INT32 = ElementType.INT8, ElementType.INT16, ElementType.INT32


def convolution(
    shape: tuple[int, ...],
    outputs: int,
    kernel: tuple[int, ...],
    groups: int = 1,
    *,
    strides: tuple[int, ...] = (1, 1),
    dilations: tuple[int, ...] = (1, 1),
    before: tuple[int, ...] = (0, 0),
    after: tuple[int, ...] = (0, 0),
    first: Callable[[int], Operation] | None = None,
) -> CommittedRun:
    """An honest run of a convolution; `first` reads the input before it, and has its wish."""
    builder = Builder(Random(11))
    x = builder.add_input(shape, INT8, -128, 127)
    if first:
        builder.add(first(x))
    axes = len(kernel)
    weight = builder.integers((outputs, shape[1] // groups, *kernel), 127)
    builder.add(
        op.Convolution(
            (x,),
            weight,
            builder.integers((outputs,), 10**6),
            strides[:axes],
            dilations[:axes],
            before[:axes],
            after[:axes],
            groups,
        )
    )
    return honest_run(builder.program(), builder.blobs)


def dot(
    kind: ElementType, bound: int, weights: int, count: int, swap: bool = False
) -> CommittedRun:
    """A dense layer over rows of `count`; swapped, the last axis is not stored last."""
    builder = Builder(Random(12))
    x = builder.add_input((3, count), kind, -bound - 1, bound)
    if swap:
        builder.add(op.Sum((x,), (0,)))
    weight = builder.integers((2, count), weights)
    builder.add(op.Dense((x,), weight, builder.integers((2,), 10**6)))
    return honest_run(builder.program(), builder.blobs)


def contraction(shape: tuple[int, ...]) -> CommittedRun:
    """x times x: one tensor as both operands, stored as the second one wishes."""
    builder = Builder(Random(13))
    x = builder.add_input(shape, INT16, -3000, 3000)
    builder.add(op.Contract((x, x)))
    builder.add(op.Multiply((x, x)))
    return honest_run(builder.program(), builder.blobs)


def total(shape: tuple[int, ...], axes: tuple[int, ...], earlier: tuple[int, ...]) -> CommittedRun:
    """A sum, after another one whose wish the input's order is."""
    builder = Builder(Random(14))
    x = builder.add_input(shape, INT32, -(2**31), 2**31 - 1)
    builder.add(op.Sum((x,), earlier))
    builder.add(op.Sum((x,), axes))
    return honest_run(builder.program(), builder.blobs)


CASES: dict[str, Callable[[], CommittedRun]] = {
    "channels last": lambda: convolution((1, 40, 6, 6), 3, (3, 3)),
    "one axis": lambda: convolution((2, 6, 50), 4, (5,), 2, strides=(3,), before=(2,), after=(4,)),
    "depthwise": lambda: convolution((1, 64, 5, 5), 64, (3, 3), 64, before=(1, 1), after=(1, 1)),
    "dilated": lambda: convolution((1, 4, 9, 9), 2, (3, 3), dilations=(2, 3), before=(3, 0)),
    "padding only": lambda: convolution((1, 2, 3, 3), 2, (2, 2), before=(4, 4), after=(5, 3)),
    "uneven": lambda: convolution((1, 3, 4, 11), 6, (2, 5), 3, strides=(2, 3), before=(1, 2)),
    "wide kernel": lambda: convolution((1, 3, 12, 12), 1, (12, 12), before=(5, 6), after=(6, 5)),
    "kernel beyond the image": lambda: convolution(
        (1, 2, 4, 3), 2, (3, 5), before=(1, 1), after=(1, 1)
    ),
    "rows first": lambda: convolution(
        (1, 30, 8, 8), 2, (3, 3), before=(1, 1), first=lambda x: op.Sum((x,), (3,))
    ),
    "channels first": lambda: convolution(
        (1, 70, 5, 5), 2, (3, 2), after=(0, 2), first=lambda x: op.Sum((x,), (2, 3))
    ),
    "bytes, 31": lambda: dot(INT8, 127, 127, 31),
    "bytes, 32": lambda: dot(INT8, 127, 127, 32),
    "bytes, 1000": lambda: dot(INT8, 127, 127, 1000),
    "bytes times words": lambda: dot(INT8, 127, 2**30, 700),
    "words times bytes": lambda: dot(INT32, 2**31 - 1, 127, 333),
    "strided": lambda: dot(INT8, 127, 127, 900, swap=True),
    "strided words": lambda: dot(INT32, 2**31 - 1, 2**15, 201, swap=True),
    "with itself": lambda: contraction((20, 20)),
    "with itself, in groups": lambda: contraction((2, 3, 9, 9)),
    "sum of all": lambda: total((9, 30), (0, 1), (0,)),
    "sum of nothing": lambda: total((9, 3), (), (0,)),
    "sum across": lambda: total((5, 6, 7), (0, 2), (1,)),
    "sum inside": lambda: total((5, 6, 7), (1,), (0, 2)),
}


@pytest.mark.parametrize("name", CASES)
def test_right_elements_stand_and_wrong_ones_fall(desk: Desk, name: str) -> None:
    run = CASES[name]()
    rng = Random(15)
    for tensor in range(len(run.program.inputs), len(run.values)):
        for element in some(len(run.values[tensor]), rng, 6):
            place = Place(Kind.OPERATION, tensor, element)
            requires(desk, run, place, "false")
        requires(desk, run.flipped(tensor, element), place, "true")
