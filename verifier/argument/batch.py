"""What makes every sample of a batch a proof of its own: E, one polynomial for all of them.

e_b is what sample b's tensors are worth at a random point (`summary`), so that their holder can
compute it. E has the value e_b at omega^b: the argument shows this of the committed tensors, and an
opening of E at one omega^b shows that they are the holder's. Nobody needs the tensors of others.
"""

from collections.abc import Sequence

from avow.verifier.argument.opening import GENERATOR, Equation
from avow.verifier.argument.proof import R
from avow.verifier.argument.transcript import Label, Transcript
from avow.verifier.bn254 import root_of_unity
from avow.verifier.curves import Point1
from avow.verifier.relation.views import Point, eq_table


def spread(head: Point, z: Point) -> int:
    """sum_k eq(z, k) sum_b eq(head, b) omega^(b k): from E's row to its values, extended, at head.

    k counts modulo the order of omega: the last variables of z are enough, and the form weighs
    every entry of the row, so that E has no part that it does not see.
    """
    powers = [root_of_unity(number) for number in range(1, len(head) + 1)]
    total = 0
    for k, weight in enumerate(eq_table(z[len(z) - len(head) :], 2 ** len(head))):
        for x, power in zip(head, powers, strict=True):
            weight = weight * (1 - x + x * pow(power, k, R)) % R
        total += weight
    return total % R


def openings(
    transcript: Transcript,
    shared: Point1,
    variables: int,
    claims: Sequence[tuple[int, int, Point1]],
    equation: Equation,
) -> Equation:
    """The equation, with what holds only if E(omega^index) = value for (index, value, proof).

    A proof commits to (E - value) / (X - omega^index). The weights are drawn after all of it.
    """
    transcript.absorb(
        Label.OPENINGS, [word for index, value, proof in claims for word in (index, value, *proof)]
    )
    delta, omega, weight = transcript.challenge(Label.DELTA), root_of_unity(variables), 1
    left, right = map(list, equation)
    for index, value, proof in claims:
        weight = weight * delta % R
        left += [(shared, weight), (GENERATOR, -weight * value)]
        left.append((proof, weight * pow(omega, index, R)))
        right.append((proof, weight))
    return left, right
