"""The reference executor says what the definition says, sample by sample."""

from random import Random

import numpy as np
import pytest

from avow.models.program.reference import Reference
from avow.verifier.errors import VerificationError
from avow.verifier.program.operations import Affine
from avow.verifier.program.program import Output, Program, Step, run
from avow.verifier.tensor import ElementType, TensorSpec
from tests.models.program.arrays import batch_inputs
from tests.programs.builder import random_program


@pytest.mark.parametrize("seed", range(60))
def test_equals_the_definition(seed: int) -> None:
    program, blobs = random_program(seed)
    rng = Random(seed)
    arrays, samples = batch_inputs(program, rng, rng.choice([1, 2, 3]))
    answers = Reference(program, blobs).run(arrays)
    for at, sample in enumerate(samples):
        expected = run(program, blobs, sample)
        for got, want in zip(answers, expected, strict=True):
            assert got.dtype == np.int64
            assert got.shape[1:] == want.shape
            assert got[at].ravel().tolist() == list(want.values)


def test_trace_holds_every_tensor() -> None:
    program, blobs = random_program(3)
    arrays, _ = batch_inputs(program, Random(1), 2)
    trace = Reference(program, blobs).trace(arrays)
    assert [value.shape for value in trace] == [(2, *shape) for shape in program.shapes()]


PLAIN = Program(
    (TensorSpec("x", ElementType.INT8, (2, 3), 0, -5, 5),),
    (),
    (Step(Affine((0,), (2,), 1), 0),),
    (Output("y", 1),),
)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "1 inputs expected, got 0"),
        ([np.zeros((1, 2, 3))], "signed integers, got float64"),
        ([np.zeros((1, 2, 3), np.uint8)], "signed integers, got uint8"),
        ([np.zeros((2, 3), np.int64)], r"must have shape \(batch, \*\[2, 3\]\), got \[2, 3\]"),
        ([np.zeros((0, 2, 3), np.int64)], r"got \[0, 2, 3\]"),
        ([np.full((1, 2, 3), 6)], r"must lie in \[-5, 5\], got 6"),
        ([np.full((4, 2, 3), -6)], r"must lie in \[-5, 5\], got -6"),
    ],
)
def test_refuses_invalid_inputs(inputs: list[np.ndarray], message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        Reference(PLAIN, []).run(inputs)
