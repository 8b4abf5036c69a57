"""Opening the folded row: Gemini's folds, and one KZG quotient for all of them."""

from collections.abc import Callable, Sequence

from avow.prover.native._core import (
    Bases,
    Frs,
    divide,
    divide_eighths,
    evaluate,
    fold_pairs,
    outer_add,
)
from avow.prover.systems.sumcheck.field import R, words
from avow.verifier.argument.transcript import Label

Send = Callable[[Label, bytes], None]
Draw = Callable[[Label], int]

_OMEGA = pow(5, (R - 1) // 8, R)


def open_row(row: Frs, point: Sequence[int], bases: Bases, send: Send, draw: Draw) -> bytes:
    """Send what shows that the row's value at a point is what was claimed; return W2.

    `row` has 2^len(point) entries, at least 32; the point's first coordinate stands for the most
    significant index bit. All other messages go through `send`.
    """
    folds, inner = [row], list(point)
    while len(inner) > 4:
        fold = folds[-1]
        for _ in range(3):
            fold = fold_pairs(fold, inner.pop())
        folds.append(fold)
    last = folds.pop()
    send(Label.FOLDS, b"".join(bases.commit(fold) for fold in folds[1:]))
    send(Label.LAST, words(last.at(k) for k in range(len(last))))
    beta = draw(Label.BETA)
    eighth_power = pow(beta, 8, R)
    values = []
    for fold in folds:
        # At all eight points fold is this remainder, a polynomial of eight coefficients.
        _, rest = divide_eighths(fold, eighth_power)
        for j in range(8):
            at = beta * pow(_OMEGA, j, R)
            values.append(sum(part * pow(at, t, R) for t, part in enumerate(rest)) % R)
    values.append(evaluate(row, eighth_power))
    send(Label.FOLD_VALUES, words(values))
    batch = draw(Label.BATCH)
    combined = Frs.zeros(len(row))
    for power, fold in enumerate(folds):
        outer_add(combined, 0, pow(batch, power, R), [fold])
    quotient, _ = divide_eighths(combined, eighth_power)
    quotient, _ = divide(quotient, eighth_power)
    send(Label.QUOTIENT, bases.commit(quotient))
    zeta = draw(Label.ZETA)
    # What is left of F - I(zeta) - Z(zeta) W1 is a multiple of X - zeta; constants do not matter.
    vanishing = (pow(zeta, 8, R) - eighth_power) * (zeta - eighth_power) % R
    outer_add(combined, 0, R - vanishing, [quotient])
    second, _ = divide(combined, zeta)
    return bases.commit(second)
