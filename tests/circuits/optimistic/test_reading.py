"""Bounds of what one element reads, beside all elements of small programs one by one."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from avow.circuits.optimistic.heaviest import of_tensor
from avow.circuits.optimistic.reading import Reading, Shown, opening, readings
from avow.prover.refutation import Place, Refuter
from avow.verifier.program import operations as op
from avow.verifier.tensor import ElementType
from avow.verifier.trace.key import ProgramKey, program_key
from avow.verifier.trace.layout import CHUNK, Layout, ordered
from avow.verifier.trace.refutation import Kind
from tests.programs.builder import Builder, random_program
from tests.programs.runs import STATEMENT

INT8, INT16 = ElementType.INT8, ElementType.INT16


def shown(layout: Layout, data: bytes) -> Shown:
    """What an opening really holds."""
    ranges = int.from_bytes(data[:2], "big")
    heads = [data[2 + 6 * at : 8 + 6 * at] for at in range(ranges)]
    counts = [int.from_bytes(head[4:], "big") for head in heads]
    if not ranges:
        return Shown(2)
    last = int.from_bytes(heads[-1][:4], "big") + counts[-1]
    size = sum(counts) * CHUNK - max(0, last * CHUNK - layout.size)
    siblings = (len(data) - 2 - 6 * ranges - size) // 32
    return Shown(len(data), sum(counts), ranges, siblings, layout.depth)


def within(one: Shown, most: Shown) -> bool:
    """Whether an opening is none that the bound forgot."""
    return (
        one.octets <= most.octets
        and one.chunks <= most.chunks
        and one.ranges <= most.ranges
        and one.siblings <= most.siblings
    )


def every_element(builder: Builder) -> tuple[ProgramKey, Refuter]:
    """What shows every element of the last tensor."""
    program, blobs = builder.program(), builder.blobs
    key = program_key(program, blobs)
    # Rows of tables are looked up in what was committed to: zero lies in all of them.
    tensors = [bytes(descriptor.result.size) for descriptor in key.descriptors]
    return key, Refuter(program, blobs, key, STATEMENT, tensors)


def convolution(
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    pads: tuple[int, int] = (0, 0),
    step: int = 1,
    apart: int = 1,
    groups: int = 1,
    first: tuple[int, ...] = (),
    outputs: int = 2,
) -> Builder:
    """One convolution; an earlier sum decides how its operand lies."""
    builder = Builder(Random(31))
    x = builder.add_input(shape, INT8, -128, 127)
    if first:
        builder.add(op.Sum((x,), first))
    axes = len(kernel)
    weight = builder.integers((outputs, shape[1] // groups, *kernel), 127)
    before, after = (pads[0],) * axes, (pads[1],) * axes
    bias = builder.integers((outputs,), 9)
    builder.add(
        op.Convolution((x,), weight, bias, (step,) * axes, (apart,) * axes, before, after, groups)
    )
    return builder


def total(shape: tuple[int, ...], axes: tuple[int, ...], first: tuple[int, ...]) -> Builder:
    """A sum of what lies as an earlier sum wished."""
    builder = Builder(Random(32))
    x = builder.add_input(shape, INT16, -9, 9)
    builder.add(op.Sum((x,), first))
    builder.add(op.Sum((x,), axes))
    return builder


def dense(count: int, rows: int, first: tuple[int, ...]) -> Builder:
    """A dense layer over rows, or over columns where an earlier sum wished so."""
    builder = Builder(Random(33))
    x = builder.add_input((rows, count), INT8, -9, 9)
    if first:
        builder.add(op.Sum((x,), first))
    builder.add(op.Dense((x,), builder.integers((3, count), 300), builder.integers((3,), 9)))
    return builder


def contraction(first: tuple[int, ...]) -> Builder:
    """A product of two matrices, each stored as its first reader wished."""
    builder = Builder(Random(34))
    a = builder.add_input((2, 5, 60), INT8, -9, 9)
    b = builder.add_input((2, 60, 40), INT8, -9, 9)
    for x in (a, b) if first else ():
        builder.add(op.Sum((x,), first))
    builder.add(op.Contract((a, b)))
    return builder


CASES: dict[str, Callable[[], Builder]] = {
    "even image": lambda: convolution((1, 40, 8, 8), (3, 3), (1, 1)),
    "as wide as the image": lambda: convolution((1, 20, 6, 6), (6, 6), (3, 2)),
    "wider than the image": lambda: convolution((1, 30, 4, 4), (7, 7), (3, 3)),
    "padding behind": lambda: convolution((1, 8, 9, 9), (5, 5), (0, 4)),
    "steps": lambda: convolution((1, 50, 11, 11), (3, 3), (2, 1), step=3),
    "apart": lambda: convolution((1, 70, 13, 13), (3, 3), (2, 2), apart=3),
    "depthwise": lambda: convolution((1, 300, 5, 5), (3, 3), (1, 1), groups=300, outputs=300),
    "channels first": lambda: convolution((1, 30, 9, 9), (5, 5), (2, 2), first=(2, 3)),
    "rows last": lambda: convolution((1, 9, 20, 20), (5, 5), (2, 2), first=(2,)),
    "one axis": lambda: convolution((2, 6, 90), (31,), (20, 9), apart=2, groups=2),
    "sum of short runs": lambda: total((300, 2, 2), (0, 2), (2,)),
    "sum far apart": lambda: total((40, 500), (0,), (1,)),
    "sum backwards": lambda: total((20, 30, 30), (0, 1), (0,)),
    "sum of rows far apart": lambda: total((12, 9, 200), (0, 2), (2,)),
    "dense": lambda: dense(700, 3, ()),
    "dense over columns": lambda: dense(60, 300, (0,)),
    "contraction": lambda: contraction(()),
    "contraction over columns": lambda: contraction((1,)),
}


@pytest.mark.parametrize("name", CASES)
def test_no_element_shows_more_than_the_bound(name: str) -> None:
    builder = CASES[name]()
    key, refuter = every_element(builder)
    tensor = len(key.descriptors) - 1
    descriptor = key.descriptors[tensor]
    layouts = [*descriptor.operands, *(blob.layout for blob in descriptor.blobs)]
    bounds = list(readings(descriptor))
    most = [Shown()] * len(layouts)
    longest = 0
    for element in range(descriptor.result.count):
        place = Place(Kind.OPERATION, tensor, element)
        head, openings, siblings = refuter.parts(place)
        octets = len(head) + sum(map(len, openings)) + len(siblings)
        if not element:
            assert octets == len(refuter.refute(place))
        longest = max(longest, octets)
        found = [shown(*one) for one in zip(layouts, openings[1:], strict=True)]
        # One of the patterns bounds all that this element opens.
        assert any(all(map(within, found, (*bound.operands, *bound.blobs))) for bound in bounds), (
            element
        )
        most = [max(pair, key=lambda one: one.chunks) for pair in zip(most, found, strict=True)]
    assert longest < max(one.octets for one in of_tensor(key, tensor))
    # Nor is the bound far above what there is: every short piece may lie in two chunks or in one.
    for at, one in enumerate(most):
        highest = max((*bound.operands, *bound.blobs)[at].chunks for bound in bounds)
        assert highest <= 2 * one.chunks, (at, one, highest)


@pytest.mark.parametrize("seed", range(30))
def test_no_element_of_a_random_program_is_longer_than_predicted(seed: int) -> None:
    program, blobs = random_program(seed)
    key = program_key(program, blobs)
    tensors = [
        descriptor.result.store([interval.low] * descriptor.result.count)
        for descriptor, interval in zip(key.descriptors, key.intervals, strict=True)
    ]
    refuter = Refuter(program, blobs, key, STATEMENT, tensors)
    for tensor in range(len(program.inputs), len(tensors)):
        predicted = max(one.octets for one in of_tensor(key, tensor))
        for element in range(key.descriptors[tensor].result.count):
            place = Place(Kind.OPERATION, tensor, element)
            assert len(refuter.refute(place)) < predicted, (tensor, element)


def counted(name: str) -> Reading:
    """The heaviest reading of a case's last tensor."""
    key, _ = every_element(CASES[name]())
    return max(readings(key.descriptors[-1]), key=lambda one: (one.runs, one.words))


def test_runs_and_what_is_in_them_are_counted_as_the_referee_takes_them() -> None:
    short = counted("sum of short runs")
    assert (short.runs, short.turns, short.terms) == (300, 300, 600)
    # Kernel rows of an image whose channels lie together: one run for each.
    even = counted("even image")
    assert (even.runs, even.words, even.products) == (3, 3 * 4, 0)
    # All rows of a kernel as wide as the image are one run; clipped at the border, one for each.
    wide = counted("as wide as the image")
    assert wide.runs == 6
    assert counted("dense").runs == counted("dense").turns + 1 == 1
    assert counted("dense over columns").crossed > 10


def test_a_chunk_is_in_one_range_where_less_than_a_chunk_lies_between() -> None:
    layout = ordered(1, (4, 1000), (0, 1))
    assert opening(layout, [(3, 256)]).ranges == 1
    # At 255, 512 and 769: chunk 1 is not touched.
    assert (opening(layout, [(3, 257)]).ranges, opening(layout, [(3, 257)]).chunks) == (2, 3)
    assert (opening(layout, [(3, 512)]).ranges, opening(layout, [(3, 512)]).chunks) == (3, 3)
    assert opening(layout, [(1000, 1)]).chunks == 5
    assert opening(replace(layout, width=8), [(32, 1)]).chunks == 2
    assert opening(layout).chunks == opening(layout, [(5, 0)]).chunks == 1
