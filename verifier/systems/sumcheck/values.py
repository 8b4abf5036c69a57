"""What expressions are worth at a point: sent by the prover, or computed from public columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

from avow.verifier.argument.proof import R
from avow.verifier.errors import VerificationError
from avow.verifier.relation.publics import Publics, evaluate
from avow.verifier.relation.relation import Expression
from avow.verifier.relation.views import Point, View
from avow.verifier.systems.sumcheck.frame import Positions, Spot
from avow.verifier.systems.sumcheck.key import LIMITS


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
