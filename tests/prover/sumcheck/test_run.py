"""The prover's run is the reference's, tensor by tensor, in floats or not."""

from functools import partial
from random import Random

import numpy as np
import pytest

from avow.models.program.reference import Reference
from avow.prover.systems.sumcheck import run
from avow.prover.systems.sumcheck.run import Runner
from avow.prover.systems.sumcheck.threads import Threads
from avow.verifier.program.blob import Blob
from avow.verifier.program.operations import Convolution, Dense
from avow.verifier.program.program import Program
from avow.verifier.tensor import ElementType
from tests.programs.builder import Builder, random_inputs, random_program


def same(program: Program, blobs: list[Blob], seed: int, batch: int = 2) -> None:
    """Compare both on a batch."""
    rng = Random(seed)
    samples = [random_inputs(program, rng) for _ in range(batch)]
    arrays = [
        np.array([sample[number].values for sample in samples]).reshape(batch, *spec.shape)
        for number, spec in enumerate(program.inputs)
    ]
    expected = Reference(program, blobs).trace(arrays)
    for got, wanted in zip(Runner(program, blobs).trace(arrays), expected, strict=True):
        assert got.dtype == np.int64
        assert np.array_equal(got, wanted)


@pytest.mark.parametrize("seed", range(200, 260))
def test_random_programs(seed: int) -> None:
    program, blobs = random_program(seed)
    same(program, blobs, seed)


def _threads(count: int) -> Threads:
    own = Threads()
    own.count = count
    return own


@pytest.mark.parametrize("spatial", [1, 2])
@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("threads", [1, 2, 9])
def test_convolutions(
    spatial: int, groups: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_LEAST", 1)
    monkeypatch.setattr(run, "Threads", partial(_threads, threads))
    builder = Builder(Random(spatial + groups))
    x = builder.add_input((2, 6, *(7, 5)[:spatial]), ElementType.INT8, -128, 127)
    weight = builder.integers((9, 6 // groups, *(3, 2)[:spatial]), 100)
    ones = (1,) * spatial
    axes = ((2, 1)[:spatial], (1, 2)[:spatial], (2, 0)[:spatial], ones)
    builder.add(Convolution((x,), weight, builder.integers((9,), 1000), *axes, groups))
    same(builder.program(), builder.blobs, 1)


@pytest.mark.parametrize("bits", [20, 44, 50, 51])
def test_sums_around_what_a_float_holds(bits: int) -> None:
    # Four products of up to 2^(bits + 7) and a bias: exact beyond 2^53, where floats are not.
    builder = Builder(Random(bits))
    x = builder.add_input((3, 4), ElementType.INT8, -128, 127)
    weight = builder.blob([2**bits + 1] * 4 + [-(2**bits) - 1, 3, 5, 2**bits - 1], (2, 4))
    builder.add(Dense((x,), weight, builder.blob([1, -(2**bits)], (2,))))
    same(builder.program(), builder.blobs, bits, batch=3)


def test_weights_too_large_to_keep_as_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_KEPT", 8 * 20)
    monkeypatch.setattr(run, "_PART", 25)
    builder = Builder(Random(1))
    x = builder.add_input((2, 10), ElementType.INT8, -128, 127)
    images = builder.add_input((1, 3, 4, 4), ElementType.INT8, -128, 127)
    for rows in (2, 7, 13):
        weight = builder.integers((rows, 10), 100)
        builder.add(Dense((x,), weight, builder.integers((rows,), 1000)))
    weight = builder.integers((5, 3, 2, 2), 100)
    ones, zeros = (1, 1), (0, 0)
    bias = builder.integers((5,), 9)
    builder.add(Convolution((images,), weight, bias, ones, ones, zeros, ones, 1))
    same(builder.program(), builder.blobs, 1)
