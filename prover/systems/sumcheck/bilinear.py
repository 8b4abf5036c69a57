"""The sumcheck of the products of matrices: dense layers, convolutions, contractions."""

from collections.abc import Callable
from math import prod

from avow.prover.native._core import Frs, ProductSum, outer_add
from avow.prover.systems.sumcheck.field import R, constant
from avow.prover.systems.sumcheck.plans import BilinearPlan, FactorPlan, Plan
from avow.prover.systems.sumcheck.points import Points, Positions
from avow.prover.systems.sumcheck.wiring import Cells

# Every read of a factor, bound at the result's point: a function of the summed axes.
Partials = dict[tuple[int, Positions], Frs]


def fold_factors(
    plan: Plan, column: Callable[[int], Cells], points: Points, breathe: Callable[[], None]
) -> Partials:
    """Bind every factor of every product at its result's point."""
    partials: Partials = {}
    for bilinear in plan.bilinears:
        for side in bilinear.sides:
            for (_, read), folding in zip(side.terms, side.foldings, strict=True):
                if (read, side.positions) not in partials:
                    breathe()
                    partials[read, side.positions] = folding.fold(
                        column(plan.columns[read]), points
                    )
    return partials


def product_sum(plan: Plan, partials: Partials, points: Points, theta: int) -> ProductSum:
    """The sumcheck of all products, weighted by powers of theta."""
    terms: list[tuple[int, Frs, Frs, Frs | None]] = []
    for number, bilinear in enumerate(plan.bilinears):
        left, right = (_side(side, bilinear, partials) for side in bilinear.sides)
        terms.append((pow(theta, number, R), left, right, _shared(bilinear, points)))
    return ProductSum(plan.frame.summed, terms)


def factor_values(plan: Plan, partials: Partials, points: Points) -> list[int]:
    """The values of the committed factors at the second sumcheck's point."""
    tails: dict[tuple[int, Positions], Positions] = {
        (read, side.positions): bilinear.point
        for bilinear in plan.bilinears
        for side in bilinear.sides
        for _, read in side.terms
    }
    return [partials[spot].dot(points.eq(tails[spot])) for spot in plan.factored]


def _side(side: FactorPlan, bilinear: BilinearPlan, partials: Partials) -> Frs:
    if len(side.terms) == 1 and side.terms[0][0] == 1:
        return partials[side.terms[0][1], side.positions]
    total = Frs.zeros(2 ** sum(bilinear.lengths))
    for coefficient, read in side.terms:
        total.addmul(partials[read, side.positions], coefficient % R)
    return total


def _shared(bilinear: BilinearPlan, points: Points) -> Frs | None:
    """eq of the axes that are summed and the result's at once; None where there are none."""
    if not bilinear.shared:
        return None
    positions = dict(bilinear.shared)
    factors: list[Frs] = []
    for axis, length in enumerate(bilinear.lengths):
        shared = axis in positions
        factors.append(points.eq(positions[axis]) if shared else constant(1, 2**length))
    total = Frs.zeros(prod(len(factor) for factor in factors))
    outer_add(total, 0, 1, factors)
    return total
