"""The integers of public columns, and what tensors and views of known integers are worth."""

from collections.abc import Mapping, Sequence
from math import prod

from avow.verifier.errors import VerificationError
from avow.verifier.relation.relation import Fixed, Kind, Relation
from avow.verifier.relation.views import Point, R, View, identity, size
from avow.verifier.tensor import Tensor

Publics = Mapping[int, Sequence[int]]


def evaluate(view: View, values: Sequence[int], point: Point) -> int:
    """A view of known integers, row-major over its source, at a point of its result."""
    weights = {0: 1}
    for axes, form in view.forms(point):
        offsets = [0]
        for axis in axes:
            stride = prod(view.ins[axis + 1 :])
            offsets = [at + k * stride for at in offsets for k in range(view.ins[axis])]
        weights = {
            at + offsets[cell]: weight * factor % R
            for at, weight in weights.items()
            for cell, factor in form.items()
        }
    return sum(values[at] * weight for at, weight in weights.items()) % R


def publics(relation: Relation, tensors: Sequence[Tensor]) -> Publics:
    """The integers of every public column; `tensors` are one sample's inputs and outputs.

    One tensor has one public column, so an output that is also an input or another output must
    be the same here: no equation would tell.
    """
    found: dict[int, Sequence[int]] = {}
    for number, column in enumerate(relation.columns):
        if isinstance(column.source, Fixed) and column.kind is Kind.PUBLIC:
            found[number] = column.source.values
    if relation.batch == 1:
        for number, tensor in zip(relation.ends, tensors, strict=True):
            if found.setdefault(number, tensor.values) != tensor.values:
                raise VerificationError("proof", "inputs and outputs differ in what is one tensor")
    return found


def inner(relation: Relation, number: int) -> tuple[int, ...]:
    """The axes of an input's or output's column without the batch, which a batch has first."""
    return relation.columns[number].lengths[relation.batch > 1 :]


def summary(relation: Relation, tensors: Sequence[Tensor], kappa: int, point: Point) -> int:
    """sum_i kappa^i t_i~ at the last coordinates of a point: what a batch says of one sample."""
    total = 0
    for number, tensor in zip(reversed(relation.ends), reversed(tensors), strict=True):
        lengths = inner(relation, number)
        tail = point[len(point) - size(lengths) :]
        total = (total * kappa + evaluate(identity(lengths), tensor.values, tail)) % R
    return total
