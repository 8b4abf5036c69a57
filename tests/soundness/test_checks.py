"""Each of the verifier's comparisons stops a forger whom all the others let pass."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from avow.verifier.argument import opening
from avow.verifier.argument.proof import Dialogue
from avow.verifier.argument.transcript import Label
from avow.verifier.systems.sumcheck import check as check_module
from avow.verifier.systems.sumcheck import layers
from avow.verifier.systems.sumcheck.key import COMMITTED, LAYERED
from tests.soundness.adversary import Plan
from tests.soundness.conftest import Honest
from tests.soundness.forgeries import Forgery, wrong_results
from tests.soundness.test_forgeries import refusal

pytestmark = pytest.mark.usefixtures("quick")

LOOKUPS = "the lookups do not add up to zero"
FRACTIONS = "the fractions are not those of the lookups"
IDENTITIES = "the identities do not hold"
LINEAR = "the linear operations do not hold"
REDUCTION = "the evaluations are not those of the committed columns"
FOLDS = "the folded rows do not end in the claimed value"
LAST = "the folded rows do not end in the last one"
PAIRING = "the opening does not fit the committed rows"


class Anything(int):
    """What a comparison that is left out compares with."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = int.__hash__

    def __mul__(self, other: int) -> "Anything":
        return self

    __rmul__ = __mod__ = __sub__ = __mul__


@pytest.fixture
def leave_out(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Make the verifier forget one of its comparisons, named by its message."""
    own_combine, own_open = check_module.combine, check_module.opening
    marked: list[Sequence[int]] = []

    def forms(*arguments: object) -> Sequence[int]:
        marked.append(own_forms(*arguments))
        return marked[-1]

    own_forms, own_scalars = check_module._forms, Dialogue.scalars

    def scalars(self: Dialogue, label: Label, count: int) -> list[int]:
        found = own_scalars(self, label, count)
        if label is Label.LAST:
            marked.append(found)
        return found

    def combine(terms: Sequence[int], base: int) -> int:
        return Anything(0) if any(terms is each for each in marked) else own_combine(terms, base)

    def open_(dialogue, rows, point, columns, claim):  # type: ignore[no-untyped-def]
        return own_open(dialogue, rows, point, columns, Anything(claim))

    def leave(message: str) -> None:
        match message:
            case "the lookups do not add up to zero":
                monkeypatch.setattr(layers, "node_sum", lambda *_: Anything(0))
            case "the fractions are not those of the lookups":
                both = (Anything(0), Anything(0))
                monkeypatch.setattr(check_module, "leaves_at", lambda *_: both)
            case "the identities do not hold":
                monkeypatch.setattr(check_module, "identities_at", lambda *_: Anything(0))
            case "the linear operations do not hold":
                monkeypatch.setattr(check_module, "bilinear_at", lambda *_: Anything(0))
            case "the evaluations are not those of the committed columns":
                monkeypatch.setattr(check_module, "_forms", forms)
                monkeypatch.setattr(check_module, "combine", combine)
            case "the folded rows do not end in the claimed value":
                monkeypatch.setattr(check_module, "opening", open_)
            case "the folded rows do not end in the last one":
                monkeypatch.setattr(Dialogue, "scalars", scalars)
                monkeypatch.setattr(opening, "combine", combine)
            case _:
                monkeypatch.setattr(opening, "equal_pairings", lambda *_: True)

    yield leave


@dataclass(frozen=True)
class Last:
    """A plan that meets every check but one."""

    operation: str
    plan: Plan
    message: str
    only: str | None = None


LASTS = (
    Last("multiply", Plan("a product, plain"), IDENTITIES),
    Last("table", Plan("a lookup, plain"), IDENTITIES, COMMITTED),
    Last("table", Plan("a lookup, layers plain"), LOOKUPS, LAYERED),
    Last("table", Plan("a lookup, the root false", node=0), FRACTIONS, LAYERED),
    Last("table", Plan("a lookup, a leaf false", helpers="dead lookup"), FRACTIONS, LAYERED),
    Last("table", Plan("a lookup, leaves false", node=2, leaf=0), REDUCTION, LAYERED),
    Last("gather", Plan("an output, plain"), IDENTITIES),
    Last("maximum", Plan("a lookup and a product, bent", "first"), IDENTITIES, COMMITTED),
    Last("dense", Plan("a sum, plain"), LINEAR),
    Last("contract", Plan("a shared sum, bent", "each"), LINEAR),
    Last("convolution", Plan("a convolution, bent", "last"), LINEAR),
    Last("multiply", Plan("a product, one read false", read=50), REDUCTION),
    Last("table", Plan("a lookup, one helper false", read=-1), REDUCTION, COMMITTED),
    Last("convolution", Plan("a convolution, one factor false", factor=0), REDUCTION),
    Last("multiply", Plan("a product, the value false", "first", 50, 0, True), FOLDS),
    Last("dense", Plan("a sum, the value false", "last", 0, 1, True), FOLDS),
    Last("multiply", Plan("a product, the last fold false", "each", 50, 0, True, 0), LAST),
    Last("dense", Plan("a sum, the end of the last fold false", "first", 0, 1, True, -1), LAST),
    Last(
        "table",
        Plan("a lookup, the first value false", "each", 5, 0, True, 0, 0),
        PAIRING,
        COMMITTED,
    ),
    Last("dense", Plan("a sum, the last value false", "first", 5, 0, True, 1, -2), PAIRING),
)


def forgery_of(honest: Honest, operation: str) -> Forgery:
    """A wrong result of that operation."""
    names = {operation: honest.names[operation]}
    return next(wrong_results(honest.case, names, 2, 1, 1))


@pytest.mark.parametrize("last", LASTS, ids=lambda last: last.plan.name)
def test_one_comparison_alone_refuses(one: Honest, last: Last, leave_out) -> None:  # type: ignore[no-untyped-def]
    if last.only not in (None, one.case.key.lookups):
        return
    forgery = forgery_of(one, last.operation)
    assert refusal(forgery, last.plan) == last.message
    leave_out(last.message)
    assert refusal(forgery, last.plan) is None
