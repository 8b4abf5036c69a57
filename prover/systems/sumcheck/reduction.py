"""From all claims to one value of the stack, whose entries are never turned into field elements.

The rows' variables come first: what their sumcheck needs are each strip's sums with the weights
inside a strip. Then the rows are folded into one, which the opening needs anyway, and the rest is
a sumcheck over that one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from avow.prover.native._core import Frs, ProductSum, contract, eq_table, outer_add
from avow.prover.systems.sumcheck.batch import Shared
from avow.prover.systems.sumcheck.field import R
from avow.prover.systems.sumcheck.forms import Form, Weights
from avow.prover.systems.sumcheck.lookups import Helpers
from avow.prover.systems.sumcheck.points import Points
from avow.prover.systems.sumcheck.rows import Rows
from avow.verifier.systems.sumcheck.stack import Stack

# Some rows of the stack: the first one's number, how many there are, and their entries. The
# integers of the key and the witness, the helpers' field elements, and a batch's own row.
Part = tuple[int, int, Rows | Helpers | Shared]


@dataclass(frozen=True, slots=True)
class Weighing:
    """The weights of the key's columns, whose rows may be shorter, and of all others.

    Both have as many strips in a row. Weights of the key count for a row's first entries.
    """

    key: Weights
    others: Weights
    strips: int

    def groups(self) -> list[tuple[Frs, Frs]]:
        """All weights as products: over strips, and inside a strip."""
        return [*self.key.groups.values(), *self.others.groups.values()]


def weighing(stack: Stack, logstrip: int) -> Weighing:
    """No weights yet; `logstrip` is for the longer rows."""
    shorter = stack.logrows - stack.key_logrows
    return Weighing(
        Weights(stack.logsize - shorter, logstrip - shorter),
        Weights(stack.logsize, logstrip),
        2 ** (stack.logrows - logstrip),
    )


def weigh(
    weights: Weighing,
    forms: Sequence[Form],
    scale: int,
    base: int,
    points: Points,
    breathe: Callable[[], None],
) -> None:
    """Add sum_j scale base^j form_j."""
    for form in forms:
        form.add(weights.key if form.in_key else weights.others, scale, points)
        scale = scale * base % R
        breathe()


def sum_strips(
    weights: Weighing, stack: Stack, parts: Sequence[Part], breathe: Callable[[], None]
) -> ProductSum:
    """The sumcheck over the strips."""
    terms: list[tuple[int, Frs, Frs, Frs | None]] = []
    for over, inside in weights.groups():
        sums = Frs.zeros(len(over))
        for first, rows, part in parts:
            if rows:
                part.sum_strips(inside, sums, first, weights.strips)
        terms.append((1, sums, over, None))
        breathe()
    return ProductSum(stack.logsize - weights.others.logstrip, terms)


def fold_stack(point: Sequence[int], stack: Stack, parts: Sequence[Part]) -> Frs:
    """sum_i eq(point, i) row_i."""
    table = eq_table(list(point))
    row = Frs.zeros(2**stack.logrows)
    for first, rows, part in parts:
        if rows:
            part.fold(table.gather(np.arange(first, first + rows, dtype=np.int32)), row)
    return row


def fold_weights(weights: Weighing, stack: Stack, point: Sequence[int]) -> Frs:
    """The weights inside the folded row."""
    table = eq_table(list(point))
    rows = np.arange(len(table), dtype=np.int32)
    strips = weights.strips
    folded = Frs.zeros(2**stack.logrows)
    for over, inside in weights.groups():
        kept = contract(over, 1, strips, 1, len(rows), np.zeros_like(rows), rows, table)
        outer_add(folded, 0, 1, [kept, inside])
    return folded
