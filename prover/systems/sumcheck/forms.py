"""Claims about views of columns as linear forms on the stack: weights of its entries."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avow.prover.native._core import Frs, contract, outer_add
from avow.prover.systems.sumcheck.field import R, constant
from avow.prover.systems.sumcheck.points import Points, Positions
from avow.prover.systems.sumcheck.wiring import Indices, Joint, Wiring, widths
from avow.verifier.relation.views import Lengths, bits


@dataclass(frozen=True, slots=True)
class Part:
    """The weights of the cells of some axes: eq itself, or its sums over joined cells."""

    point: Positions
    cells: int
    pairs: tuple[Indices, Indices] | None

    def weights(self, points: Points) -> Frs:
        """One weight for each of the cells."""
        table = points.eq(self.point)
        if self.pairs is None:
            return table
        rows, cols = self.pairs
        ones = constant(1, len(rows))
        return contract(table, 1, 1, self.cells, len(table), cols, rows, ones)


@dataclass(frozen=True, slots=True)
class Form:
    """The linear form of one claim: a product of parts, at entries from `start` on.

    `arrange` is where the parts' axes are not in the column's order: for each cell its place.
    """

    start: int
    parts: tuple[Part, ...]
    arrange: Indices | None

    def add(self, target: Frs, scale: int, points: Points) -> None:
        """Add `scale` times the form to the weights of all entries."""
        factors = []
        for part in self.parts:
            weights = part.weights(points)
            if part.cells == 1:
                scale = scale * weights.at(0) % R
            else:
                factors.append(weights)
        if self.arrange is not None and factors:
            whole = constant(0, len(self.arrange))
            outer_add(whole, 0, 1, factors)
            factors = [whole.gather(self.arrange)]
        outer_add(target, self.start, scale, factors or [constant(1, 1)])


def make_form(start: int, wiring: Wiring, positions: Positions) -> Form:
    """Prepare the claim about a view of the column that starts at an entry, at a point."""
    own, at = [], 0
    for length in wiring.view.outs:
        own.append(positions[at : at + bits(length)])
        at += bits(length)
    joints = sorted(wiring.joints, key=lambda joint: joint.ins)
    order = [axis for joint in joints for axis in joint.ins]
    parts: list[Part] = []
    for joint in joints:
        part = _part(joint, own)
        if part.pairs is None and parts and parts[-1].pairs is None:
            before = parts.pop()
            part = Part((*before.point, *part.point), before.cells * part.cells, None)
        parts.append(part)
    ordered = order == sorted(order)
    return Form(start, tuple(parts), None if ordered else _arrange(order, wiring.view.ins))


def _part(joint: Joint, own: Sequence[Positions]) -> Part:
    point = tuple(at for axis in joint.outs for at in own[axis])
    return Part(point, joint.cols, joint.pairs)


def _arrange(order: Sequence[int], lengths: Lengths) -> Indices:
    # Cells numbered along `order`, read off in the order of the axes.
    shape = widths(lengths)
    cells = np.arange(np.prod(shape), dtype=np.int32).reshape([shape[axis] for axis in order])
    return cells.transpose(np.argsort(order)).reshape(-1)
