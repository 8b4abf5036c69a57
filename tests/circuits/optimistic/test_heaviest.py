"""What refuting an element is predicted to take, beside refutations as they are."""

import dataclasses
from random import Random

import pytest

from avow.circuits.errors import CircuitError
from avow.circuits.optimistic import heaviest
from avow.circuits.optimistic.heaviest import MOST_OCTETS, heaviest_element, of_tensor
from avow.prover.refutation import Place, Refuter
from avow.verifier.commitment import Scheme
from avow.verifier.limits import LIMITS
from avow.verifier.program import operations as op
from avow.verifier.program.blob import BlobRef
from avow.verifier.program.intervals import Interval
from avow.verifier.program.program import Output, Program, Step
from avow.verifier.tensor import ElementType, Tensor, TensorSpec
from avow.verifier.trace.descriptor import describe
from avow.verifier.trace.key import ProgramKey, program_key
from avow.verifier.trace.key import key_of as key_of_program
from avow.verifier.trace.layout import LARGEST_SHOWN
from avow.verifier.trace.refutation import Kind
from tests.programs.builder import Builder, random_inputs
from tests.programs.claims import every_case
from tests.programs.runs import STATEMENT

RUN = every_case().run
INPUTS = len(RUN.program.inputs)
INT8 = ElementType.INT8


def key_of(builder: Builder) -> ProgramKey:
    """The key of what was built."""
    return program_key(builder.program(), builder.blobs)


def refuter_of(builder: Builder) -> Refuter:
    """What shows elements of some run of what was built, right or not."""
    program, blobs, key = builder.program(), builder.blobs, key_of(builder)
    rng = Random(22)
    tensors = [rng.randbytes(descriptor.result.size) for descriptor in key.descriptors]
    return Refuter(program, blobs, key, STATEMENT, tensors)


def test_no_refutation_is_longer_than_predicted() -> None:
    refuter = RUN.refuter()
    for tensor in range(INPUTS, len(RUN.values)):
        predicted = max(one.octets for one in of_tensor(RUN.key, tensor))
        for element in range(len(RUN.values[tensor])):
            shown = refuter.refute(Place(Kind.OPERATION, tensor, element))
            assert len(shown) < predicted, (tensor, element)


def test_no_refutation_of_inputs_and_outputs_is_longer_than_predicted() -> None:
    refuter = RUN.refuter()
    places = [(Place(Kind.INPUT, at, 0), RUN.inputs) for at in range(INPUTS)]
    for number, output in enumerate(RUN.program.outputs):
        places.append((Place(Kind.OUTPUT, output.tensor, 0, number), RUN.outputs))
    for place, stated in places:
        found = of_tensor(RUN.key, place.tensor)
        whole = next(one for one in found if one.operation == "input or output")
        assert len(refuter.refute(place, stated)) < whole.octets


def test_the_heaviest_is_named_and_too_heavy_ones_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worst = heaviest_element(RUN.key)
    assert worst.gas <= heaviest.MOST_GAS
    monkeypatch.setattr(heaviest, "MOST_GAS", worst.gas - 1)
    named = rf"tensor {worst.tensor} \({worst.operation}\): .* {worst.gas:,} gas"
    with pytest.raises(CircuitError, match=named):
        heaviest_element(RUN.key)


def flattened(side: int) -> Builder:
    """A picture in three colours, as one row."""
    builder = Builder(Random(3))
    picture = builder.add_input((1, 3, side, side), INT8, -128, 127)
    builder.add(op.Reshape((picture,), (1, 3 * side * side)))
    return builder


def test_an_answer_that_fits_no_transaction_is_refused_and_told_why() -> None:
    """A picture of 224 x 224 as the answer: 150,528 bytes. Of 200 x 200 it fits."""
    heaviest_element(key_of(flattened(200)))
    with pytest.raises(CircuitError, match=r"input or output.*as a whole") as caught:
        heaviest_element(key_of(flattened(224)))
    assert "\n" not in str(caught.value)


def test_a_picture_is_compared_by_its_root_and_read_row_by_row() -> None:
    """ResNet's first operation on 3 x 224 x 224: 7 x 7, every second place."""
    builder = Builder(Random(31))
    x = builder.add_input((1, 3, 224, 224), INT8, -128, 127)
    weight, bias = builder.integers((4, 3, 7, 7), 100), builder.integers((4,), 100)
    builder.add(op.Convolution((x,), weight, bias, (2, 2), (1, 1), (3, 3), (3, 3), 1))
    builder.add(op.Slice((1,), (0, 0, 0, 0), (1, 1, 1, 1), (1, 4, 8, 8)))
    program = dataclasses.replace(builder.program(), outputs=(Output("y", 2),))
    key = program_key(program, builder.blobs)
    rng = Random(33)
    tensors = [rng.randbytes(descriptor.result.size) for descriptor in key.descriptors]
    refuter = Refuter(program, builder.blobs, key, STATEMENT, tensors)
    assert key.descriptors[0].result.row_major
    assert heaviest_element(key).octets < 40_000
    (by_root,) = of_tensor(key, 0)
    assert by_root.operation == "input, by its root" and by_root.octets < 2_500
    stated = honest_input(builder)
    for element in (0, 150_527):
        shown = refuter.refute(Place(Kind.INPUT, 0, element), stated, Scheme.PUBLIC_TREE)
        assert len(shown) < by_root.octets
        held = [Tensor(INT8, (1, 3, 224, 224), held_by(refuter, 0))]
        opened = refuter.refute(Place(Kind.INPUT, 0, element), held, Scheme.PUBLIC_TREE)
        assert len(shown) < len(opened) < by_root.octets
    most = max(one.octets for one in of_tensor(key, 1))
    for element in (0, 112 * 56 + 56, 4 * 112 * 112 - 1):
        assert len(refuter.refute(Place(Kind.OPERATION, 1, element))) < most


def honest_input(builder: Builder) -> list[Tensor]:
    """An input of the program."""
    return random_inputs(builder.program(), Random(32))


def held_by(refuter: Refuter, tensor: int) -> tuple[int, ...]:
    """The elements of a tensor of bytes that is stored row by row."""
    return tuple(int.from_bytes([one], "big", signed=True) for one in refuter.tensors[tensor])


def image(channels: int, side: int, kernel: int, outputs: int, bound: int = 2**30) -> Builder:
    """A convolution that keeps the size of a square image."""
    builder = Builder(Random(21))
    x = builder.add_input((1, channels, side, side), INT8, -128, 127)
    weight = builder.integers((outputs, channels, kernel, kernel), bound)
    around = (kernel // 2, kernel // 2)
    bias = builder.integers((outputs,), 100)
    builder.add(op.Convolution((x,), weight, bias, (1, 1), (1, 1), around, around, 1))
    return builder


def test_an_element_inside_counts_where_those_at_the_corners_are_lighter() -> None:
    """Of two channels, the first, the middle and the last element all lie in a corner."""
    fits, side = image(60, 9, 9, 2), 9
    refuter = refuter_of(fits)
    shown = {
        element: len(refuter.refute(Place(Kind.OPERATION, 1, element)))
        for element in (0, side * side // 2, side * side, 2 * side * side - 1)
    }
    inside = shown.pop(side * side // 2)
    assert inside > 2 * max(shown.values())
    octets = max(one.octets for one in of_tensor(key_of(fits), 1))
    assert inside < octets < 1.6 * inside
    with pytest.raises(CircuitError, match=r"convolution\): .* would have to be shown"):
        heaviest_element(key_of(image(560, 15, 15, 2)))


@pytest.mark.parametrize(("length", "whole"), [(LARGEST_SHOWN, True), (LARGEST_SHOWN + 1, False)])
def test_an_input_is_shown_whole_as_long_as_nodes_pass_it_on(length: int, whole: bool) -> None:
    """The pools of go-ethereum and reth refuse transactions of more than 128 KiB."""
    builder = Builder(Random(23))
    x = builder.add_input((length,), INT8, -128, 127)
    builder.add(op.Slice((x,), (0,), (1,), (8,)))
    (found,) = of_tensor(key_of(builder), 0)
    assert heaviest_element(key_of(builder)).octets <= MOST_OCTETS
    if whole:
        assert found.operation == "input or output"
        # EIP-7623: 40 gas for every byte, whatever the work.
        assert found.gas == 21_000 + 40 * found.octets
    else:
        assert found.operation == "input, by its root"


def test_whatever_stands_around_an_input_that_is_shown_whole_fits_beside_it() -> None:
    """As many inputs, outputs, axes and tensors as there may be."""
    builder = Builder(Random(25))
    shape = (1, 1, 1, 1, 1, 1, 1, LARGEST_SHOWN)
    inputs = [builder.add_input(shape, INT8, -128, 127) for _ in range(LIMITS.tensors)]
    for x in inputs:
        builder.add(op.Slice((x,), (0,) * 8, (1,) * 8, (1,) * 8))
    first = len(inputs)
    outputs = tuple(Output(f"y{at}", first + at) for at in range(LIMITS.tensors))
    key = program_key(dataclasses.replace(builder.program(), outputs=outputs), builder.blobs)
    largest = dataclasses.replace(key, outline=dataclasses.replace(key.outline, tensors=2**17 - 1))
    assert largest.outline.depth == 17
    found = [next(of_tensor(largest, at)) for at in range(first)]
    assert {one.operation for one in found} == {"input or output"}
    assert max(one.octets for one in found) <= MOST_OCTETS


def test_an_output_is_shown_whole_too() -> None:
    builder = Builder(Random(24))
    x = builder.add_input((300,), INT8, -128, 127)
    wide = builder.add(op.Reshape((x,), (1, 300)))
    builder.add(op.Broadcast((wide,), (500, 300)))
    with pytest.raises(CircuitError, match=r"tensor 2 \(input or output\): .* 15\d,\d\d\d bytes"):
        heaviest_element(key_of(builder))


def short_runs(rows: int) -> ProgramKey:
    """A sum over the first and last axis of a tensor that is stored as another reader wished."""
    builder = Builder(Random(41))
    x = builder.add_input((rows, 2, 2), INT8, -128, 127)
    builder.add(op.Sum((x,), (2,)))
    builder.add(op.Sum((x,), (0, 2)))
    return key_of(builder)


def test_many_short_runs_are_counted() -> None:
    """Each run of two elements takes as long to begin as fifteen elements."""
    assert heaviest_element(short_runs(5_000)).gas < heaviest.MOST_GAS
    with pytest.raises(CircuitError, match=r"tensor 2 \(sum\): .* gas to check one element"):
        heaviest_element(short_runs(30_000))


def test_many_operands_are_counted() -> None:
    """Each is opened alone, with a way of its own to the trace's root."""

    def sums_of(count: int) -> ProgramKey:
        builder = Builder(Random(25))
        x = builder.add_input((5_000,), INT8, -5, 5)
        parts = tuple(builder.add(op.Affine((x,), (1,), at)) for at in range(count))
        builder.add(op.Affine(parts, (1,) * count, 0))
        return key_of(builder)

    worst = heaviest_element(sums_of(200))
    assert (worst.operation, worst.tensor) == ("affine", 201)
    with pytest.raises(CircuitError, match=r"tensor 256 \(affine\): .* would have to be shown"):
        heaviest_element(sums_of(255))


def test_only_one_operand_of_a_concatenation_is_shown() -> None:
    builder = Builder(Random(26))
    x = builder.add_input((400,), INT8, -5, 5)
    parts = tuple(builder.add(op.Affine((x,), (1,), at)) for at in range(200))
    builder.add(op.Concat(parts, 0))
    key = key_of(builder)
    (one,) = [one for one in of_tensor(key, 201) if one.operation == "concat"]
    refuter = refuter_of(builder)
    shown = [len(refuter.refute(Place(Kind.OPERATION, 201, at))) for at in (0, 40_000, 79_999)]
    assert max(shown) < one.octets < max(shown) + 2_000


def test_a_hundred_million_weights_are_bounded_by_their_shapes() -> None:
    """No constant is looked at: here there is none."""
    side = 10_000
    weight = BlobRef(bytes(32), INT8, (side, side))
    bias = BlobRef(bytes(32), ElementType.INT32, (side,))
    spec = TensorSpec("x", INT8, (side,), 0, -128, 127)
    steps = (Step(op.Dense((0,), 0, 1), 0),)
    program = Program((spec,), (weight, bias), steps, (Output("y", 1),))
    intervals = (Interval(-128, 127), Interval(-(2**30), 2**30))
    descriptors = describe(program, intervals, lambda number, layout: bytes(32))
    key = key_of_program(program, intervals, descriptors)
    worst = heaviest_element(key)
    assert (worst.operation, worst.tensor) == ("input or output", 1)
    (one,) = (one for one in of_tensor(key, 1) if one.operation == "dense")
    # A row of weights and the input, 40 chunks each at least.
    assert 2 * 40 * 256 < one.octets < 25_000
