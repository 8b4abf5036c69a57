"""The integers of public columns, and what a view of known integers is worth at a point."""

from collections.abc import Mapping, Sequence
from math import prod

from avow.verifier.errors import VerificationError
from avow.verifier.program.program import Program
from avow.verifier.relation.relation import Fixed, Kind, Relation, Value
from avow.verifier.relation.views import Point, R, View
from avow.verifier.tensor import Tensor

Samples = Sequence[Sequence[Tensor]]
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


def publics(relation: Relation, program: Program, inputs: Samples, outputs: Samples) -> Publics:
    """The integers of every public column.

    One tensor has one public column, so an output that is also an input or another output must
    be the same here: no equation would tell.
    """
    tensors: dict[int, tuple[int, ...]] = {}
    given = [*enumerate(zip(*inputs, strict=True))]
    given += zip([item.tensor for item in program.outputs], zip(*outputs, strict=True), strict=True)
    for number, samples in given:
        values = tuple(value for sample in samples for value in sample.values)
        if tensors.setdefault(number, values) != values:
            raise VerificationError("proof", "inputs and outputs differ in what is one tensor")
    found: dict[int, Sequence[int]] = {}
    for number, column in enumerate(relation.columns):
        match column.source:
            case Fixed(values=values) if column.kind is Kind.PUBLIC:
                found[number] = values
            case Value(tensor=tensor) if column.kind is Kind.PUBLIC:
                found[number] = tensors[tensor]
    return found
