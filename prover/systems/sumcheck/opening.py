"""Opening the folded row: Gemini's folds, and one KZG quotient for all of them."""

from collections.abc import Callable, Sequence

from avow.prover.native._core import Bases, Frs, divide, evaluate, fold_pairs, outer_add
from avow.prover.systems.sumcheck.field import R, words
from avow.verifier.systems.sumcheck.transcript import Label

Send = Callable[[Label, bytes], None]
Draw = Callable[[Label], int]


def open_row(row: Frs, point: Sequence[int], bases: Bases, send: Send, draw: Draw) -> bytes:
    """Send what shows that the row's value at a point is what was claimed; return W2.

    `row` has 2^len(point) entries, the point's first coordinate stands for the most significant
    index bit. All other messages go through `send`.
    """
    folds = [row]
    for coordinate in reversed(point[1:]):
        folds.append(fold_pairs(folds[-1], coordinate))
    send(Label.FOLDS, b"".join(bases.commit(fold) for fold in folds[1:]))
    beta = draw(Label.BETA)
    values = [evaluate(fold, at) for fold in folds for at in (beta, R - beta)]
    values.append(evaluate(row, beta * beta % R))
    send(Label.FOLD_VALUES, words(values))
    batch = draw(Label.BATCH)
    combined = Frs.zeros(len(row))
    for power, fold in enumerate(folds):
        outer_add(combined, 0, pow(batch, power, R), [fold])
    # A row of two entries is its own interpolation.
    quotient = combined if len(row) > 2 else Frs.zeros(4)
    for root in (beta, R - beta, beta * beta % R):
        quotient, _ = divide(quotient, root)
    send(Label.QUOTIENT, bases.commit(quotient))
    zeta = draw(Label.ZETA)
    # What is left of F - I(zeta) - Z(zeta) W1 is a multiple of X - zeta; constants do not matter.
    vanishing = (zeta * zeta - beta * beta) * (zeta - beta * beta) % R
    outer_add(combined, 0, R - vanishing, [quotient])
    second, _ = divide(combined, zeta)
    return bases.commit(second)
