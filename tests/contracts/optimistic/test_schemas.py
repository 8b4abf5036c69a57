"""Inputs and outputs of a key as the referee reads them, against what the verifier makes."""

from random import Random

import pytest

from avow.verifier.program import operations as op
from avow.verifier.program.program import Output, Program, output_specs
from avow.verifier.tensor import ElementType
from avow.verifier.trace.key import ProgramKey, program_key
from tests.contracts.node import Refused
from tests.contracts.optimistic.desk import Desk
from tests.programs.builder import Builder
from tests.programs.every import every_operation


def mixed() -> tuple[Program, ProgramKey]:
    """Inputs of every type and rank, two of them outputs as well, one output twice."""
    builder = Builder(Random(5))
    wide = builder.add_input((2, 3), ElementType.INT64, -(2**40), 2**40)
    narrow = builder.add_input((4,), ElementType.INT32, -128, 127)
    builder.add_input((1, 1, 5), ElementType.INT16, -300, 0)
    builder.add_input((2, 1, 2, 1, 2, 1, 2, 1), ElementType.INT8, -3, 3)
    last = builder.add(op.Sum((wide,), (1,)))
    names = ("a", "b", "c", "d")
    ends = tuple(map(Output, names, (last, wide, narrow, last)))
    program = Program(
        builder.program().inputs, builder.program().blobs, builder.program().steps, ends
    )
    return program, program_key(program, builder.blobs)


def every() -> tuple[Program, ProgramKey]:
    """A program with every operation."""
    program, blobs = every_operation()
    return program, program_key(program, blobs)


@pytest.mark.parametrize("made", [mixed, every])
def test_inputs_and_outputs_are_what_digests_are_made_of(desk: Desk, made) -> None:  # type: ignore[no-untyped-def]
    program, key = made()
    inputs, outputs = key.public_places()
    specs = output_specs(program, key.intervals)
    for output, places, expected in ((False, inputs, program.inputs), (True, outputs, specs)):
        assert len(places) == len(expected)
        for number, (place, spec) in enumerate(zip(places, expected, strict=True)):
            found = desk.schema(key.digest, key.program + place, output, number)
            schema = (spec.element_type.code, tuple(spec.shape))
            tensor = key.outline.outputs[number] if output else number
            rows = key.descriptors[tensor].result.row_major
            assert found == (schema, len(expected), len(key.descriptors), rows)


def test_a_place_of_another_tensor_is_refused(desk: Desk) -> None:
    program, key = mixed()
    inputs, outputs = key.public_places()
    head = key.program
    for output, place, number in (
        (False, inputs[0], 1),
        (False, outputs[0], 4),
        (True, inputs[3], 0),
        (True, outputs[0], 1),
        (True, outputs[0], 4),
        (True, outputs[0], 2**32),
    ):
        with pytest.raises(Refused):
            desk.schema(key.digest, head + place, output, number)
    for data in (bytes(32) + inputs[0], head + inputs[0] + b"\0", head + inputs[0][:-1]):
        with pytest.raises(Refused):
            desk.schema(key.digest, data, False, 0)
    assert desk.schema(key.digest, head + outputs[1], False, 0) == ((4, (2, 3)), 4, 5, True)
    assert desk.schema(key.digest, head + outputs[3], True, 0)[1] == len(program.outputs)
