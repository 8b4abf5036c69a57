"""The pairing equation of tests that are about something else, by secrets that everybody knows."""

from typing import Any

import pytest

from avow.verifier.argument import opening
from avow.verifier.curves import G2, eq, equal_pairings, is_inf, multiply, normalize
from tests.verifier.sumcheck.example import SECRETS

Pair = tuple[Any, Any]


def by_secret(left: Pair, right: Pair) -> bool:
    """e(A, G2) = e(B, tau G2) as A = tau B: the same statement to whoever knows tau."""
    x, y = normalize(right[0])
    tau = SECRETS.get(tuple(int(part) for axis in (x, y) for part in axis.coeffs))
    if left[0] is not G2 or tau is None:
        return equal_pairings(left, right)
    if is_inf(left[1]) or is_inf(right[1]):
        # py_ecc's multiples of the identity are equal to anything.
        return is_inf(left[1]) and is_inf(right[1])
    return bool(eq(left[1], multiply(right[1], tau)))


@pytest.fixture
def known_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verifier that checks its equation without pairings, where the string's secret is known."""
    monkeypatch.setattr(opening, "equal_pairings", by_secret)


@pytest.fixture
def real_pairing(known_secret: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verifier as it is, in a module whose tests know the secret."""
    monkeypatch.setattr(opening, "equal_pairings", equal_pairings)
