"""The opening of a stack of rows: an honest one convinces, every lie about it fails."""

from collections.abc import Callable, Sequence
from random import Random

import pytest

from avow.verifier.curves import G1, field_modulus, is_inf, multiply, normalize
from avow.verifier.errors import VerificationError
from avow.verifier.relation.views import eq_table
from avow.verifier.systems.sumcheck.opening import check_opening
from avow.verifier.systems.sumcheck.proof import Dialogue, R
from avow.verifier.systems.sumcheck.transcript import Label, Transcript
from tests.verifier.sumcheck.example import TAU, tau_g2

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


class Opener:
    """Opens `rows` of 2^columns entries at a random point."""

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

        folds = [self.folded]
        for x in reversed(self.point[self.split + 1 :]):
            even, odd = folds[-1][::2], folds[-1][1::2]
            folds.append([(a + x * (b - a)) % R for a, b in zip(even, odd, strict=True)])
        send("folds", Label.FOLDS, [word for fold in folds[1:] for word in commit(fold)])
        beta = transcript.challenge(Label.BETA)
        values = [horner(fold, at) for fold in folds for at in (beta, R - beta)]
        send("values", Label.FOLD_VALUES, [*values, horner(folds[0], beta**2 % R)])
        batch = transcript.challenge(Label.BATCH)
        width = len(folds[0])
        total = [
            sum(pow(batch, i, R) * fold[k] for i, fold in enumerate(folds) if k < len(fold)) % R
            for k in range(width)
        ]
        first = total
        for root in (beta, R - beta, beta**2 % R):
            first = divide(first, root)
        send("quotient", Label.QUOTIENT, commit(first))
        zeta = transcript.challenge(Label.ZETA)
        vanishing = (zeta - beta) * (zeta + beta) * (zeta - beta**2) % R
        first = [*first, *([0] * (width - len(first)))]
        rest = [(a - vanishing * b) % R for a, b in zip(total, first, strict=True)]
        send("last", Label.QUOTIENT, commit(divide(rest, zeta)))
        return sent

    def check(
        self, proof: bytes, claim: int | None = None, tau: int = TAU, point: Vector | None = None
    ) -> None:
        """What the verifier says."""
        rows = [(number, tuple(commit(row))) for number, row in self.rows.items()]
        value = self.value if claim is None else claim
        at = self.point if point is None else tuple(point)
        check_opening(Dialogue(proof), rows, at, self.columns, value, tau_g2(tau))  # type: ignore[arg-type]


def opener(seed: int = 0, columns: int = 3) -> Opener:
    """Rows 0, 1 and 3 of four, one of them zero."""
    rng = Random(seed)
    rows = {number: [rng.randrange(R) for _ in range(2**columns)] for number in (0, 3)}
    return Opener({**rows, 1: [0] * 2**columns}, 2 + columns, columns, seed)


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_an_honest_opening_convinces(columns: int) -> None:
    honest = opener(columns, columns)
    honest.check(honest.open())


def test_one_row_without_row_variables_opens() -> None:
    honest = Opener({0: [5, 6, 7, 8]}, 2, 2)
    honest.check(honest.open())


def test_rows_of_zeros_open_to_zero() -> None:
    honest = Opener({0: [0, 0], 1: [0, 0]}, 2, 1)
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


COUNTS = {"values": 7}


@pytest.mark.parametrize("at", range(COUNTS["values"]))
def test_a_wrong_value_of_a_fold_is_refused(at: int) -> None:
    def lie(name: str, words: list[int]) -> None:
        if name == "values":
            words[at] = (words[at] + 1) % R

    honest = opener()
    with pytest.raises(VerificationError):
        honest.check(honest.open(lie))


def test_wrong_values_that_still_end_in_the_claim_are_refused() -> None:
    # f_1 at plus and minus beta moved so that what follows from them is unchanged.
    def lie(name: str, words: list[int]) -> None:
        if name == "values":
            x = honest.point[-2]
            beta = betas[0]
            # even + x (odd - even): (1 - x) (a + b) / 2 + x (a - b) / (2 beta) stays.
            a, b = (1 - x) * beta + x, (1 - x) * beta - x
            words[2] = (words[2] + b) % R
            words[3] = (words[3] - a) % R

    betas: list[int] = []
    honest = opener()
    transcript = Transcript()
    folded = [
        (a + honest.point[-1] * (b - a)) % R
        for a, b in zip(honest.folded[::2], honest.folded[1::2], strict=True)
    ]
    again = [
        (a + honest.point[-2] * (b - a)) % R for a, b in zip(folded[::2], folded[1::2], strict=True)
    ]
    transcript.absorb(Label.FOLDS, [*commit(folded), *commit(again)])
    betas.append(transcript.challenge(Label.BETA))
    with pytest.raises(VerificationError, match="does not fit"):
        honest.check(honest.open(lie))


@pytest.mark.parametrize("name", ["folds", "quotient", "last"])
def test_a_wrong_commitment_is_refused(name: str) -> None:
    def lie(which: str, words: list[int]) -> None:
        if which == name:
            words[1] = field_modulus - words[1]

    honest = opener()
    with pytest.raises(VerificationError):
        honest.check(honest.open(lie))


@pytest.mark.parametrize("name", ["folds", "quotient", "last"])
def test_the_identity_in_place_of_a_commitment_is_refused(name: str) -> None:
    def lie(which: str, words: list[int]) -> None:
        if which == name:
            words[:2] = [0, 0]

    honest = opener()
    with pytest.raises(VerificationError):
        honest.check(honest.open(lie))


def test_a_row_longer_than_a_row_is_refused() -> None:
    # The string is longer than a row: its powers beyond must not hide anything.
    rng = Random(3)
    long = [rng.randrange(R) for _ in range(16)]
    liar = Opener({0: long, 1: [rng.randrange(R) for _ in range(16)]}, 4, 3)
    with pytest.raises(VerificationError):
        liar.check(liar.open())


def test_what_follows_the_opening_is_refused() -> None:
    honest = opener()
    with pytest.raises(VerificationError, match="after its end"):
        honest.check(honest.open() + b"\0")


@pytest.mark.parametrize("beta", [0, 1])
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
