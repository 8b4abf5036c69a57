"""A proof's words are read canonically, absorbed at once, and summed up rightly."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier.argument.proof import Dialogue, R, combine, interpolate
from avow.verifier.argument.transcript import Label
from avow.verifier.curves import G1, field_modulus, multiply, normalize
from avow.verifier.errors import VerificationError

SCALARS = st.integers(0, R - 1)


def word(value: int) -> bytes:
    """32 bytes big-endian."""
    return value.to_bytes(32, "big")


def point(scalar: int) -> bytes:
    """A multiple of the generator."""
    return b"".join(word(int(part)) for part in normalize(multiply(G1, scalar)))


def test_what_is_read_is_absorbed_before_the_next_challenge() -> None:
    drawn = set()
    for data in (word(1) + word(2), word(1) + word(3), word(0) + word(2)):
        dialogue = Dialogue(data)
        dialogue.scalars(Label.READS, 2)
        drawn.add(dialogue.transcript.challenge(Label.ETA))
    for scalar in (3, 5):
        dialogue = Dialogue(point(scalar))
        dialogue.points(Label.READS, 1)
        drawn.add(dialogue.transcript.challenge(Label.ETA))
    assert len(drawn) == 5


def test_the_identity_is_zero_zero() -> None:
    assert Dialogue(bytes(64) + point(1)).points(Label.WITNESS, 2) == [(0, 0), (1, 2)]


@pytest.mark.parametrize("value", [R, R + 1, 2**256 - 1])
def test_a_scalar_has_one_encoding(value: int) -> None:
    with pytest.raises(VerificationError, match="below the group's order"):
        Dialogue(word(1) + word(value)).scalars(Label.READS, 2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (word(1) + word(3), "not on the curve"),
        (word(0) + word(1), "not on the curve"),
        (word(1) + word(0), "not on the curve"),
        (word(field_modulus + 1) + word(2), "not canonical"),
        (word(1) + word(field_modulus + 2), "not canonical"),
        (word(field_modulus) + word(field_modulus), "not canonical"),
    ],
)
def test_a_point_is_on_the_curve_and_has_one_encoding(data: bytes, message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        Dialogue(data).points(Label.WITNESS, 1)


@pytest.mark.parametrize("length", [0, 1, 31, 33, 63])
def test_a_proof_that_ends_early_is_refused(length: int) -> None:
    with pytest.raises(VerificationError, match=f"ends after {length} bytes"):
        Dialogue(bytes(length)).scalars(Label.READS, 2)


def test_bytes_after_the_end_are_refused() -> None:
    dialogue = Dialogue(word(1) + b"\0")
    dialogue.scalars(Label.READS, 1)
    with pytest.raises(VerificationError, match="after its end"):
        dialogue.end()
    whole = Dialogue(word(1))
    whole.scalars(Label.READS, 1)
    whole.end()


@given(st.lists(SCALARS, min_size=1, max_size=4), SCALARS)
def test_interpolation_is_lagranges(values: list[int], x: int) -> None:
    expected = 0
    for k, value in enumerate(values):
        term = value
        for other in range(len(values)):
            if other != k:
                term = term * (x - other) * pow(k - other, -1, R) % R
        expected += term
    assert interpolate(values, x) == expected % R
    assert [interpolate(values, k) for k in range(len(values))] == values


@given(st.lists(SCALARS, max_size=5), SCALARS)
def test_combine_weighs_by_powers(terms: list[int], base: int) -> None:
    assert combine(terms, base) == sum(pow(base, k, R) * v for k, v in enumerate(terms)) % R


class Toy:
    """An honest prover of sum of f g over a cube of three variables."""

    def __init__(self) -> None:
        self.f = [3, 1, 4, 1, 5, 9, 2, 6]
        self.g = [2, 7, 1, 8, 2, 8, 1, 8]
        self.claim = sum(a * b for a, b in zip(self.f, self.g, strict=True))

    def rounds(self, lie_in: int | None = None) -> tuple[int, int]:
        """What the verifier is left with, and what f g really is there."""
        f, g = self.f, self.g
        data = b""
        for number in range(3):
            half = len(f) // 2

            def at(x: int, f: list[int] = f, g: list[int] = g, half: int = half) -> int:
                left = [f[k] + x * (f[half + k] - f[k]) for k in range(half)]
                right = [g[k] + x * (g[half + k] - g[k]) for k in range(half)]
                return sum(a * b for a, b in zip(left, right, strict=True)) % R

            data += word((at(0) + (number == lie_in)) % R) + word(at(2))
            dialogue = Dialogue(data)
            _, drawn = dialogue.rounds(Label.REDUCTION, self.claim, number + 1, 2)
            x = drawn[-1]
            f = [(f[k] + x * (f[half + k] - f[k])) % R for k in range(half)]
            g = [(g[k] + x * (g[half + k] - g[k])) % R for k in range(half)]
        left, _ = Dialogue(data).rounds(Label.REDUCTION, self.claim, 3, 2)
        return left, f[0] * g[0] % R


def test_an_honest_sumcheck_ends_in_the_value() -> None:
    left, true = Toy().rounds()
    assert left == true


@pytest.mark.parametrize("lie_in", [0, 1, 2])
def test_a_lie_in_any_round_ends_in_another_value(lie_in: int) -> None:
    left, true = Toy().rounds(lie_in)
    assert left != true


def test_a_wrong_sum_ends_in_another_value() -> None:
    toy = Toy()
    toy.claim += 1
    left, true = toy.rounds()
    assert left != true


def test_no_rounds_leave_the_claim() -> None:
    assert Dialogue(b"").rounds(Label.BILINEAR, 7, 0, 2) == (7, ())


def test_the_toys_sum_is_over_the_cube() -> None:
    toy = Toy()
    assert toy.claim == sum(
        toy.f[4 * a + 2 * b + c] * toy.g[4 * a + 2 * b + c] for a, b, c in product((0, 1), repeat=3)
    )
