"""Every operation against an independent computation with numpy's arbitrary integers."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier.program.blob import Blob, blob_of
from avow.verifier.program.operations import (
    Affine,
    Broadcast,
    Concat,
    Constant,
    Contract,
    Convolution,
    Dense,
    Divide,
    Gather,
    LookupRow,
    Maximum,
    Multiply,
    Operation,
    Pad,
    Rescale,
    Reshape,
    Slice,
    Sum,
    Table,
    Transpose,
)
from avow.verifier.program.semantics import evaluate
from avow.verifier.program.shapes import result_shape

Array = np.ndarray


def array(shape: tuple[int, ...], seed: int, bound: int = 9) -> Array:
    rng = Random(seed)
    flat = [rng.randint(-bound, bound) for _ in range(int(np.prod(shape)))]
    return np.array(flat, dtype=object).reshape(shape)


def computed(
    operation: Operation, operands: list[Array], blobs: list[Array] | None = None
) -> Array:
    made = [blob_of([int(x) for x in blob.ravel()], blob.shape) for blob in blobs or []]
    shapes = [operand.shape for operand in operands]
    shape = result_shape(operation, shapes, [blob.ref() for blob in made])
    flat = [[int(x) for x in operand.ravel()] for operand in operands]
    return np.array(evaluate(operation, shape, flat, shapes, made), dtype=object).reshape(shape)


def same(got: Array, expected: Array) -> None:
    assert got.shape == expected.shape
    assert (got == expected).all()


X = array((2, 3, 4), 1)
Y = array((2, 3, 4), 2)


def test_constant() -> None:
    same(computed(Constant((), 0), [], [X]), X)


def test_dense() -> None:
    weight, bias = array((5, 4), 3), array((5,), 4)
    same(computed(Dense((0,), 0, 1), [X], [weight, bias]), X @ weight.T + bias)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
@pytest.mark.parametrize("dilations", [(1, 1), (2, 1)])
@pytest.mark.parametrize("pads", [((0, 0), (0, 0)), ((1, 0), (2, 1))])
def test_convolution(
    groups: int,
    strides: tuple[int, int],
    dilations: tuple[int, int],
    pads: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    x, weight, bias = array((2, 4, 6, 7), 5), array((6, 4 // groups, 2, 3), 6), array((6,), 7)
    before, after = pads
    padded = np.pad(x, ((0, 0), (0, 0), (before[0], after[0]), (before[1], after[1])))
    tall = (padded.shape[2] - dilations[0] - 1) // strides[0] + 1
    wide = (padded.shape[3] - 2 * dilations[1] - 1) // strides[1] + 1
    expected = np.zeros((2, 6, tall, wide), dtype=object) + bias[None, :, None, None]
    for output in range(6):
        group = slice(output // (6 // groups) * (4 // groups), None)
        for row in range(2):
            for column in range(3):
                part = padded[
                    :,
                    group,
                    row * dilations[0] : row * dilations[0] + strides[0] * tall : strides[0],
                    column * dilations[1] : column * dilations[1] + strides[1] * wide : strides[1],
                ][:, : 4 // groups, :tall, :wide]
                taps = weight[output, :, row, column][None, :, None, None]
                expected[:, output] += (part * taps).sum(axis=1)
    operation = Convolution((0,), 0, 1, strides, dilations, before, after, groups)
    same(computed(operation, [x], [weight, bias]), expected)


def test_convolution_in_one_axis() -> None:
    x, weight, bias = array((1, 2, 7), 5), array((3, 2, 3), 6), array((3,), 7)
    expected = np.zeros((1, 3, 3), dtype=object) + bias[None, :, None]
    for at in range(3):
        window = x[:, :, 2 * at : 2 * at + 3]
        expected[0, :, at] += (window * weight).sum(axis=(1, 2))
    same(
        computed(Convolution((0,), 0, 1, (2,), (1,), (0,), (0,), 1), [x], [weight, bias]), expected
    )


def test_contract() -> None:
    b = array((2, 4, 5), 8)
    expected = np.array([X[0] @ b[0], X[1] @ b[1]], dtype=object)
    same(computed(Contract((0, 1)), [X, b]), expected)


def test_elementwise() -> None:
    same(computed(Multiply((0, 1)), [X, Y]), X * Y)
    same(computed(Affine((0, 1), (3, -2), 5), [X, Y]), 3 * X - 2 * Y + 5)
    same(computed(Maximum((0, 1)), [X, Y]), np.maximum(X, Y))
    same(computed(Divide((0, 1)), [X, abs(Y) + 1]), X // (abs(Y) + 1))


@pytest.mark.parametrize("axes", [(), (0,), (1,), (0, 2), (0, 1, 2)])
def test_sum(axes: tuple[int, ...]) -> None:
    expected = X
    for axis in reversed(axes):
        expected = np.add.reduce(expected, axis=axis)
    same(computed(Sum((0,), axes), [X]), np.array(expected, dtype=object))


@given(st.integers(-(2**61), 2**61), st.integers(0, 62))
def test_rescale_rounds_half_up(value: int, bits: int) -> None:
    from fractions import Fraction
    from math import floor

    exact = Fraction(value, 2**bits)
    expected = floor(exact + Fraction(1, 2)) if bits else value
    got = evaluate(Rescale((0,), bits, None, None), (1,), [[value]], [(1,)], [])
    assert got == [expected]
    clamped = evaluate(Rescale((0,), bits, -5, 7), (1,), [[value]], [(1,)], [])
    assert clamped == [min(max(expected, -5), 7)]


@pytest.mark.parametrize(
    ("value", "bits", "expected"), [(1, 1, 1), (-1, 1, 0), (3, 1, 2), (-3, 1, -1), (6, 2, 2)]
)
def test_rescale_ties(value: int, bits: int, expected: int) -> None:
    assert evaluate(Rescale((0,), bits, None, None), (), [[value]], [()], []) == [expected]


def test_lookups() -> None:
    t = abs(X)
    table, rows = array((10,), 9), array((10, 3), 10)
    same(computed(Table((0,), 0, 0), [t], [table]), np.vectorize(lambda i: table[i], "O")(t))
    same(computed(Table((0,), 0, -9), [-t], [table]), np.vectorize(lambda i: table[9 - i], "O")(t))
    same(computed(LookupRow((0,), 0), [t], [rows]), rows[t.astype(int)])


def test_views() -> None:
    same(computed(Reshape((0,), (4, 6)), [X]), X.reshape(4, 6))
    same(computed(Transpose((0,), (2, 0, 1)), [X]), X.transpose(2, 0, 1))
    same(computed(Slice((0,), (1, 2, 0), (1, -2, 3), (1, 2, 2)), [X]), X[1:2, 2::-2, 0::3])
    same(computed(Concat((0, 1), 1), [X, Y[:, :2]]), np.concatenate([X, Y[:, :2]], axis=1))
    one = X[:, :1]
    same(computed(Broadcast((0,), (2, 5, 4)), [one]), np.broadcast_to(one, (2, 5, 4)))
    chosen = np.array([2, 0, 2, 1], dtype=object)
    same(computed(Gather((0,), 1, 0), [X], [chosen]), X[:, [2, 0, 2, 1]])


def test_pad() -> None:
    expected = np.full((4, 6, 9), 7, dtype=object)
    expected[1:3, 0:5:2, 2:9:2] = X
    same(computed(Pad((0,), (1, 0, 2), (1, 1, 0), (0, 1, 1), 7), [X]), expected)


def test_blob_is_little_endian() -> None:
    assert blob_of([1, -2], (2,)) == Blob(blob_of([0], (1,)).element_type, (2,), b"\x01\xfe")
    assert blob_of([258], (1,)).data == b"\x02\x01"
