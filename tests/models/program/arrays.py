"""Random inputs of a program as batches of arrays."""

from collections.abc import Sequence
from random import Random

import numpy as np

from avow.models.program.blobs import AnyIntegers, Integers
from avow.verifier.program.program import Program
from avow.verifier.tensor import Tensor
from tests.programs.builder import random_inputs


def batch_inputs(
    program: Program, rng: Random, batch: int
) -> tuple[list[AnyIntegers], list[list[Tensor]]]:
    """The inputs of `batch` samples, stacked as arrays and one by one as tensors."""
    samples = [random_inputs(program, rng) for _ in range(batch)]
    arrays = [
        np.array([sample[at].values for sample in samples], np.int64).reshape(batch, *spec.shape)
        for at, spec in enumerate(program.inputs)
    ]
    return arrays, samples


def same(got: Sequence[Integers], wanted: Sequence[Integers]) -> None:
    """Equal in number, type, shape and every element."""
    assert len(got) == len(wanted)
    for found, expected in zip(got, wanted, strict=True):
        assert found.dtype == np.int64
        assert found.shape == expected.shape
        assert np.array_equal(found, expected)
