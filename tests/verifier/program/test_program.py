"""Encoding, digest and the promise that every valid input has an answer."""

import json
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avow.verifier import canonical
from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob, blob_of
from avow.verifier.program.operations import (
    Affine,
    Convolution,
    Dense,
    Divide,
    Gather,
    LookupRow,
    Multiply,
    Operation,
    Rescale,
    Slice,
    Table,
)
from avow.verifier.program.program import (
    Output,
    Program,
    Step,
    check,
    output_specs,
    parse_program,
    run,
)
from avow.verifier.tensor import ElementType, TensorSpec
from tests.programs.builder import KINDS, random_inputs, random_program
from tests.verifier.leaves import leaves, mutations

SEEDS = st.integers(0, 2**32)


@given(SEEDS)
@settings(max_examples=60)
def test_reads_back(seed: int) -> None:
    program, _ = random_program(seed)
    assert parse_program(program.encode()) == program


@given(SEEDS)
@settings(max_examples=60)
def test_every_valid_input_has_an_answer_inside_the_derived_range(seed: int) -> None:
    program, blobs = random_program(seed)
    specs = output_specs(program, check(program, blobs))
    for tensor, spec in zip(
        run(program, blobs, random_inputs(program, Random(seed))), specs, strict=True
    ):
        spec.check(tensor)


def test_random_programs_use_every_operation() -> None:
    used = set()
    for seed in range(200):
        program, _ = random_program(seed)
        value = json.loads(program.encode())
        used |= {operation["op"] for operation in value["operations"]}
    assert used == set(KINDS)


def test_every_leaf_is_part_of_the_digest() -> None:
    program, _ = random_program(7)
    whole = json.loads(program.encode())
    for path in leaves(whole):
        for mutated in mutations(whole, path):
            try:
                changed = parse_program(canonical.encode(mutated))
            except VerificationError:
                continue
            assert changed.digest() != program.digest(), path


@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    with pytest.raises(VerificationError):
        parse_program(data)


@given(SEEDS, st.data())
@settings(max_examples=60)
def test_mutated_programs_raise_nothing_else(seed: int, data: st.DataObject) -> None:
    program, blobs = random_program(seed, operations=4)
    whole = json.loads(program.encode())
    path = data.draw(st.sampled_from(list(leaves(whole))))
    junk = data.draw(st.sampled_from([-1, 0, 1, 2**40, True, "", "-1", "x", [], [0], {}, [[]]]))
    holder = whole
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = junk
    try:
        check(parse_program(canonical.encode(whole)), blobs)
    except VerificationError:
        pass


def one_step(
    operation: Operation, blobs: list[Blob], shape: tuple[int, ...] = (1, 4), bound: int = 100
) -> list[object]:
    spec = TensorSpec("x", ElementType.INT64, shape, 0, -bound, bound)
    refs = tuple(blob.ref() for blob in blobs)
    program = Program((spec,), refs, (Step(operation, 0),), (Output("y", 1),))
    return list(check(program, blobs))


ONES = blob_of([1, 1, 1, 1], (1, 4))
BIG = blob_of([2**61] * 4, (1, 4))
ZERO = blob_of([0], (1,))
TABLE = blob_of(list(range(201)), (201,))


@pytest.mark.parametrize(
    ("operation", "blobs", "reason"),
    [
        (Dense((0,), 0, 1), [BIG, ZERO], "beyond 2\\^62"),
        (Dense((0,), 0, 1), [blob_of([1] * 6, (2, 3)), ZERO], "bias"),
        (Dense((0,), 0, 2), [ONES, ZERO], "names blob 2"),
        (Dense((0,), 0, 1), [blob_of([1] * 5, (1, 5)), ZERO], "last axis of 5"),
        (Dense((1,), 0, 1), [ONES, ZERO], "before it exists"),
        (Dense((-1,), 0, 1), [ONES, ZERO], "before it exists"),
        (Dense((0, 0), 0, 1), [ONES, ZERO], "takes 1 operands"),
        (Multiply((0,)), [], "takes 2 operands"),
        (Table((0,), 0, -99), [TABLE], "looks up"),
        (Table((0,), 0, -101), [TABLE], "looks up"),
        (LookupRow((0,), 0), [blob_of([1] * 202, (101, 2))], "looks up"),
        (Divide((0, 0)), [], "divisor can be -100"),
        (Rescale((0,), 63, None, None), [], "bits"),
        (Rescale((0,), 1, 3, 2), [], "empty"),
        (Affine((0,), (2**60,), 0), [], "beyond 2\\^62"),
        (Affine((0, 0), (1,), 0), [], "coefficient"),
        (Gather((0,), 1, 0), [blob_of([4], (1,))], "outside an axis of 4"),
        (Gather((0,), 1, 0), [blob_of([-1], (1,))], "outside an axis of 4"),
        (Gather((0,), 2, 0), [blob_of([0], (1,))], "axes"),
        (Slice((0,), (0, 3), (1, 1), (1, 2)), [], "leaves an axis"),
        (Slice((0,), (0, 0), (1, 0), (1, 2)), [], "leaves an axis"),
        (Convolution((0,), 0, 1, (1,), (1,), (0,), (0,), 1), [ONES, ZERO], "spatial axes"),
    ],
)
def test_what_could_go_wrong_is_refused(
    operation: Operation, blobs: list[Blob], reason: str
) -> None:
    with pytest.raises(VerificationError, match=reason):
        one_step(operation, blobs)


def test_the_edges_are_allowed() -> None:
    assert one_step(Table((0,), 0, -100), [TABLE])
    assert one_step(Affine((0,), (2**55,), 0), [])


def test_partial_sums_count_too() -> None:
    # The total is zero for equal entries, but 2^61 + 2^61 is met on the way.
    cancel = blob_of([2**55, 2**55, -(2**55), -(2**55)], (1, 4))
    with pytest.raises(VerificationError, match=r"beyond 2\^62"):
        one_step(Dense((0,), 0, 1), [cancel, ZERO], bound=100)


def test_other_blobs_than_named_are_refused() -> None:
    program, blobs = random_program(3)
    while not blobs:
        program, blobs = random_program(len(program.encode()))
    other = replace(blobs[0], data=bytes(len(blobs[0].data)))
    if other == blobs[0]:
        other = replace(blobs[0], data=b"\x01" * len(blobs[0].data))
    with pytest.raises(VerificationError, match="not those"):
        check(program, [other, *blobs[1:]])


def test_inputs_are_checked() -> None:
    program, blobs = random_program(5)
    inputs = random_inputs(program, Random(1))
    with pytest.raises(VerificationError, match="expected"):
        run(program, blobs, [*inputs, inputs[0]])
    with pytest.raises(VerificationError, match=r"must be|must have"):
        run(program, blobs, [random_inputs(random_program(11)[0], Random(1))[0], *inputs[1:]])
