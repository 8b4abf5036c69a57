"""The opening of a stack of rows: an honest one convinces, every lie about it fails."""

from collections.abc import Callable, Sequence
from itertools import product
from math import gcd
from random import Random

import pytest

from avow.verifier.argument.opening import check_pairing, opening
from avow.verifier.argument.proof import Dialogue, R
from avow.verifier.argument.transcript import Label, Transcript
from avow.verifier.curves import G1, G2, Z1, field_modulus, is_inf, multiply, normalize
from avow.verifier.errors import VerificationError
from avow.verifier.relation.views import eq_table
from tests.verifier.sumcheck.conftest import by_secret
from tests.verifier.sumcheck.example import TAU, tau_g2

pytestmark = pytest.mark.usefixtures("known_secret")

OMEGA = pow(5, (R - 1) // 8, R)
Vector = list[int]
Words = dict[str, list[int]]


def horner(vector: Sequence[int], x: int) -> int:
    """A polynomial's value."""
    total = 0
    for coefficient in reversed(vector):
        total = (total * x + coefficient) % R
    return total


def commit(vector: Sequence[int]) -> list[int]:
    """The two coordinates of the commitment to a polynomial."""
    point = multiply(G1, horner(vector, TAU))
    return [0, 0] if is_inf(point) else [int(part) for part in normalize(point)]


def divide(vector: Sequence[int], root: int) -> Vector:
    """The quotient by X - root, the remainder dropped."""
    quotient: Vector = []
    carry = 0
    for coefficient in reversed(vector):
        quotient.insert(0, carry)
        carry = (coefficient + root * carry) % R
    return quotient[: len(vector) - 1]


def fold(vector: Sequence[int], variables: Sequence[int]) -> Vector:
    """Neighbours combined by one variable after another; a vector of an odd length is padded."""
    found = list(vector)
    for x in variables:
        found += [0] * (len(found) % 2)
        found = [(a + x * (b - a)) % R for a, b in zip(found[::2], found[1::2], strict=True)]
    return found


class Opener:
    """Opens `rows` of 2^columns entries at a random point; `backwards` swaps variables."""

    backwards = False

    def __init__(
        self, rows: dict[int, Vector], variables: int, columns: int, seed: int = 0
    ) -> None:
        rng = Random(seed)
        self.rows, self.columns = rows, columns
        self.point = tuple(rng.randrange(R) for _ in range(variables))
        self.split = variables - columns
        weights = eq_table(self.point[: self.split], 2**self.split)
        width = max(len(row) for row in rows.values())
        self.folded = [
            sum(weights[number] * row[k] for number, row in rows.items() if k < len(row)) % R
            for k in range(width)
        ]
        inner = eq_table(self.point[self.split :], 2**columns)
        self.value = sum(a * b for a, b in zip(inner, self.folded, strict=False)) % R

    def open(self, lie: Callable[[str, list[int]], None] = lambda name, words: None) -> bytes:
        """The words of an honest opening, but for what the liar changes."""
        transcript, sent = Transcript(), b""

        def send(name: str, label: Label, words: list[int]) -> list[int]:
            nonlocal sent
            lie(name, words)
            transcript.absorb(label, words)
            sent += b"".join(word.to_bytes(32, "big") for word in words)
            return words

        folds, inner = [self.folded], list(self.point[self.split :])
        while len(inner) > 4:
            variables = [inner.pop() for _ in range(3)]
            folds.append(fold(folds[-1], variables[::-1] if self.backwards else variables))
        last = folds.pop()[: 2 ** len(inner)]
        send("folds", Label.FOLDS, [word for each in folds[1:] for word in commit(each)])
        send("end", Label.LAST, last)
        beta = self.beta = transcript.challenge(Label.BETA)
        nodes = [beta * pow(OMEGA, j, R) % R for j in range(8)]
        values = [horner(each, node) for each in folds for node in nodes]
        nodes.append(pow(beta, 8, R))
        send("values", Label.FOLD_VALUES, [*values, horner(folds[0], nodes[-1])])
        batch = transcript.challenge(Label.BATCH)
        width = len(folds[0])
        total = [
            sum(pow(batch, i, R) * each[k] for i, each in enumerate(folds) if k < len(each)) % R
            for k in range(width)
        ]
        first, vanishing = total, 1
        for node in nodes:
            first = divide(first, node)
        send("quotient", Label.QUOTIENT, commit(first))
        zeta = transcript.challenge(Label.ZETA)
        for node in nodes:
            vanishing = vanishing * (zeta - node) % R
        first = [*first, *([0] * (width - len(first)))]
        rest = [(a - vanishing * b) % R for a, b in zip(total, first, strict=True)]
        send("second", Label.QUOTIENT, commit(divide(rest, zeta)))
        return sent

    def check(
        self, proof: bytes, claim: int | None = None, tau: int = TAU, point: Vector | None = None
    ) -> None:
        """What the verifier says."""
        rows = [(number, tuple(commit(row))) for number, row in self.rows.items()]
        value = self.value if claim is None else claim
        at = self.point if point is None else tuple(point)
        equation = opening(Dialogue(proof), rows, at, self.columns, value)  # type: ignore[arg-type]
        check_pairing(equation, tau_g2(tau))


def opener(seed: int = 0, columns: int = 5) -> Opener:
    """Rows 0, 1 and 3 of four, one of them zero."""
    rng = Random(seed)
    rows = {number: [rng.randrange(R) for _ in range(2**columns)] for number in (0, 3)}
    return Opener({**rows, 1: [0] * 2**columns}, 2 + columns, columns, seed)


@pytest.mark.parametrize("columns", [5, 6, 7, 8, 9, 10])
def test_an_honest_opening_convinces(columns: int) -> None:
    honest = opener(columns, columns)
    honest.check(honest.open())


@pytest.mark.usefixtures("real_pairing")
def test_a_real_pairing_takes_an_honest_opening_and_no_other() -> None:
    honest = opener(columns=8)
    proof = honest.open()
    honest.check(proof)
    with pytest.raises(VerificationError, match="does not fit"):
        honest.check(proof, tau=TAU + 1)
    with pytest.raises(VerificationError, match="does not fit"):
        honest.check(proof[:-64] + proof[-128:-64])
    with pytest.raises(VerificationError, match="does not fit"):
        honest.check(proof[:-64] + bytes(64))


def test_the_stand_in_knows_the_identity_and_the_secret() -> None:
    second, other = (multiply(G2, tau) for tau in (TAU, TAU + 1))
    tau_g2(), tau_g2(TAU + 1)
    points = {0: Z1, 1: G1, 2: multiply(G1, 2), TAU: multiply(G1, TAU)}
    for left, right in product(points, repeat=2):
        equal = (left - TAU * right) % R == 0
        assert by_secret((G2, points[left]), (second, points[right])) is equal
        assert by_secret((G2, points[left]), (other, points[right])) is (left == right == 0)


def test_one_row_without_row_variables_opens() -> None:
    honest = Opener({0: list(range(5, 37))}, 5, 5)
    honest.check(honest.open())


def test_rows_of_zeros_open_to_zero() -> None:
    honest = Opener({0: [0] * 32, 1: [0] * 32}, 6, 5)
    honest.check(honest.open())
    with pytest.raises(VerificationError):
        honest.check(honest.open(), claim=1)


def test_another_value_is_refused() -> None:
    honest = opener()
    for claim in ((honest.value + 1) % R, 0, R - honest.value):
        with pytest.raises(VerificationError, match="claimed value"):
            honest.check(honest.open(), claim)


def test_another_point_is_refused() -> None:
    honest = opener()
    for at in range(len(honest.point)):
        point = list(honest.point)
        point[at] = (point[at] + 1) % R
        with pytest.raises(VerificationError):
            honest.check(honest.open(), point=point)


def test_another_row_is_refused() -> None:
    honest = opener()
    proof = honest.open()
    for number in (0, 3):
        other = opener()
        other.rows[number] = [*other.rows[number][:-1], other.rows[number][-1] ^ 1]
        with pytest.raises(VerificationError, match="does not fit"):
            other.check(proof)


def test_rows_in_another_place_are_refused() -> None:
    honest = opener()
    proof = honest.open()
    honest.rows = {0: honest.rows[3], 3: honest.rows[0], 1: honest.rows[1]}
    with pytest.raises(VerificationError, match="does not fit"):
        honest.check(proof)


def test_another_string_is_refused() -> None:
    honest = opener()
    with pytest.raises(VerificationError, match="does not fit"):
        honest.check(honest.open(), tau=TAU + 1)


def test_the_eighth_root_of_one_is_of_order_eight() -> None:
    powers = [pow(OMEGA, j, R) for j in range(9)]
    assert powers[8] == 1
    assert len(set(powers)) == 8


def adding(name: str, at: int, by: int = 1) -> Callable[[str, list[int]], None]:
    """A lie about one word."""

    def lie(which: str, words: list[int]) -> None:
        if which == name:
            words[at] = (words[at] + by) % R

    return lie


@pytest.mark.parametrize("at", range(17))
def test_a_wrong_value_of_a_fold_is_refused(at: int) -> None:
    honest = opener(columns=8)
    with pytest.raises(VerificationError, match=r"do not end in the last one|does not fit"):
        honest.check(honest.open(adding("values", at)))


@pytest.mark.parametrize("at", range(4))
def test_a_wrong_last_fold_is_refused(at: int) -> None:
    honest = opener()
    with pytest.raises(VerificationError, match="do not end in the last one"):
        honest.check(honest.open(adding("end", at)))


def test_a_last_fold_that_still_has_the_claimed_value_is_refused() -> None:
    # Two coefficients moved along a line on which the value does not change.
    honest = opener()
    x = honest.point[honest.split + 1]

    def lie(which: str, words: list[int]) -> None:
        if which == "end":
            words[0] = (words[0] + x) % R
            words[1] = (words[1] - (1 - x)) % R

    with pytest.raises(VerificationError, match="do not end in the last one"):
        honest.check(honest.open(lie))


@pytest.mark.parametrize("pair", [(0, 1), (0, 4), (3, 7), (8, 9), (10, 15)])
def test_wrong_values_that_still_end_in_the_last_fold_are_refused(pair: tuple[int, int]) -> None:
    # Two values of one fold moved so that what follows from them is unchanged.
    honest = opener(columns=8)
    first, second = pair
    number = first // 8
    end = len(honest.point) - 3 * number
    variables = honest.point[end - 3 : end]

    def weight(at: int) -> int:
        node = pow(honest.beta * pow(OMEGA, at % 8, R), -1, R)
        found = 1
        for power, x in zip((1, 2, 4), reversed(variables), strict=True):
            found = found * (1 - x + x * pow(node, power, R)) % R
        return found

    def lie(which: str, words: list[int]) -> None:
        if which == "values":
            words[first] = (words[first] + weight(second)) % R
            words[second] = (words[second] - weight(first)) % R

    with pytest.raises(VerificationError, match="does not fit"):
        honest.check(honest.open(lie))


def test_a_wrong_value_that_is_only_derived_is_refused() -> None:
    # f_0(beta^8) is used for nothing but the quotient.
    honest = opener()
    with pytest.raises(VerificationError, match="does not fit"):
        honest.check(honest.open(adding("values", 8)))


@pytest.mark.parametrize("columns", [5, 8, 10])
def test_another_order_of_the_variables_is_refused(columns: int) -> None:
    liar = opener(columns=columns)
    liar.backwards = True
    with pytest.raises(VerificationError, match="the folded rows do not end in"):
        liar.check(liar.open())


def test_a_fold_of_too_high_a_degree_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # f_1 plus X^32, as a longer string allows; all values are those of what is committed.
    honest = opener(columns=8)
    own = fold

    def longer(vector: Sequence[int], variables: Sequence[int]) -> Vector:
        found = own(vector, variables)
        return [*found, 1] if len(vector) == 256 else found

    monkeypatch.setitem(Opener.open.__globals__, "fold", longer)
    with pytest.raises(VerificationError, match=r"the folded rows do not end in|does not fit"):
        honest.check(honest.open())


def test_another_fold_with_its_own_true_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = opener(columns=8)
    own = fold

    def other(vector: Sequence[int], variables: Sequence[int]) -> Vector:
        found = own(vector, variables)
        return [(x + 1) % R for x in found] if len(vector) == 256 else found

    monkeypatch.setitem(Opener.open.__globals__, "fold", other)
    with pytest.raises(VerificationError, match="claimed value"):
        honest.check(honest.open())
    # Neither if the last one is that of the rows.
    monkeypatch.setitem(Opener.open.__globals__, "fold", own)
    true: list[int] = []
    honest.open(lambda name, words: true.extend(words) if name == "end" else None)

    def lie(which: str, words: list[int]) -> None:
        if which == "end":
            words[:] = true

    monkeypatch.setitem(Opener.open.__globals__, "fold", other)
    with pytest.raises(VerificationError, match="do not end in the last one"):
        honest.check(honest.open(lie))


@pytest.mark.parametrize("name", ["folds", "quotient", "second"])
def test_a_wrong_commitment_is_refused(name: str) -> None:
    def lie(which: str, words: list[int]) -> None:
        if which == name:
            words[1] = field_modulus - words[1]

    honest = opener(columns=8)
    with pytest.raises(VerificationError):
        honest.check(honest.open(lie))


@pytest.mark.parametrize("name", ["folds", "quotient", "second"])
def test_the_identity_in_place_of_a_commitment_is_refused(name: str) -> None:
    def lie(which: str, words: list[int]) -> None:
        if which == name:
            words[:2] = [0, 0]

    honest = opener(columns=8)
    with pytest.raises(VerificationError):
        honest.check(honest.open(lie))


@pytest.mark.parametrize("columns", [5, 6, 8])
@pytest.mark.parametrize("extra", [1, 16, 200])
def test_a_row_longer_than_a_row_is_refused(columns: int, extra: int) -> None:
    # The string is longer than a row: its powers beyond must not hide anything.
    rng = Random(3)
    rows = {number: [rng.randrange(R) for _ in range(2**columns + extra)] for number in (0, 1)}
    liar = Opener(rows, columns + 1, columns)
    with pytest.raises(VerificationError, match="do not end in the last one"):
        liar.check(liar.open())


def test_what_follows_the_opening_is_refused() -> None:
    honest = opener()
    with pytest.raises(VerificationError, match="after its end"):
        honest.check(honest.open() + b"\0")


DEGENERATE = [0, 1, R - 1, OMEGA, pow(OMEGA, 2, R), pow(OMEGA, 7, R)]


def test_the_points_are_distinct_for_all_other_beta() -> None:
    # They coincide where beta is zero or beta^56 one, which is beta^8 = 1.
    assert gcd(56, R - 1) == 8


@pytest.mark.parametrize("beta", DEGENERATE)
def test_a_degenerate_beta_concludes_nothing(beta: int, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = opener()
    proof = honest.open()
    drawn = Transcript.challenge
    monkeypatch.setattr(
        Transcript,
        "challenge",
        lambda self, label: beta if label is Label.BETA else drawn(self, label),
    )
    with pytest.raises(VerificationError, match="coincide"):
        honest.check(proof)
