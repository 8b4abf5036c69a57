"""From all claims to one value of the stack, whose entries are never turned into field elements.

Rows come first: what their sumcheck needs is each row's sum with the weights inside a row. Then
the rows are folded into one, which the opening needs anyway, and the rest is a sumcheck over it.
"""

from collections.abc import Callable, Sequence

import numpy as np

from avow.prover.native._core import Frs, ProductSum, eq_table, outer_add
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
    weights = Weights(2 ** (stack.logsize - stack.logrows), stack.logrows)
    power = 1
    for form in forms:
        form.add(weights, power, points)
        power = power * eta % R
        breathe()
    return weights


def sum_rows(
    weights: Weights, stack: Stack, parts: Sequence[Part], breathe: Callable[[], None]
) -> ProductSum:
    """The sumcheck over the rows."""
    terms: list[tuple[int, Frs, Frs, Frs | None]] = []
    for over, inside in weights.groups.values():
        sums = Frs.zeros(len(over))
        for matrix, part in zip(stack.matrices, parts, strict=True):
            part.sum_rows(inside, sums, matrix.first_row)
        terms.append((1, sums, over, None))
        breathe()
    return ProductSum(stack.logsize - stack.logrows, terms)


def fold_stack(point: Sequence[int], stack: Stack, parts: Sequence[Part]) -> Frs:
    """sum_i eq(point, i) row_i."""
    table = eq_table(list(point))
    row = Frs.zeros(2**stack.logrows)
    for matrix, part in zip(stack.matrices, parts, strict=True):
        if matrix.rows:
            numbers = np.arange(matrix.first_row, matrix.first_row + matrix.rows, dtype=np.int32)
            part.fold(table.gather(numbers), row)
    return row


def fold_weights(weights: Weights, point: Sequence[int]) -> Frs:
    """The weights inside the folded row."""
    table = eq_table(list(point))
    row = Frs.zeros(2**weights.logrows)
    for over, inside in weights.groups.values():
        outer_add(row, 0, table.dot(over), [inside])
    return row
