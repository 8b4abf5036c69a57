"""From all claims to one value of the stack, whose entries are never turned into field elements.

The rows' variables come first: what their sumcheck needs are each strip's sums with the weights
inside a strip. Then the rows are folded into one, which the opening needs anyway, and the rest is
a sumcheck over that one.
"""

from collections.abc import Callable, Sequence

import numpy as np

from avow.prover.native._core import Frs, ProductSum, contract, eq_table, outer_add
from avow.prover.systems.sumcheck.field import R
from avow.prover.systems.sumcheck.forms import Form, Weights
from avow.prover.systems.sumcheck.lookups import Helpers
from avow.prover.systems.sumcheck.points import Points
from avow.prover.systems.sumcheck.rows import Rows
from avow.verifier.systems.sumcheck.stack import Stack

# The integers of the key and the witness, and the helpers' field elements.
Part = Rows | Helpers


def weigh(
    forms: Sequence[Form], stack: Stack, eta: int, points: Points, breathe: Callable[[], None]
) -> Weights:
    """sum_j eta^j form_j."""
    weights = Weights(stack.logsize, forms[0].logstrip)
    power = 1
    for form in forms:
        form.add(weights, power, points)
        power = power * eta % R
        breathe()
    return weights


def sum_strips(
    weights: Weights, stack: Stack, parts: Sequence[Part], breathe: Callable[[], None]
) -> ProductSum:
    """The sumcheck over the strips."""
    terms: list[tuple[int, Frs, Frs, Frs | None]] = []
    for over, inside in weights.groups.values():
        sums = Frs.zeros(len(over))
        for matrix, part in zip(stack.matrices, parts, strict=True):
            first = matrix.first_row << stack.logrows - weights.logstrip
            part.sum_strips(inside, sums, first)
        terms.append((1, sums, over, None))
        breathe()
    return ProductSum(stack.logsize - weights.logstrip, terms)


def fold_stack(point: Sequence[int], stack: Stack, parts: Sequence[Part]) -> Frs:
    """sum_i eq(point, i) row_i."""
    table = eq_table(list(point))
    row = Frs.zeros(2**stack.logrows)
    for matrix, part in zip(stack.matrices, parts, strict=True):
        if matrix.rows:
            numbers = np.arange(matrix.first_row, matrix.first_row + matrix.rows, dtype=np.int32)
            part.fold(table.gather(numbers), row)
    return row


def fold_weights(weights: Weights, stack: Stack, point: Sequence[int]) -> Frs:
    """The weights inside the folded row."""
    table = eq_table(list(point))
    rows = np.arange(len(table), dtype=np.int32)
    strips = 2 ** (stack.logrows - weights.logstrip)
    folded = Frs.zeros(2**stack.logrows)
    for over, inside in weights.groups.values():
        kept = contract(over, 1, strips, 1, len(rows), np.zeros_like(rows), rows, table)
        outer_add(folded, 0, 1, [kept, inside])
    return folded
