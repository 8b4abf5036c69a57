"""Roots over tensors and runs against their definition in Python, on every backend."""

import math
from random import Random

import numpy as np
import pytest

from avow.prover.native import _core
from avow.prover.trace import Walk
from avow.verifier.keccak import keccak256
from avow.verifier.trace.commitment import tensor_tree, trace_tree
from avow.verifier.trace.layout import Layout, ordered

CARRIERS = ("int8", "int16", "int32", "int64", "float32", "float64")


def some_layout(rng: Random, width: int) -> Layout:
    shape = tuple(rng.choice((1, 2, 3, 5, 7)) for _ in range(rng.randint(0, 5)))
    return ordered(width, shape, rng.sample(range(len(shape)), len(shape)))


def values_of(rng: Random, layout: Layout, limit: int) -> list[int]:
    limit = min(limit, 2 ** (8 * layout.width - 1) - 1)
    ends = [-limit, limit, 0, -1]
    return [
        rng.choice(ends) if rng.random() < 0.1 else rng.randint(-limit, limit)
        for _ in range(layout.count)
    ]


def limit_of(carrier: str) -> int:
    kind = np.dtype(carrier)
    return {4: 2**24, 8: 2**53}[kind.itemsize] if kind.kind == "f" else int(np.iinfo(kind).max)


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_small_tensors_in_any_order(backend: str, threads: int, carrier: str, width: int) -> None:
    rng = Random(width)
    for _ in range(20):
        layout = some_layout(rng, width)
        values = values_of(rng, layout, limit_of(carrier))
        array = np.array(values, carrier).reshape(layout.shape)
        assert Walk.of(layout).root(array) == tensor_tree(layout, values).root


@pytest.mark.parametrize("chunks", [1, 2, 7, 8, 9, 31, 32, 33, 64, 65, 300])
def test_numbers_of_chunks_around_the_lanes(backend: str, threads: int, chunks: int) -> None:
    rng = Random(chunks)
    for missing in (0, 1, 255):
        count = 256 * chunks - missing
        if count:
            layout = Layout(1, (count,), (1,))
            values = [rng.randint(-128, 127) for _ in range(count)]
            root = Walk.of(layout).root(np.array(values, np.float32))
            assert root == tensor_tree(layout, values).root


def test_a_large_tensor_by_several_threads(backend: str, threads: int) -> None:
    layout = ordered(2, (1, 30, 37, 41), (0, 2, 3, 1))
    values = np.random.default_rng(1).integers(-(2**15), 2**15, layout.shape)
    expected = tensor_tree(layout, values.reshape(-1).tolist()).root
    for kind in ("int16", "int64", "float32", "float64"):
        assert Walk.of(layout).root(values.astype(kind)) == expected


def test_the_extremes_of_every_width(backend: str) -> None:
    for width in (1, 2, 4, 8):
        layout = Layout(width, (2,), (1,))
        ends = [-(2 ** (8 * width - 1)), 2 ** (8 * width - 1) - 1]
        assert Walk.of(layout).root(np.array(ends)) == tensor_tree(layout, ends).root


@pytest.mark.parametrize("width", [1, 2, 4, 8])
@pytest.mark.parametrize(
    "wrong", [0.5, -0.25, math.inf, -math.inf, math.nan, 2.0**63, -(2.0**64), 1e300]
)
def test_what_is_no_integer_is_refused(backend: str, width: int, wrong: float) -> None:
    for count, place in ((1, 0), (1000, 999), (20_000, 10_000)):
        array = np.zeros(count)
        array[place] = wrong
        with pytest.raises(ValueError, match=f"no integer of {width} bytes"):
            _core.tensor_root(array, width, [count], [1])


@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("sign", [-1, 1])
def test_what_does_not_fit_is_refused(backend: str, width: int, sign: int) -> None:
    beyond = 2 ** (8 * width - 1) if sign > 0 else -(2 ** (8 * width - 1)) - 1
    for kind in ("int64", "float64"):
        with pytest.raises(ValueError, match="no integer"):
            _core.tensor_root(np.array([0, beyond], kind), width, [2], [1])


@pytest.mark.parametrize(
    ("lengths", "steps"),
    [
        ([6], [2]),
        ([7], [1]),
        ([5], [1]),
        ([2, 3], [1]),
        ([2, 3], [4, 1]),
        ([0], [1]),
        ([2**63, 2], [1, 1]),
        ([6, 1], [1, 7]),
        ([2, 3], [2**63, 1]),
    ],
)
def test_walks_that_leave_the_array_are_refused(lengths: list[int], steps: list[int]) -> None:
    with pytest.raises(ValueError, match=r"leave|a step for each"):
        _core.tensor_root(np.zeros(6), 1, lengths, steps)


def test_arrays_that_cannot_be_read_are_refused() -> None:
    for array in (np.zeros((4, 4))[:, :2], np.zeros(4, np.uint8), np.zeros(4, np.complex64)):
        with pytest.raises(ValueError, match="expected"):
            _core.tensor_root(array, 1, [array.size], [1])
    with pytest.raises(ValueError, match="a width of"):
        _core.tensor_root(np.zeros(4), 3, [4], [1])


@pytest.mark.parametrize("count", [1, 2, 3, 31, 32, 33, 100])
def test_the_root_of_a_run(backend: str, count: int) -> None:
    roots = [keccak256(bytes([at])) for at in range(count)]
    for statement in (bytes(32), keccak256(b"order")):
        assert _core.trace_root(statement, b"".join(roots)) == trace_tree(statement, roots).root


def test_roots_that_are_cut_are_refused() -> None:
    for statement, roots in ((bytes(31), bytes(32)), (bytes(32), b""), (bytes(32), bytes(33))):
        with pytest.raises(ValueError, match="expected"):
            _core.trace_root(statement, roots)
