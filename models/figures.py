"""The figures of a fidelity as a system record states them."""

from decimal import ROUND_DOWN, ROUND_UP, Context, Decimal

from avow.verifier.records import Fidelity

NO_CLASSES = "none"
_MILLIONTH = Decimal("0.000001")
_SIX_DIGITS = Context(prec=6, rounding=ROUND_UP)


def recorded(rows: int, agreement: float | None, max_error: float, mean_error: float) -> Fidelity:
    """Figures that a program's compilation measured, rounded as those of any other system."""
    exact = NO_CLASSES if agreement is None else share(Decimal(agreement))
    return Fidelity(rows, exact, rounded(max_error), rounded(mean_error))


def share(exact: Decimal) -> str:
    """A share of rows, 0 to 1, rounded down to millionths."""
    return str(exact.quantize(_MILLIONTH, ROUND_DOWN))


def rounded(error: float) -> str:
    """An error in real units, rounded up to six digits."""
    return format(_SIX_DIGITS.create_decimal(Decimal(error)), "f")
