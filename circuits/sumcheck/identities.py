"""Identities of a relation as records of a key blob: most of them in one of three short kinds."""

from collections.abc import Container, Sequence

from avow.circuits.sumcheck.steps import ONE, Tape, numbers, sum_code

# Words of the tape that the contract writes: challenges.
LAMBDA_WORD, ALPHA_WORD = 1, 2

# (word, power of lambda, factor), and (word, factor).
Component = tuple[int, int, int]
Term = tuple[int, int]

_LOOKUP, _DIFFERENCES, _SCALED, _LONG_LOOKUP, _LONG_PRODUCT = range(5)


def lookup(tape: Tape, helper: int, live: int, terms: Sequence[Component]) -> bytes:
    """helper (alpha + sum of lambda^power factor word) - live."""
    # What is multiplied with the same live cells, as the tops of range checks are.
    shares = [(power, factor) for word, power, factor in terms if word == live]
    known = _share(tape, shares) if shares else tape.constant(0)
    groups: dict[tuple[int, int], tuple[list[int], list[int]]] = {(0, 1): ([], [])}
    rest = [term for term in terms if term[0] != live]
    for word, power, factor in rest:
        groups.setdefault((power, abs(factor)), ([], []))[factor < 0].append(word)
    (plus, minus), *others = groups.values()
    if len(plus) < 2 and len(minus) < 2 and len(others) < 2:
        zero = tape.constant(0)
        words = [helper, live, known, _one(plus, zero), _one(minus, zero)]
        if not others:
            return bytes([_LOOKUP]) + numbers(*words)
        ((power, factor),) = [name for name in groups if name != (0, 1)]
        up, down = others[0]
        if len(up) > 1:
            up, down, factor = down, up, -factor
        if len(up) < 2 and len(down) < 3:
            scale = _weight(tape, power, factor)
            both = [*down, zero, zero][:2]
            return bytes([_SCALED]) + numbers(*words, scale, _one(up, zero), *both)
    total = sum_code([(ALPHA_WORD, ONE), *_weighted(tape, terms)])
    return bytes([_LONG_LOOKUP]) + numbers(helper, live) + total


def product(
    tape: Tape, factors: Sequence[Sequence[Term]], rest: Sequence[Term], sent: Container[int]
) -> bytes:
    """The product of two sums, or of none, and a sum."""
    zero = tape.constant(0)
    factors = [[_scaled(tape, term, sent) for term in side] for side in factors]
    rest = [_scaled(tape, term, sent) for term in rest]
    if not factors or not rest:
        sides = list(factors) or [rest, [(ONE, 1)]]
        words: list[int] = []
        for side in sides:
            up = [word for word, factor in side if factor == 1]
            down = [word for word, factor in side if factor == -1]
            if len(up) < 2 and len(down) < 2 and len(up) + len(down) == len(side):
                words += [_one(up, zero), _one(down, zero)]
        if len(words) == 4:
            return bytes([_DIFFERENCES]) + numbers(*words)
    code = b"".join(_sum(tape, side) for side in (factors or ([], [])))
    return bytes([_LONG_PRODUCT]) + code + _sum(tape, rest)


def _one(words: Sequence[int], other: int) -> int:
    return words[0] if words else other


def _share(tape: Tape, shares: Sequence[tuple[int, int]]) -> int:
    """sum of lambda^power factor."""
    if len(shares) == 1:
        return _weight(tape, *shares[0])
    return tape.sum(
        [
            (LAMBDA_WORD, tape.constant(factor))
            if power == 1
            else (_weight(tape, power, factor), ONE)
            for power, factor in shares
        ]
    )


def _scaled(tape: Tape, term: Term, sent: Container[int]) -> Term:
    """A known word times its factor as one word."""
    word, factor = term
    if word in sent or factor in (1, -1):
        return term
    return tape.product([word, tape.constant(factor)]), 1


def _weight(tape: Tape, power: int, factor: int) -> int:
    return tape.product([LAMBDA_WORD] * power + [tape.constant(factor)])


def _weighted(tape: Tape, terms: Sequence[Component]) -> list[tuple[int, int]]:
    pairs = [(word, _weight(tape, power, factor)) for word, power, factor in terms]
    return [(factor, word) if word == ONE else (word, factor) for word, factor in pairs]


def _sum(tape: Tape, terms: Sequence[Term]) -> bytes:
    return sum_code([(word, tape.constant(factor)) for word, factor in terms])
