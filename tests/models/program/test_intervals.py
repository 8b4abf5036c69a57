"""The vectorised intervals are those of the verifier, refusals included."""

from random import Random

import numpy as np
import pytest

from avow.models.program.blobs import blob_of, integers
from avow.models.program.intervals import check, linear_bounds, result_interval
from avow.verifier.errors import VerificationError
from avow.verifier.program import blob, intervals, program
from avow.verifier.program.blob import Blob
from avow.verifier.program.intervals import Interval
from avow.verifier.program.operations import (
    Constant,
    Convolution,
    Dense,
    Gather,
    LookupRow,
    Operation,
    Table,
)
from avow.verifier.tensor import ElementType, TensorSpec
from tests.programs.builder import random_program


@pytest.mark.parametrize("seed", range(60))
def test_equal_on_random_programs(seed: int) -> None:
    made, blobs = random_program(seed)
    assert check(made, blobs) == program.check(made, blobs)


def _outcome(function: object, *arguments: object) -> object:
    try:
        return function(*arguments)  # type: ignore[operator]
    except VerificationError as error:
        return str(error)


def _random_constant(rng: Random, shape: tuple[int, ...]) -> Blob:
    bits = rng.choice([3, 8, 16, 32, 55, 63])
    count = int(np.prod(shape))
    ends = [-(2**bits), 2**bits - 1]
    values = [rng.choice([rng.randint(*ends), *ends]) for _ in range(count)]
    return blob.blob_of(values, shape)


_HELD = [
    (kind, value)
    for kind in ElementType
    for value in (0, -128, 128, -(2**15), 2**15, -(2**31), 2**31)
    if kind.minimum <= value <= kind.maximum
]


@pytest.mark.parametrize(("kind", "value"), _HELD)
def test_a_blob_wider_than_its_elements_need_is_refused(kind: ElementType, value: int) -> None:
    """Else one program could be written, and hashed, in several ways."""
    constant = Blob(kind, (2,), value.to_bytes(kind.width, "little", signed=True) * 2)
    x = TensorSpec("x", ElementType.INT8, (2,), 0, 0, 1)
    steps, outputs = (program.Step(Constant((), 0), 0),), (program.Output("y", 1),)
    made = program.Program((x,), (constant.ref(),), steps, outputs)
    narrowest = blob.blob_of([value], (1,)).element_type is kind
    for checked in (check, program.check):
        if narrowest:
            assert checked(made, [constant])[1] == Interval(value, value)
        else:
            with pytest.raises(VerificationError, match="narrowest type"):
                checked(made, [constant])


@pytest.mark.parametrize("seed", range(200))
def test_equal_near_the_bound(seed: int) -> None:
    """Constants up to the ends of int64: both refuse, with the same words, or neither."""
    rng = Random(seed)
    rows, inner = rng.randint(1, 4), rng.randint(1, 9)
    blobs = [
        _random_constant(rng, (rows, inner)),
        _random_constant(rng, (rows,)),
        _random_constant(rng, (rows, 1, inner)),
        blob.blob_of([rng.randint(-1, rows) for _ in range(3)], (3,)),
    ]
    low = rng.choice([0, -1, -(2**40), rng.randint(-(2**20), 0)])
    x = Interval(low, low + 2 ** rng.randint(0, 61))
    narrow = Interval(rng.randint(0, 3), rng.randint(3, 6))
    pads = ((1,), (0,)) if rng.random() < 0.5 else ((0,), (0,))
    cases: list[tuple[Operation, Interval, tuple[int, ...]]] = [
        (Constant((), 0), x, (1,)),
        (Dense((0,), 0, 1), x, (inner,)),
        (Convolution((0,), 2, 1, (1,), (1,), *pads, 1), x, (1, 1, inner)),
        (Table((0,), 1, rng.randint(0, 3)), narrow, (1,)),
        (LookupRow((0,), 0), narrow, (1,)),
        (Gather((0,), 0, 3), x, (rows,)),
    ]
    for operation, operand, shape in cases:
        arguments = (operation, [operand], [shape], blobs)
        expected = _outcome(intervals.result_interval, *arguments)
        assert _outcome(result_interval, *arguments) == expected


def test_other_blobs_are_refused() -> None:
    made, blobs = random_program(1)
    with pytest.raises(VerificationError, match="not those that the program names"):
        check(made, blobs[:-1])


@pytest.mark.parametrize("seed", range(40))
def test_blobs_are_those_of_the_verifier(seed: int) -> None:
    rng = Random(seed)
    shape = tuple(rng.randint(1, 4) for _ in range(rng.randint(0, 3)))
    expected = _random_constant(rng, shape)
    assert integers(expected).ravel().tolist() == expected.values()
    assert blob_of(integers(expected)) == expected
    turned = integers(expected).T
    assert blob_of(turned) == blob.blob_of(turned.ravel().tolist(), turned.shape)


@pytest.mark.parametrize(
    "array", [np.zeros(3), np.zeros(2, np.uint64), np.zeros((0,), np.int64)], ids=str
)
def test_only_signed_integers_make_a_blob(array: np.ndarray) -> None:
    with pytest.raises(VerificationError, match="signed integers"):
        blob_of(array)


def test_sums_of_the_widest_weights() -> None:
    kind = ElementType.INT64
    blobs = [
        blob.blob_of([kind.maximum, kind.maximum, kind.minimum], (1, 3)),
        blob_of(np.ones(1, np.int64)),
    ]
    bounds = linear_bounds(*blobs)
    assert bounds.positive == (2 * kind.maximum,)
    assert bounds.negative == (kind.minimum,)
    assert bounds.reach(3) == 1 + 3 * (2 * kind.maximum - kind.minimum)
