"""The terms of the identities' sumcheck: lookups, products, and each table's own sum."""

from collections.abc import Callable, Sequence

from avow.prover.native._core import Frs, Lazy, ZeroCheck
from avow.prover.systems.sumcheck.field import R, factor
from avow.prover.systems.sumcheck.lookups import Helpers
from avow.prover.systems.sumcheck.plans import Plan, Terms
from avow.prover.systems.sumcheck.wiring import Cells


def zero_check(
    plan: Plan,
    helpers: Helpers | None,
    counts: Sequence[Cells],
    read: Callable[[int], Cells],
    rho: Sequence[int],
    gamma: int,
) -> ZeroCheck:
    """The sumcheck of all identities; `counts` are the multiplicities of each table.

    Without helpers, where lookups are proven by layers, those of the products alone.
    """
    linear: list[tuple[int, Frs | Lazy]] = []
    # Many lookups share their live cells.
    lives: dict[Terms, int] = {}
    products: list[tuple[int, Frs | Lazy, Frs | Lazy]] = []
    sums: list[tuple[int, Frs | Lazy]] = []
    powers = [1]

    def next_power() -> int:
        powers.append(powers[-1] * gamma % R)
        return powers[-2]

    if helpers is not None:
        columns = zip(helpers.columns, helpers.denominators, strict=True)
        for number, table in enumerate(plan.tables):
            power = next_power()
            products.append((power, *next(columns)))
            products.append((R - power, factor(table.live.cells(read)), factor(counts[number])))
        for lookup in plan.lookups:
            power = next_power()
            products.append((power, *next(columns)))
            lives[lookup.live] = (lives.get(lookup.live, 0) - power) % R
    vectors: dict[Terms, Frs | Lazy] = {}
    for product in plan.products:
        power = next_power()
        if product.factors:
            for side in product.factors:
                if side not in vectors:
                    vectors[side] = factor(side.cells(read))
            left, right = (vectors[side] for side in product.factors)
            products.append((power, left, right))
        if product.rest.terms:
            linear.append((power, factor(product.rest.cells(read))))
    if helpers is not None:
        first = len(plan.tables)
        for number in range(first):
            power = next_power()
            sums.append((R - power, helpers.columns[number]))
            sums += [
                (power, helpers.columns[first + at])
                for at, lookup in enumerate(plan.lookups)
                if lookup.table == number
            ]
    linear += [(power, factor(live.cells(read))) for live, power in lives.items()]
    return ZeroCheck(len(rho), list(rho), products, linear, sums)
