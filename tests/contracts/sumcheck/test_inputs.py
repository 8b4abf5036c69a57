"""Inputs of 16 bits that are not negative: their ranges and sums have code of their own."""

from random import Random

import pytest

from avow.circuits.sumcheck.blob import blob
from avow.verifier.program import operations as op
from avow.verifier.tensor import ElementType
from tests.contracts.node import Refused, selector
from tests.contracts.sumcheck.desk import Desk, data_of
from tests.programs.builder import Builder
from tests.verifier.sumcheck.example import ROOT, Case, make_case


def case_of(shape: tuple[int, ...], low: int, high: int) -> Case:
    """An honest proof of a dense layer over the last axis."""
    builder = Builder(Random(5))
    x = builder.add_input(shape, ElementType.INT16, low, high)
    count = shape[-1]
    weight = builder.blob([1 + k % 3 for k in range(2 * count)], (2, count))
    builder.add(op.Dense((x,), weight, builder.blob([0, 1], (2,))))
    program = builder.program()
    return make_case(program, builder.blobs, logrows=5)


# Rows and columns that are no multiples of what is taken together; a long axis, which is split.
@pytest.mark.parametrize("shape", [(4, 3), (2, 5, 7), (2, 48)])
@pytest.mark.parametrize("ends", [(0, 256), (3, 30_000), (32_767, 32_767), (0, 0)])
def test_every_cell_counts_at_the_ends_of_a_range(
    desk: Desk, shape: tuple[int, ...], ends: tuple[int, int]
) -> None:
    low, high = ends
    case = case_of(shape, low, high)
    data, answer = data_of(case.inputs[0]), data_of(case.outputs[0])
    code, proof = blob(case.key), bytes(case.proof)
    desk.verify(code, ROOT, data, answer, proof)
    for place in range(0, len(data), 2):
        value = int.from_bytes(data[place : place + 2], "big")
        others = {value - 1, value + 1, low - 1, low, high, high + 1, 0x7FFF, 0x8000, 0xFFFF}
        for other in sorted(others - {value, -1}):
            changed = data[:place] + other.to_bytes(2, "big") + data[place + 2 :]
            with pytest.raises(Refused) as caught:
                desk.verify(code, ROOT, changed, answer, proof)
            outside = caught.value.data[:4] == selector("OutsideRange(uint256)")
            assert outside is not (low <= other <= high)
