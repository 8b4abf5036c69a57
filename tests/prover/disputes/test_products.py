"""Large products checked by random columns: the right ones always hold, wrong ones do not."""

from random import Random

import numpy as np
import pytest

from avow.models.program.reference import evaluate
from avow.prover.disputes import products
from avow.prover.disputes.products import ProductCheck, columns_for, worth_it
from avow.verifier.program import operations as op
from avow.verifier.program.blob import Blob, blob_of
from avow.verifier.program.intervals import Interval, result_interval

Case = tuple[op.Dense | op.Convolution | op.Contract, list[tuple[int, ...]], list[Blob]]


def blob(rng: Random, *shape: int) -> Blob:
    return blob_of([rng.randint(-128, 127) for _ in range(int(np.prod(shape)))], shape)


def dense(rng: Random) -> Case:
    return op.Dense((0,), 0, 1), [(3, 40)], [blob(rng, 24, 40), blob(rng, 24)]


def convolution(rng: Random) -> Case:
    """Groups, dilation, stride and padding, all different for the two axes."""
    operation = op.Convolution((0,), 0, 1, (2, 1), (1, 2), (1, 0), (0, 3), groups=2)
    return operation, [(1, 6, 9, 8)], [blob(rng, 40, 3, 3, 2), blob(rng, 40)]


def contract(rng: Random) -> Case:
    return op.Contract((0, 1)), [(2, 5, 7), (2, 7, 16)], []


CASES = [dense, convolution, contract]


def made(case: Case, seed: int = 1):  # type: ignore[no-untyped-def]
    operation, shapes, blobs = case
    draw = np.random.default_rng(seed)
    operands = [draw.integers(-128, 128, shape).astype(np.int64) for shape in shapes]
    result = evaluate(operation, [one[np.newaxis] for one in operands], blobs)[0]
    interval = result_interval(operation, [Interval(-128, 127)] * len(shapes), shapes, blobs)
    assert worth_it(operation, shapes, blobs, interval)
    return operands, result, interval


@pytest.mark.parametrize("case", CASES)
def test_the_right_product_holds(case) -> None:  # type: ignore[no-untyped-def]
    operation, shapes, blobs = case(Random(1))
    for seed in range(3):
        operands, result, interval = made((operation, shapes, blobs), seed)
        assert ProductCheck(operation, shapes, blobs, interval).holds(operands, result)


@pytest.mark.parametrize("case", CASES)
def test_any_wrong_element_is_found(case) -> None:  # type: ignore[no-untyped-def]
    operation, shapes, blobs = case(Random(2))
    operands, result, interval = made((operation, shapes, blobs))
    check = ProductCheck(operation, shapes, blobs, interval)
    rng = Random(3)
    highest = 1 << (interval.high - interval.low).bit_length() - 1
    for wrong in [1, -1, highest, *(rng.randint(1, highest) for _ in range(40))]:
        changed = result.copy()
        changed.reshape(-1)[rng.randrange(result.size)] += wrong
        assert not check.holds(operands, changed)


@pytest.mark.parametrize("case", CASES)
def test_wrong_elements_that_cancel_are_found(case) -> None:  # type: ignore[no-untyped-def]
    """Their sum is right, and two are exchanged: fixed columns of ones would not see it."""
    operation, shapes, blobs = case(Random(4))
    operands, result, interval = made((operation, shapes, blobs))
    check = ProductCheck(operation, shapes, blobs, interval)
    changed = result.copy().reshape(-1)
    changed[0] += 5
    changed[1] -= 5
    assert not check.holds(operands, changed.reshape(result.shape))


def test_a_wrong_operand_is_found() -> None:
    case = contract(Random(5))
    operands, result, interval = made(case)
    check = ProductCheck(case[0], case[1], case[2], interval)
    operands[1][0, 0, 0] += 1
    assert operands[0][0].any() and not check.holds(operands, result)


def test_the_error_is_that_of_the_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of all columns, those that are even, let a difference of 2^63 pass: the bound is met."""
    operation, shapes, blobs = dense(Random(6))
    operands, result, interval = made((operation, shapes, blobs))
    changed = result.copy()
    changed[0, 0] -= 2**62
    changed[0, 0] -= 2**62
    monkeypatch.setattr(products, "columns_for", lambda interval: 1)
    passed = sum(
        ProductCheck(operation, shapes, blobs, interval).holds(operands, changed)
        for _ in range(200)
    )
    assert 50 <= passed <= 150


def test_the_number_of_columns_reaches_the_bound() -> None:
    for bits in range(1, 64):
        interval = Interval(0, 2**bits - 1)
        count = columns_for(interval)
        assert count * (65 - bits) >= products.ERROR_BITS > (count - 1) * (65 - bits)
    assert columns_for(Interval(5, 5)) == 1


def test_small_and_very_wide_products_are_computed() -> None:
    operation, shapes, blobs = dense(Random(7))
    assert not worth_it(operation, shapes, blobs, Interval(-(2**60), 2**60))
    few = [blob(Random(8), 15, 40), blob(Random(8), 15)]
    assert not worth_it(operation, shapes, few, Interval(0, 100))
    assert not worth_it(op.Sum((0,), (0,)), [(99,)], [], Interval(0, 100))
