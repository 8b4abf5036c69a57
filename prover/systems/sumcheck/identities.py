"""The terms of the identities' sumcheck: lookups, products, and each table's own sum."""

from collections.abc import Callable, Sequence

from avow.prover.native._core import Frs, ZeroCheck
from avow.prover.systems.sumcheck.field import R, vector
from avow.prover.systems.sumcheck.lookups import Helpers
from avow.prover.systems.sumcheck.plans import Plan, Terms
from avow.prover.systems.sumcheck.wiring import Cells


class _Linear:
    """Linear terms, added up for each number of variables."""

    def __init__(self) -> None:
        self._totals: dict[int, Frs] = {}
        self._lives: dict[Terms, int] = {}

    def add(self, coefficient: int, variables: int, cells: Cells) -> None:
        total = self._totals.setdefault(variables, Frs.zeros(2**variables))
        total.addmul(vector(cells), coefficient % R)

    def add_live(self, coefficient: int, live: Terms) -> None:
        # Many lookups share their live cells.
        self._lives[live] = (self._lives.get(live, 0) + coefficient) % R

    def terms(self, read: Callable[[int], Cells]) -> list[tuple[int, Frs]]:
        for live, coefficient in self._lives.items():
            self.add(coefficient, live.variables, live.cells(read))
        return [(1, total) for total in self._totals.values()]


def zero_check(
    plan: Plan,
    helpers: Helpers,
    counts: Sequence[Cells],
    read: Callable[[int], Cells],
    rho: Sequence[int],
    gamma: int,
) -> ZeroCheck:
    """The sumcheck of all identities; `counts` are the multiplicities of each table."""
    linear = _Linear()
    products: list[tuple[int, Frs, Frs]] = []
    sums: list[tuple[int, Frs]] = []
    powers = [1]

    def next_power() -> int:
        powers.append(powers[-1] * gamma % R)
        return powers[-2]

    columns = zip(helpers.columns, helpers.denominators, strict=True)
    for number, table in enumerate(plan.tables):
        power = next_power()
        products.append((power, *next(columns)))
        products.append((R - power, vector(table.live.cells(read)), vector(counts[number])))
    for lookup in plan.lookups:
        power = next_power()
        products.append((power, *next(columns)))
        linear.add_live(-power, lookup.live)
    vectors: dict[Terms, Frs] = {}
    for product in plan.products:
        power = next_power()
        if product.factors:
            for factor in product.factors:
                if factor not in vectors:
                    vectors[factor] = vector(factor.cells(read))
            left, right = (vectors[factor] for factor in product.factors)
            products.append((power, left, right))
        if product.rest.terms:
            linear.add(power, product.rest.variables, product.rest.cells(read))
    first = len(plan.tables)
    for number in range(first):
        power = next_power()
        sums.append((R - power, helpers.columns[number]))
        sums += [
            (power, helpers.columns[first + at])
            for at, lookup in enumerate(plan.lookups)
            if lookup.table == number
        ]
    return ZeroCheck(len(rho), list(rho), products, linear.terms(read), sums)
