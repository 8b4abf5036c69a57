"""What expressions are worth at a point: sent by the prover, or computed from public columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from avow.verifier.errors import VerificationError
from avow.verifier.program.program import Program
from avow.verifier.relation.relation import Expression, Fixed, Kind, Relation, Value
from avow.verifier.relation.views import Point, View
from avow.verifier.systems.sumcheck.frame import Positions, Spot
from avow.verifier.systems.sumcheck.key import LIMITS
from avow.verifier.systems.sumcheck.proof import R
from avow.verifier.tensor import Tensor

Samples = Sequence[Sequence[Tensor]]
Publics = Mapping[int, Sequence[int]]


class Work:
    """How many cells a proof has made us go through."""

    done = 0

    def spend(self, view: View, others: int) -> None:
        """Count others, the cells that a view joins, and those of the axes that it joins."""
        self.done += 1 + others
        for link in view.links:
            if link.pairs is not None:
                self.done += len(link.pairs) + prod(view.outs[axis] for axis in link.outs)
                self.done += prod(view.ins[axis] for axis in link.ins)
        if self.done > LIMITS.work:
            raise VerificationError("key", f"more than {LIMITS.work} cells are to be gone through")


@dataclass(slots=True)
class Values:
    """Evaluations at points made of `challenges`; `sent` are those of committed columns."""

    publics: Publics
    sent: Mapping[Spot, int]
    challenges: Point
    work: Work
    computed: dict[Spot, int] = field(default_factory=dict)

    def of(self, expression: Expression, positions: Positions) -> int:
        """sum of coefficient * read."""
        return sum(factor * self.read((read, positions)) for factor, read in expression.terms) % R

    def read(self, spot: Spot) -> int:
        """A committed column's value as it was sent, a public one's as it is."""
        read, positions = spot
        if read.column not in self.publics:
            return self.sent[spot]
        if spot not in self.computed:
            self.work.spend(read.view, prod(read.view.ins))
            values = self.publics[read.column]
            self.computed[spot] = evaluate(read.view, values, self.at(positions))
        return self.computed[spot]

    def at(self, positions: Positions) -> Point:
        """The point itself."""
        return tuple(self.challenges[at] for at in positions)


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
