"""Step 7: the stack's value at one point, by Gemini folding over KZG commitments to its rows."""

from collections.abc import Sequence

from avow.verifier.curves import FQ2, G2, Point1, combination, pairing
from avow.verifier.errors import VerificationError
from avow.verifier.relation.views import Point, eq_table
from avow.verifier.srs import G2Coordinates
from avow.verifier.systems.sumcheck.proof import HALF, Dialogue, R, combine
from avow.verifier.systems.sumcheck.transcript import Label

Rows = Sequence[tuple[int, Point1]]
_GENERATOR = (1, 2)


def check_opening(
    dialogue: Dialogue, rows: Rows, point: Point, columns: int, claim: int, tau_g2: G2Coordinates
) -> None:
    """Establish that the stack of `rows` (number, commitment) is worth `claim` at `point`.

    The last `columns` variables are those inside a row. f_0 is the sum of the rows weighted by
    eq(row variables), f_{i+1} = (1 - x) even(f_i) + x odd(f_i), x from the last variable to the
    first; the f after the last one is the constant `claim`. That also bounds every degree.
    """
    transcript, split = dialogue.transcript, len(point) - columns

    # a. The f_i are fixed before the point at which they are compared.
    folds = dialogue.points(Label.FOLDS, columns - 1)
    beta = transcript.challenge(Label.BETA)
    if beta in (0, 1):  # Nor -1, which is never drawn: challenges are below 2^248.
        raise VerificationError("proof", "the points to compare at coincide")
    sent = dialogue.scalars(Label.FOLD_VALUES, 2 * columns + 1)

    # b. f_{i+1}(beta^2) follows from f_i(beta) and f_i(-beta); the last must be the claim.
    plus, minus, squares = sent[0:-1:2], sent[1:-1:2], sent[-1:]
    inverse = pow(2 * beta, -1, R)
    for at, opposite, x in zip(plus, minus, reversed(point[split:]), strict=True):
        even, odd = (at + opposite) * HALF, (at - opposite) * inverse
        squares.append((even + x * (odd - even)) % R)
    if squares.pop() != claim:
        raise VerificationError("proof", "the folded rows do not end in the claimed value")

    # c. All f_i at once: F = sum q^i f_i equals I at beta, -beta and beta^2, W1 is the quotient.
    batch = transcript.challenge(Label.BATCH)
    (quotient,) = dialogue.points(Label.QUOTIENT, 1)
    zeta = transcript.challenge(Label.ZETA)
    nodes = (beta, R - beta, beta * beta % R)
    interpolated, vanishing = 0, 1
    for node, values in zip(nodes, (plus, minus, squares), strict=True):
        top = bottom = 1
        for other in set(nodes) - {node}:
            top, bottom = top * (zeta - other) % R, bottom * (node - other) % R
        interpolated += combine(values, batch) * top * pow(bottom, -1, R)
        vanishing = vanishing * (zeta - node) % R

    # d. F(zeta) - I(zeta) - Z(zeta) W1(zeta) = 0, W2 is the quotient by X - zeta: one equation.
    (last,) = dialogue.points(Label.QUOTIENT, 1)
    dialogue.end()
    weights = eq_table(point[:split], 1 + max(number for number, _ in rows))
    left = combination(
        [*(row for _, row in rows), *folds, _GENERATOR, quotient, last],
        [
            *(weights[number] for number, _ in rows),
            *(pow(batch, power, R) for power in range(1, columns)),
            *(-interpolated, -vanishing, zeta),
        ],
    )
    tau = (FQ2(tau_g2[:2]), FQ2(tau_g2[2:]), FQ2.one())
    if pairing(G2, left) != pairing(tau, combination([last], [1])):
        raise VerificationError("proof", "the opening does not fit the committed rows")
