"""Gemm and MatMul: dense layers where one factor is constant, contractions where none is."""

from math import prod

import numpy as np

from avow.models.compiler.builder import Builder
from avow.models.compiler.constants import (
    Quantised,
    Reals,
    at_scale,
    is_integral,
    quantise_channels,
    reals,
    spread,
    value_of,
)
from avow.models.compiler.context import Context, joint_shape
from avow.models.compiler.lowering.arithmetic import add, scale_by
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.scaling import FINEST, bounded, narrow, product_error, times, total
from avow.models.compiler.value import Array, Operand, Value
from avow.models.compiler.views import reshape, transpose
from avow.verifier.program.operations import Contract, Dense

_PRODUCT_BITS = 60


def weights_of(b: Builder, weight: Array, x: Value) -> Quantised:
    """Weights (outputs, ...): exact where they are integers, else rounded per output."""
    if is_integral(weight):
        return at_scale(reals(weight), 0)
    return quantise_channels(reals(weight), b.bits, FINEST)


def linear_error(x: Value, weight: Quantised, bias_error: Reals) -> float:
    """The error of sum_k w_k x_k + b, the worst output's, for any inputs of that interval."""
    rows = len(weight.integers)
    sizes = np.abs(weight.integers.reshape(rows, -1)).sum(axis=1, dtype=np.float64)
    wrong = weight.errors.reshape(rows, -1).sum(axis=1)
    each = [
        total(times(float(size) / 2.0**weight.scale, x.error), times(float(e), x.magnitude), d)
        for size, e, d in zip(sizes, wrong, bias_error.tolist(), strict=True)
    ]
    return max(each)


def within_reach(b: Builder, x: Value, weight: Quantised) -> Value:
    """`x`, saturating where the sum of its products could leave 62 bits."""
    rows = np.abs(weight.integers.reshape(len(weight.integers), -1))
    size = int(rows.astype(np.float64).sum(axis=1).max())
    return bounded(b, x, _PRODUCT_BITS - size.bit_length())


def bias_of(weight: Quantised, bias: Reals | None, scale: int) -> Quantised:
    """The bias at the accumulator's scale; zeros where there is none."""
    count = len(weight.integers)
    if bias is not None and bias.shape != (count,):
        raise Refusal(f"a bias of shape {list(bias.shape)} for {count} outputs")
    return at_scale(np.zeros(count) if bias is None else bias, scale)


def dense(b: Builder, x: Value, weight: Array, bias: Reals | None = None) -> Value:
    """y[..., n] = bias[n] + sum_k weight[n, k] x[..., k]."""
    x = narrow(b, x)
    found = weights_of(b, weight, x)
    x = within_reach(b, x, found)
    scale = x.scale + found.scale
    offset = bias_of(found, bias, scale)
    operation = Dense((x.tensor,), b.blob(found.integers), b.blob(offset.integers))
    integral = x.integral and is_integral(weight) and bias is None
    return b.emit(operation, [x], scale, linear_error(x, found, offset.errors), integral)


def contract(b: Builder, left: Value, right: Value) -> Value:
    """Matrix product of (..., M, K) and (..., K, N), leading axes broadcast."""
    widest = (60 - left.shape[-1].bit_length()) // 2
    left, right = (bounded(b, narrow(b, one), widest) for one in (left, right))
    lead = joint_shape(left.shape[:-2], right.shape[:-2])
    left = spread(b, left, (*lead, *left.shape[-2:]))
    right = spread(b, right, (*lead, *right.shape[-2:]))
    error = total(times(float(left.shape[-1]), product_error(left, right)))
    integral = left.integral and right.integral
    scale = left.scale + right.scale
    operation = Contract((left.tensor, right.tensor))
    return b.emit(operation, [left, right], scale, error, integral)


def gemm(c: Context) -> list[Operand]:
    """alpha A' B' + beta C."""
    b, node = c.builder, c.node
    alpha, beta = node.real("alpha", 1.0), node.real("beta", 1.0)
    left, right = c.operand(0), c.operand(1)
    left = _turned(b, left) if node.integer("transA", 0) else left
    right = _turned(b, right) if node.integer("transB", 0) else right
    extra = c.operand(2) if c.has(2) and beta != 0.0 else None
    bias = None
    if isinstance(left, Value) and not isinstance(right, Value):
        weight = right.T if alpha == 1.0 else reals(right).T * alpha
        if isinstance(extra, np.ndarray) and _is_row(extra.shape):
            bias, extra = np.broadcast_to(reals(extra).reshape(-1) * beta, len(weight)), None
        result = dense(b, left, weight, bias)
    else:
        result = scale_by(b, product(b, left, right), alpha)
    if extra is None:
        return [result]
    if isinstance(extra, Value):
        return [add(b, result, scale_by(b, extra, beta))]
    return [add(b, result, extra if beta == 1.0 else reals(extra) * beta)]


def matmul(c: Context) -> list[Operand]:
    """The matrix product of numpy; a third operand is a bias that the graph's Add gave it."""
    x = c.operand(0)
    if c.has(2) and isinstance(x, Value):
        weight, bias = c.constant(1, "the weights"), reals(c.constant(2, "the bias"))
        return [dense(c.builder, x, weight.T, bias.reshape(-1))]
    return [product(c.builder, c.operand(0), c.operand(1))]


def product(b: Builder, left: Operand, right: Operand) -> Value:
    """numpy's matmul of two operands, of which at least one is computed."""
    ranks = len(left.shape), len(right.shape)
    if 0 in ranks:
        raise Refusal("a matrix product of a scalar")
    shape = _product_shape(left.shape, right.shape)
    if isinstance(left, Value) and isinstance(right, np.ndarray) and ranks[1] <= 2:
        weight = right.reshape(1, -1) if ranks[1] == 1 else right.T
        result = dense(b, left, weight)
    elif isinstance(right, Value) and isinstance(left, np.ndarray) and ranks[0] <= 2:
        column = reshape(b, right, (-1, 1)) if ranks[1] == 1 else right
        turned = transpose(b, column, _swapped(len(column.shape)))
        result = dense(b, turned, left.reshape(1, -1) if ranks[0] == 1 else left)
        result = transpose(b, result, _swapped(len(result.shape)))
    else:
        from_left, from_right = _matrix(b, left, 0), _matrix(b, right, 1)
        result = contract(b, from_left, from_right)
    return reshape(b, result, shape)


def _product_shape(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    if left[-1] != (right[-2] if len(right) > 1 else right[0]):
        raise Refusal(f"{list(left)} and {list(right)} do not fit")
    lead = joint_shape(left[:-2], right[:-2])
    rows = left[-2:-1] if len(left) > 1 else ()
    columns = right[-1:] if len(right) > 1 else ()
    return (*lead, *rows, *columns)


def _matrix(b: Builder, operand: Operand, axis: int) -> Value:
    """A tensor of rank 2 or more: vectors are rows on the left and columns on the right."""
    found = value_of(b, operand)
    if len(found.shape) > 1:
        return found
    return reshape(b, found, (1, -1) if axis == 0 else (-1, 1))


def _turned(b: Builder, operand: Operand) -> Operand:
    return operand.T if isinstance(operand, np.ndarray) else transpose(b, operand, (1, 0))


def _swapped(rank: int) -> tuple[int, ...]:
    return (*range(rank - 2), rank - 1, rank - 2)


def _is_row(shape: tuple[int, ...]) -> bool:
    return prod(shape[:-1]) == 1
