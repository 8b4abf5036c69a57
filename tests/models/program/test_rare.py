"""Programs that no compiler writes, valid all the same: equal to the reference bit for bit."""

import itertools

import numpy as np
import pytest

from avow.models.program.export import export
from avow.models.program.fast import FastExecutor, Optimisation
from avow.models.program.reference import Reference
from avow.models.program.selfcheck_programs import Case, Sketch
from avow.verifier.program.operations import (
    Affine,
    Broadcast,
    Constant,
    Contract,
    Dense,
    Divide,
    Multiply,
    Reshape,
    Sum,
)
from tests.models.program.arrays import same


def _agree(case: Case) -> None:
    expected = Reference(case.program, case.blobs).run(case.inputs)
    for optimisation, portable in itertools.product(Optimisation, (False, True)):
        executor = FastExecutor(
            case.program, case.blobs, 1, optimisation=optimisation, portable=portable
        )
        same(executor.run(case.inputs), expected)


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 2), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("lead", [1, 3])
@pytest.mark.parametrize("keep", [False, True])
def test_long_sums_keep_every_bit(axes: tuple[int, ...], lead: int, keep: bool) -> None:
    """onnxruntime's own sum of 64-bit integers keeps 53 bits."""
    shape = (lead, 4, 5)
    sketch = Sketch(1)
    x = sketch.input(shape, -(2**55), 2**55)
    y = sketch.add(Sum((x,), axes))
    if keep:
        kept = tuple(1 if axis in axes else n for axis, n in enumerate(shape))
        y = sketch.add(Reshape((y,), kept))
    _agree(sketch.case("long sum", [y]))


def test_a_long_factor_beside_a_product_of_matrices() -> None:
    """onnxruntime would move it into an attribute of 32 bits."""
    sketch = Sketch(1)
    a, b = sketch.input((2, 3, 4), -9, 9), sketch.input((2, 4, 5), -9, 9)
    scaled = sketch.add(Affine((a,), (2**30 + 1,), 0))
    _agree(sketch.case("factor", [sketch.add(Contract((scaled, b)))]))


@pytest.mark.parametrize("far", [2**24, 2**30, -(2**40)])
def test_bytes_of_inputs_far_from_zero(far: int) -> None:
    """A span of few digits is not enough: float32 must hold the inputs."""
    sketch = Sketch(1)
    x = sketch.input((512,), far, far + 1000)
    weight = sketch.blob(sketch.random.integers(-1, 2, (512, 512)))
    bias = sketch.blob(np.zeros(512, np.int64))
    _agree(sketch.case("far", [sketch.add(Dense((x,), weight, bias))]))


def test_bytes_of_weights_that_are_all_positive() -> None:
    """Beside one of 2^15, which is what stands for 0 then chosen for each output."""
    sketch = Sketch(1)
    x = sketch.input((512,), -200, 300)
    weight = sketch.random.integers(1, 30000, (512, 512))
    weight[0, 0] = 2**15
    numbers = sketch.blob(weight), sketch.blob(np.zeros(512, np.int64))
    case = sketch.case("positive", [sketch.add(Dense((x,), *numbers))])
    assert b"MatMulInteger" in (export(case.program, case.blobs).model or b"")
    _agree(case)


@pytest.mark.parametrize("factor", [0, 1])
def test_a_repeated_operand_and_a_constant_that_adds_nothing(factor: int) -> None:
    sketch = Sketch(1)
    x = sketch.input((2, 1), -9, 9)
    wide = sketch.add(Broadcast((x,), (2, 3)))
    zeros = sketch.add(Constant((), sketch.blob(np.full((2, 3), 1 - factor))))
    _agree(sketch.case("zeros", [sketch.add(Affine((wide, zeros), (1, factor), 0))]))


def test_a_multiplied_numerator_of_a_rounded_quotient() -> None:
    sketch = Sketch(1)
    x, b = sketch.input((4,), -50, 50), sketch.input((4,), 1, 9)
    factors = sketch.add(Constant((), sketch.blob(np.array([1, 2, 3, 4]))))
    a = sketch.add(Multiply((x, factors)))
    top, bottom = sketch.add(Affine((a, b), (2, 1), 0)), sketch.add(Affine((b,), (2,), 0))
    _agree(sketch.case("numerator", [sketch.add(Divide((top, bottom)))]))


@pytest.mark.parametrize("constant", [False, True])
def test_huge_factors_of_what_is_always_zero(constant: bool) -> None:
    """Their product is no number of any machine type."""
    sketch = Sketch(1)
    x = sketch.input((4,), 0, 0)
    y = sketch.add(Constant((), sketch.blob(np.zeros(4, np.int64)))) if constant else x
    for _ in range(20):
        y = sketch.add(Affine((y,), (2**61,), 0))
    _agree(sketch.case("zero", [sketch.add(Affine((x, y), (1, 1), 0))]))


def test_a_difference_of_single_numbers() -> None:
    """Without axes there is nothing to be centred."""
    sketch = Sketch(1)
    x = sketch.input((), -9, 9)
    spread = sketch.add(Sum((x,), ()))
    _agree(sketch.case("rank 0", [sketch.add(Affine((x, spread), (3, -1), 0))]))


def test_a_long_chain_of_repetitions() -> None:
    sketch = Sketch(1)
    x = sketch.input((2, 1), -9, 9)
    for length in (1, 3):
        for _ in range(1500):
            x = sketch.add(Broadcast((x,), (2, length)))
    _agree(sketch.case("chain", [x]))
