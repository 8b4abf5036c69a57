"""The opening as it is really checked: by a pairing, over py_ecc's groups."""

from dataclasses import replace

import pytest

from avow.verifier.errors import VerificationError
from tests.soundness.checking import check_all
from tests.soundness.conftest import Honest
from tests.soundness.manifest import changes, manifest
from tests.soundness.workbench import ROOT, TAU, tau_g2


def check(honest: Honest, proof: bytes) -> None:
    """Check a proof of the honest statement."""
    prover = honest.prover
    check_all(honest.case.key, prover.root, prover.inputs, prover.outputs, proof)


def test_the_honest_proof_is_accepted(one: Honest) -> None:
    check(one, one.proof)


@pytest.mark.parametrize("name", ["quotients: W1", "quotients: W2"])
def test_another_quotient_is_refused(one: Honest, name: str) -> None:
    element = next(e for e in manifest(one.prover.frame) if e.name == name)
    ways = dict(changes(one.proof, element, None))
    for way in ("another point", "negated"):
        with pytest.raises(VerificationError, match="opening"):
            check(one, ways[way])


def test_powers_of_another_secret_are_refused(one: Honest) -> None:
    key = replace(one.case.key, tau_g2=tau_g2(TAU + 1))
    prover = one.prover
    proof = type(prover)(key, TAU, prover.run, ROOT, prover.inputs, prover.outputs).prove()
    with pytest.raises(VerificationError, match="opening"):
        check_all(key, ROOT, prover.inputs, prover.outputs, proof)
    # The same, with the string that belongs to those powers.
    check(
        one,
        type(prover)(one.case.key, TAU, prover.run, ROOT, prover.inputs, prover.outputs).prove(),
    )
