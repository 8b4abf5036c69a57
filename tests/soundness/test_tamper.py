"""Every element of a proof counts: whichever is changed, the proof is refused."""

from itertools import pairwise

import pytest

from avow.verifier.errors import VerificationError
from tests.soundness.checking import check_all
from tests.soundness.conftest import Honest
from tests.soundness.manifest import SECTIONS, changes, manifest, sections
from tests.soundness.reference import POINTS

pytestmark = pytest.mark.usefixtures("quick")


def refused(honest: Honest, proof: bytes) -> bool:
    """Whether the verifier refuses, in the one way it may."""
    prover = honest.prover
    try:
        check_all(
            honest.case.key,
            prover.root,
            prover.inputs,
            prover.outputs,
            proof,
            honest.proof.openings,
        )
    except VerificationError:
        return True
    return False


def test_the_program_has_every_operation(one: Honest) -> None:
    kinds = {type(step.operation).__name__ for step in one.case.program.steps}
    assert len(kinds) == 19


@pytest.mark.parametrize("batch", ["one", "three"])
def test_the_honest_proof_is_accepted(
    batch: str, argument: str, request: pytest.FixtureRequest
) -> None:
    assert not refused(request.getfixturevalue(batch), request.getfixturevalue(batch).proof)


@pytest.mark.parametrize("batch", ["one", "three"])
def test_the_manifest_covers_every_byte(
    batch: str, argument: str, request: pytest.FixtureRequest
) -> None:
    honest: Honest = request.getfixturevalue(batch)
    elements = manifest(honest.prover.frame)
    assert elements[0].at == 0
    for before, after in pairwise(elements):
        assert before.at + before.size == after.at
    assert elements[-1].at + elements[-1].size == len(honest.proof)
    assert len({element.name for element in elements}) == len(elements)
    assert {element.section for element in elements} == set(sections(honest.prover.frame))
    # The same, counted by the prover as it spoke.
    spoken = sum(count // 2 if label in POINTS else count for label, count in honest.prover.names)
    assert len(elements) == spoken


@pytest.mark.parametrize("section", SECTIONS)
def test_every_change_of_an_element_is_refused(one: Honest, section: str) -> None:
    elements = manifest(one.prover.frame)
    if section not in sections(one.prover.frame):
        return
    tried, accepted = 0, []
    for element, following in zip(elements, [*elements[1:], None], strict=True):
        if element.section == section:
            ways = list(changes(one.proof, element, following))
            assert len(ways) >= 4, element.name
            tried += len(ways)
            accepted += [(element.name, way) for way, proof in ways if not refused(one, proof)]
    assert tried
    assert accepted == []


def test_other_lengths_are_refused(one: Honest) -> None:
    proof = one.proof
    for size in (0, 1, 31, 32, 64, len(proof) - 64, len(proof) - 32, len(proof) - 1):
        assert refused(one, proof[:size])
    for more in (b"\0", bytes(32), bytes(64), proof):
        assert refused(one, proof + more)
        assert refused(one, more + proof)
