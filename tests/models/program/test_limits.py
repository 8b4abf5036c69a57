"""Sums on both sides of every limit at which the fast executor changes its machine type."""

from collections.abc import Callable

import numpy as np
import pytest

from avow.models.program import carriers
from avow.models.program.carriers import Carrier, carrier_for
from avow.models.program.fast import FastExecutor, Optimisation
from avow.models.program.reference import Reference
from avow.models.program.selfcheck_programs import Case, Sketch
from avow.verifier.program.operations import (
    Affine,
    Contract,
    Convolution,
    Dense,
    Multiply,
    Rescale,
    Sum,
)
from tests.models.program.arrays import same

LIMITS = (2**24, 2**53)
BESIDE = (-32, -1, 0, 1, 32, 2**20)


def _dense(sketch: Sketch, top: int) -> int:
    x = sketch.input((40,), -255, 255)
    return sketch.add(Dense((x,), *sketch.weights((9, 40), 255, top)))


def _convolution(sketch: Sketch, top: int) -> int:
    x = sketch.input((1, 16, 6, 6), -31, 31)
    weights = sketch.weights((16, 16, 3, 3), 31, top)
    return sketch.add(Convolution((x,), *weights, (1, 1), (1, 1), (1, 1), (1, 1), 1))


def _affine(sketch: Sketch, top: int) -> int:
    a, b = sketch.input((64,), -1000, 1000), sketch.input((64,), -77, 77)
    factor = top // 2000
    return sketch.add(Affine((a, b), (factor, -3), top - 1 - 1000 * factor - 3 * 77))


def _multiply(sketch: Sketch, top: int) -> int:
    side = int(top**0.5)
    a, b = sketch.input((64,), -side, side), sketch.input((64,), -side - 1, side + 1)
    return sketch.add(Multiply((a, b)))


def _contract(sketch: Sketch, top: int) -> int:
    side = int((top // 16) ** 0.5)
    a, b = sketch.input((1, 5, 16), -side, side), sketch.input((1, 16, 5), -side, side)
    return sketch.add(Contract((a, b)))


def _sum(sketch: Sketch, top: int) -> int:
    x = sketch.input((7, 33), -(top // 33), top // 33)
    return sketch.add(Sum((x,), (1,)))


MAKERS = (_dense, _convolution, _affine, _multiply, _contract, _sum)


def _agree(case: Case) -> None:
    expected = Reference(case.program, case.blobs).run(case.inputs)
    for optimisation in (Optimisation.NONE, Optimisation.ALL):
        executor = FastExecutor(case.program, case.blobs, 1, optimisation=optimisation)
        same(executor.run(case.inputs), expected)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__[1:])
@pytest.mark.parametrize("limit", LIMITS)
def test_a_sum_beside_a_limit(make: Callable[[Sketch, int], int], limit: int) -> None:
    for seed, offset in enumerate(BESIDE):
        for bits in (0, 6):
            sketch = Sketch(seed)
            number = make(sketch, limit + offset)
            kept = sketch.add(Affine((number,), (1,), 0))
            rounded = sketch.add(Rescale((kept,), bits, None, None))
            _agree(sketch.case("kept", [number, rounded], batch=5))
            # Again with one reader only, so that the rescale melts in.
            sketch = Sketch(seed)
            rounded = sketch.add(Rescale((make(sketch, limit + offset),), bits, -(2**50), 2**50))
            _agree(sketch.case("melted", [rounded], batch=5))


def _cancelled(sketch: Sketch, limit: int, factor: int) -> Case:
    # Positive weights, and a bias of minus half of what they can reach: partial sums are up to
    # three times what comes out, and what comes out is just below limit / factor.
    x = sketch.input((1, 8, 5, 5), 0, 255)
    share = limit * 9 // 10 * 2 // factor // 255 // 8
    weight = sketch.random.integers(share // 2, share + 1, (8, 8, 1, 1))
    bias = -weight.reshape(8, -1).sum(axis=1) * 255 // 2
    at = sketch.blob(weight), sketch.blob(bias)
    ones, zeros = (1, 1), (0, 0)
    y = sketch.add(Convolution((x,), *at, ones, ones, zeros, zeros, 1))
    times = sketch.add(Affine((y,), (factor,), 0))
    back = sketch.add(Affine((times,), (-1,), limit // 30))
    return sketch.case("cancelled", [back], batch=9)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("factor", [1, 3, 5, 1023])
def test_what_the_runtime_melts_stays_exact(limit: int, factor: int) -> None:
    """onnxruntime moves factors and sums into the convolution before them."""
    for seed in range(6):
        _agree(_cancelled(Sketch(seed), limit, factor))


@pytest.mark.parametrize("carrier", [Carrier.FLOAT32, Carrier.FLOAT64])
@pytest.mark.parametrize("make", [_dense, _convolution], ids=["dense", "convolution"])
def test_these_programs_would_show_a_limit_set_too_high(
    make: Callable[[Sketch, int], int], carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    sketch = Sketch(1)
    number = make(sketch, 8 * carrier.limit)
    case = sketch.case("beyond", [number], batch=33)
    monkeypatch.setitem(carriers._LIMITS, carrier, 16 * carrier.limit)
    expected = Reference(case.program, case.blobs).run(case.inputs)
    found = FastExecutor(case.program, case.blobs, 1).run(case.inputs)
    assert not np.array_equal(found[0], expected[0])


def test_carriers_change_at_their_limits() -> None:
    assert carrier_for(2**24 - 1) is Carrier.FLOAT32
    assert carrier_for(2**24) is Carrier.FLOAT64
    assert carrier_for(2**53 - 1) is Carrier.FLOAT64
    assert carrier_for(2**53) is Carrier.INT64
