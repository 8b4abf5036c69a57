"""The shape of an operation's result; everything that does not fit together is refused here."""

import math
from collections.abc import Sequence
from typing import NoReturn

from avow.verifier.errors import VerificationError
from avow.verifier.limits import LIMITS
from avow.verifier.program.blob import BlobRef
from avow.verifier.program.operations import (
    OPERANDS,
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
    Shape,
    Slice,
    Sum,
    Table,
    Transpose,
    name_of,
)
from avow.verifier.tensor import check_shape


def result_shape(
    operation: Operation, operands: Sequence[Shape], blobs: Sequence[BlobRef]
) -> Shape:
    """Return the shape of the result; raise `VerificationError` (step `program`)."""
    name = name_of(operation)
    wanted = OPERANDS[type(operation)]
    if len(operands) != wanted and (wanted is not None or not 1 <= len(operands) <= 256):
        _refuse(name, f"takes {wanted or '1 to 256'} operands, got {len(operands)}")
    shape = _shape(operation, operands, blobs, name)
    check_shape(shape, name, LIMITS.activation_elements)
    return shape


def _refuse(name: str, message: str) -> NoReturn:
    raise VerificationError("program", f"{name}: {message}")


def _blob(name: str, blobs: Sequence[BlobRef], at: int, rank: int) -> Shape:
    if not 0 <= at < len(blobs):
        _refuse(name, f"names blob {at} of {len(blobs)}")
    if len(blobs[at].shape) != rank:
        _refuse(name, f"needs a blob of rank {rank}, got {list(blobs[at].shape)}")
    return blobs[at].shape


def _per_axis(name: str, what: str, values: Sequence[int], rank: int, low: int) -> None:
    if len(values) != rank or any(value < low for value in values):
        _refuse(name, f"{what} must have {rank} entries of at least {low}, got {list(values)}")


def _axes(name: str, axes: Sequence[int], rank: int) -> None:
    if any(not 0 <= axis < rank for axis in axes) or len(set(axes)) != len(axes):
        _refuse(name, f"axes {list(axes)} do not fit rank {rank}")


def _shape(
    operation: Operation, operands: Sequence[Shape], blobs: Sequence[BlobRef], name: str
) -> Shape:
    match operation:
        case Constant(blob=blob):
            if not 0 <= blob < len(blobs):
                _refuse(name, f"names blob {blob} of {len(blobs)}")
            return blobs[blob].shape
        case Dense():
            return _dense(operation, operands[0], blobs)
        case Convolution():
            return _convolution(operation, operands[0], blobs)
        case Contract():
            return _contract(operands[0], operands[1])
        case Multiply() | Affine() | Divide() | Maximum():
            if any(shape != operands[0] for shape in operands):
                _refuse(name, f"needs equal shapes, got {[list(shape) for shape in operands]}")
            if isinstance(operation, Affine) and len(operation.coefficients) != len(operands):
                _refuse(name, "needs one coefficient for each operand")
            return operands[0]
        case Rescale(bits=bits, low=low, high=high):
            if not 0 <= bits <= 62:
                _refuse(name, f"bits must lie in [0, 62], got {bits}")
            if low is not None and high is not None and low > high:
                _refuse(name, f"the range [{low}, {high}] is empty")
            return operands[0]
        case Table(blob=blob):
            _blob(name, blobs, blob, 1)
            return operands[0]
        case LookupRow(blob=blob):
            return (*operands[0], _blob(name, blobs, blob, 2)[1])
        case Sum(axes=axes):
            _axes(name, axes, len(operands[0]))
            if list(axes) != sorted(axes):
                _refuse(name, "axes must be increasing")
            return tuple(n for axis, n in enumerate(operands[0]) if axis not in axes)
        case Gather(axis=axis, indices=indices):
            _axes(name, (axis,), len(operands[0]))
            count = _blob(name, blobs, indices, 1)[0]
            return (*operands[0][:axis], count, *operands[0][axis + 1 :])
        case _:
            return _view(operation, operands, name)


def _dense(operation: Dense, x: Shape, blobs: Sequence[BlobRef]) -> Shape:
    out, inner = _blob("dense", blobs, operation.weight, 2)
    if _blob("dense", blobs, operation.bias, 1) != (out,):
        _refuse("dense", f"needs a bias of {out}")
    if not x or x[-1] != inner:
        _refuse("dense", f"needs a last axis of {inner}, got {list(x)}")
    return (*x[:-1], out)


def _convolution(operation: Convolution, x: Shape, blobs: Sequence[BlobRef]) -> Shape:
    name, spatial = "convolution", len(x) - 2
    if spatial not in (1, 2):
        _refuse(name, f"needs one or two spatial axes, got shape {list(x)}")
    weight = _blob(name, blobs, operation.weight, spatial + 2)
    if _blob(name, blobs, operation.bias, 1) != (weight[0],):
        _refuse(name, f"needs a bias of {weight[0]}")
    groups = operation.groups
    if groups < 1 or weight[0] % groups or x[1] != weight[1] * groups:
        _refuse(name, f"{groups} groups do not fit {x[1]} channels and weights {list(weight)}")
    _per_axis(name, "strides", operation.strides, spatial, 1)
    _per_axis(name, "dilations", operation.dilations, spatial, 1)
    _per_axis(name, "pads_before", operation.pads_before, spatial, 0)
    _per_axis(name, "pads_after", operation.pads_after, spatial, 0)
    result = []
    for axis in range(spatial):
        padded = x[2 + axis] + operation.pads_before[axis] + operation.pads_after[axis]
        reach = operation.dilations[axis] * (weight[2 + axis] - 1) + 1
        if padded < reach:
            _refuse(name, f"a kernel of reach {reach} does not fit {padded} positions")
        result.append((padded - reach) // operation.strides[axis] + 1)
    return (x[0], weight[0], *result)


def _contract(a: Shape, b: Shape) -> Shape:
    if len(a) < 2 or len(a) != len(b) or a[:-2] != b[:-2] or a[-1] != b[-2]:
        _refuse("contract", f"{list(a)} and {list(b)} do not fit")
    return (*a[:-1], b[-1])


def _view(operation: Operation, operands: Sequence[Shape], name: str) -> Shape:
    x = operands[0]
    match operation:
        case Reshape(shape=shape):
            if any(n < 1 for n in shape) or math.prod(shape) != math.prod(x):
                _refuse(name, f"{list(x)} cannot become {list(shape)}")
            return shape
        case Transpose(axes=axes):
            _axes(name, axes, len(x))
            if len(axes) != len(x):
                _refuse(name, f"needs {len(x)} axes")
            return tuple(x[axis] for axis in axes)
        case Slice(starts=starts, steps=steps, sizes=sizes):
            if not len(starts) == len(steps) == len(sizes) == len(x):
                _refuse(name, f"needs starts, steps and sizes for {len(x)} axes")
            for n, start, step, size in zip(x, starts, steps, sizes, strict=True):
                last = start + (size - 1) * step
                if step == 0 or size < 1 or not (0 <= start < n and 0 <= last < n):
                    _refuse(name, f"[{start} step {step}, {size}] leaves an axis of {n}")
            return sizes
        case Pad(before=before, after=after, between=between):
            for what, values in (("before", before), ("after", after), ("between", between)):
                _per_axis(name, what, values, len(x), 0)
            return tuple(
                front + n + (n - 1) * gap + back
                for n, front, back, gap in zip(x, before, after, between, strict=True)
            )
        case Concat(axis=axis):
            _axes(name, (axis,), len(x))
            rest = {(*shape[:axis], 0, *shape[axis + 1 :]) for shape in operands}
            if len(rest) != 1 or any(len(shape) != len(x) for shape in operands):
                _refuse(name, f"{[list(shape) for shape in operands]} do not fit")
            return (*x[:axis], sum(shape[axis] for shape in operands), *x[axis + 1 :])
        case Broadcast(shape=shape):
            fits = len(shape) == len(x) and all(n in (1, m) for n, m in zip(x, shape, strict=True))
            if not fits:
                _refuse(name, f"{list(x)} cannot become {list(shape)}")
            return shape
        case _:
            _refuse(name, "has no shape rule")
