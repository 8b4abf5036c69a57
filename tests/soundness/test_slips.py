"""One element wrong as it is said, everything after it honest: refused, whichever it was.

Unlike a change of the finished bytes, all later challenges are the ones that the lie leads to.
"""

from itertools import accumulate

import pytest

from avow.prover.native import _core
from avow.verifier.argument.transcript import Label
from avow.verifier.curves import curve_order
from avow.verifier.errors import VerificationError
from tests.sampling import sampled
from tests.soundness.checking import check_all
from tests.soundness.conftest import Honest
from tests.soundness.manifest import SECTIONS, manifest, sections
from tests.soundness.reference import GENERATOR, POINTS, Prover
from tests.soundness.workbench import ROOT, TAU

pytestmark = pytest.mark.usefixtures("quick")


class Slip(Prover):
    """Says one element of the whole proof wrong, by its place in the manifest."""

    wrong, by = 0, 1
    said = 0

    def say(self, label: Label, values: list[int]) -> list[int]:
        words = 2 if label in POINTS else 1
        at = self.wrong - self.said
        self.said += len(values) // words
        if not 0 <= at < len(values) // words:
            return values
        if words == 1:
            changed = [(values[at] + self.by) % curve_order]
        else:
            point = b"".join(value.to_bytes(32, "big") for value in values[2 * at : 2 * at + 2])
            point = _core.point_add(point, _core.point_mul(GENERATOR, self.by))
            changed = [int.from_bytes(part, "big") for part in (point[:32], point[32:])]
        return [*values[: words * at], *changed, *values[words * (at + 1) :]]


def refused(one: Honest, wrong: int, by: int) -> str | None:
    """Why a proof with that slip is refused."""
    honest = one.prover
    kind = type("OneSlip", (Slip,), {"wrong": wrong, "by": by})
    slip = kind(one.case.key, TAU, honest.run, ROOT, honest.inputs, honest.outputs)
    proof = slip.prove()
    try:
        check_all(one.case.key, ROOT, honest.inputs, honest.outputs, proof)
    except VerificationError as error:
        return error.message
    assert by or proof == one.proof
    return None


@pytest.mark.parametrize("section", SECTIONS)
def test_every_slip_is_refused(one: Honest, section: str) -> None:
    elements = manifest(one.prover.frame)
    if section not in sections(one.prover.frame):
        return
    places = [at for at, element in enumerate(elements) if element.section == section]
    assert refused(one, places[0], 0) is None
    # All of a short section, others of a long one in every run.
    for at in sampled(places, 12):
        assert refused(one, at, 1), elements[at].name


def test_sections_are_where_the_prover_says_them(one: Honest) -> None:
    sizes = [count // 2 if label in POINTS else count for label, count in one.prover.names]
    assert list(accumulate(sizes))[-1] == len(manifest(one.prover.frame))
