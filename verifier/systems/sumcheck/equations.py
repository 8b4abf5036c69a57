"""What the two sumchecks sum up, at the points where they end."""

from collections.abc import Sequence

from avow.verifier.argument.proof import HALF, R, combine
from avow.verifier.relation.relation import Axis, Expression
from avow.verifier.relation.views import eq, size
from avow.verifier.systems.sumcheck.frame import Frame
from avow.verifier.systems.sumcheck.values import Values


def identities_at(
    frame: Frame, values: Values, alpha: int, fingerprint: int, gamma: int, eq_rho: int
) -> int:
    """sum_j gamma^j eq(rho, r) Z_j(r) + sum_T gamma^(J + T) S_T(r); products alone with layers.

    Every Z_j vanishes on the cube: helper * (alpha + row) - live * count for tables (count is
    the multiplicity) and lookups (count is 1), then the products. Every S_T, the helpers of T's
    lookups less T's own, sums to zero over it: for each table by itself, or a row of one could
    stand for a row of another.
    """
    relation = frame.relation

    def at_tail(expression: Expression) -> int:
        return values.of(expression, frame.tail(expression.variables))

    def row(components: Sequence[Expression]) -> int:
        return combine([at_tail(component) for component in components], fingerprint)

    def share(live: Expression) -> int:
        # A sum over fewer variables is counted once for every setting of the others.
        return pow(HALF, frame.variables - live.variables, R)

    helpers = iter([values.sent[spot] for spot in frame.helpers()])
    zeros, sums = [], []
    for table in () if relation.layered else relation.tables:
        helper = next(helpers)
        count = values.read((relation.whole(table.multiplicity), frame.tail(table.live.variables)))
        zeros.append(helper * (alpha + row(table.components)) - at_tail(table.live) * count)
        sums.append(-helper * share(table.live))
    for lookup in () if relation.layered else relation.lookups:
        helper = next(helpers)
        zeros.append(helper * (alpha + row(lookup.components)) - at_tail(lookup.live))
        sums[lookup.table] += helper * share(lookup.live)
    for product in relation.products:
        left, right = map(at_tail, product.factors) if product.factors else (0, 0)
        zeros.append(left * right + at_tail(product.rest))
    return combine([*(eq_rho * zero for zero in zeros), *sums], gamma)


def bilinear_claim(frame: Frame, values: Values, theta: int) -> int:
    """sum_j theta^j (result~(r) - bias~(r)), from evaluations that are already known."""
    claims = []
    for bilinear in frame.relation.bilinears:
        result = frame.relation.whole(bilinear.result)
        positions = frame.tail(size(result.view.outs))
        bias = values.of(bilinear.bias, positions) if bilinear.bias else 0
        claims.append(values.read((result, positions)) - bias)
    return combine(claims, theta)


def bilinear_at(frame: Frame, values: Values, theta: int) -> int:
    """sum_j theta^j 2^-(K - k_j) prod eq(shared axes) left~ right~.

    An axis that both factors share with the result is not summed freely: eq picks its cell.
    """
    terms = []
    for bilinear in frame.relation.bilinears:
        term = pow(HALF, frame.summed - size(bilinear.summed), R)
        for summed, result in bilinear.shared:
            axes = (
                frame.axis(bilinear, Axis(True, summed)),
                frame.axis(bilinear, Axis(False, result)),
            )
            term *= eq(*(tuple(values.challenges[at] for at in axis) for axis in axes))
        for factor, positions in frame.sides(bilinear):
            term = term * values.of(factor, positions) % R
        terms.append(term)
    return combine(terms, theta)
