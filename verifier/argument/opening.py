"""Step 7: the stack's value at one point, by Gemini folding over KZG commitments to its rows."""

from collections.abc import Callable, Sequence

from avow.verifier.argument.proof import Dialogue, R, combine
from avow.verifier.argument.transcript import Label
from avow.verifier.bn254 import root_of_unity
from avow.verifier.curves import FQ2, G2, Point1, combination, equal_pairings
from avow.verifier.errors import VerificationError
from avow.verifier.relation.views import Point, eq_table
from avow.verifier.srs import G2Coordinates

Rows = Sequence[tuple[int, Point1]]
GENERATOR = (1, 2)
_OMEGA = root_of_unity(3)

# Points and their scalars, summed; an equation says that the left sum is tau times the right one.
Terms = list[tuple[Point1, int]]
Equation = tuple[Terms, Terms]
PairingCheck = Callable[[Equation, G2Coordinates], None]


def opening(dialogue: Dialogue, rows: Rows, point: Point, columns: int, claim: int) -> Equation:
    """What holds only if the stack of `rows` (number, commitment) is worth `claim` at `point`.

    The last `columns` variables, at least 5, are those inside a row. f_0 is the sum of the rows
    weighted by eq(row variables). With f_i = sum_t X^t g_t(X^8) the next one, an eighth as long, is
    f_{i+1} = sum_t eq(three variables, t) g_t; variables are taken from the last to the first. The
    one with two to four variables left is sent in clear, so no row is longer than 2^columns.
    """
    transcript, split = dialogue.transcript, len(point) - columns
    count = (columns - 2) // 3
    left = columns - 3 * count

    # a. The f_i are fixed before the point at which they are compared.
    folds = dialogue.points(Label.FOLDS, count - 1)
    last = dialogue.scalars(Label.LAST, 2**left)
    beta = transcript.challenge(Label.BETA)
    eighth_power = pow(beta, 8, R)
    if eighth_power in (0, 1):  # As 7 does not divide r - 1, it is no other root of one times beta.
        raise VerificationError("proof", "the points to compare at coincide")
    nodes = [beta * pow(_OMEGA, j, R) % R for j in range(8)]
    inverses = [pow(node, -1, R) for node in nodes]
    sent = dialogue.scalars(Label.FOLD_VALUES, 8 * count + 1)
    values = [sent[8 * i : 8 * i + 8] for i in range(count)]

    # b. f_{i+1}(beta^8) follows from f_i at beta's multiples; the last one is known in clear.
    derived = sent[-1:]
    for i, eight in enumerate(values):
        x2, x1, x0 = point[len(point) - 3 * i - 3 : len(point) - 3 * i]
        total = 0
        for value, y in zip(eight, inverses, strict=True):
            y2, y4 = y * y % R, pow(y, 4, R)
            total += value * (1 - x0 + x0 * y) * (1 - x1 + x1 * y2) * (1 - x2 + x2 * y4)
        derived.append(total * pow(8, -1, R) % R)
    if derived.pop() != combine(last, eighth_power):
        raise VerificationError("proof", "the folded rows do not end in the last one")
    ends = eq_table(point[split : split + left], 2**left)
    if sum(weight * entry for weight, entry in zip(ends, last, strict=True)) % R != claim:
        raise VerificationError("proof", "the folded rows do not end in the claimed value")

    # c. All f_i at once: F = sum q^i f_i equals I at these nine points, W1 is the quotient.
    batch = transcript.challenge(Label.BATCH)
    (quotient,) = dialogue.points(Label.QUOTIENT, 1)
    zeta = transcript.challenge(Label.ZETA)
    nodes.append(eighth_power)
    interpolated, vanishing = 0, 1
    for node, at_node in zip(nodes, [*zip(*values, strict=True), derived], strict=True):
        top = bottom = 1
        for other in set(nodes) - {node}:
            top, bottom = top * (zeta - other) % R, bottom * (node - other) % R
        interpolated += combine(at_node, batch) * top * pow(bottom, -1, R)
        vanishing = vanishing * (zeta - node) % R

    # d. F(zeta) - I(zeta) - Z(zeta) W1(zeta) = 0, W2 is the quotient by X - zeta: one equation.
    (second,) = dialogue.points(Label.QUOTIENT, 1)
    dialogue.end()
    weights = eq_table(point[:split], 1 + max(number for number, _ in rows))
    sides = [
        *((row, weights[number]) for number, row in rows),
        *((fold, pow(batch, power, R)) for power, fold in enumerate(folds, 1)),
        *((GENERATOR, -interpolated), (quotient, -vanishing), (second, zeta)),
    ]
    return sides, [(second, 1)]


def check_pairing(equation: Equation, tau_g2: G2Coordinates) -> None:
    """Establish an equation, with the one pairing of a verification."""
    left, right = (combination(*zip(*terms, strict=True)) for terms in equation)
    tau = (FQ2(tau_g2[:2]), FQ2(tau_g2[2:]), FQ2.one())
    if not equal_pairings((G2, left), (tau, right)):
        raise VerificationError("proof", "the opening does not fit the committed rows")
