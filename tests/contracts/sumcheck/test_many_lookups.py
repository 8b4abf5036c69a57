"""A key with more lookups of one table than a byte counts."""

from dataclasses import replace
from random import Random

import pytest

from avow.circuits.sumcheck.blob import blob
from avow.verifier.program import operations as op
from avow.verifier.tensor import ElementType
from tests.contracts.node import Refused
from tests.contracts.sumcheck.desk import Desk, data_of
from tests.contracts.sumcheck.test_single import established
from tests.programs.builder import Builder
from tests.verifier.sumcheck.example import ROOT, Case, make_case


def chain(steps: int) -> Case:
    """One number, shifted and cut off again and again."""
    builder = Builder(Random(1))
    at = builder.add_input((1,), ElementType.INT8, -9, 9)
    for _ in range(steps):
        at = builder.add(op.Rescale((builder.add(op.Affine((at,), (3,), 0)),), 1, -8, 8))
    program = builder.program()
    program = replace(program, outputs=program.outputs[-1:])
    return make_case(program, builder.blobs, width=4, logrows=8)


def test_more_lookups_than_a_byte_counts(desk: Desk) -> None:
    case = chain(100)
    assert len(case.key.relation(1).lookups) > 255
    data = [data_of(case.inputs[0]), data_of(case.outputs[0])]
    code, proof = blob(case.key), bytes(case.proof)
    found = desk.verify(code, ROOT, *data, proof)
    assert found == established(case.key, case.inputs[0], case.outputs[0])
    for place in range(0, len(proof), len(proof) // 16):
        changed = proof[:place] + bytes([proof[place] ^ 1]) + proof[place + 1 :]
        with pytest.raises(Refused):
            desk.verify(code, ROOT, *data, changed)
