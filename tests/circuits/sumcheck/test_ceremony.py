"""With the string of a real ceremony a proof is accepted under the default policy."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from avow.circuits.srs_choice import PinnedSrs
from avow.circuits.sumcheck.artifact import load
from avow.circuits.sumcheck.compile import Made, compile_model
from avow.verifier.errors import VerificationError
from avow.verifier.policy import Policy
from avow.verifier.verdict import Assurance
from avow.verifier.verify import verify
from tests.circuits.sumcheck.small import HOME, bundle, compiled, inputs, options, silent, stored
from tests.circuits.test_srs import CEREMONY, HERMEZ, ceremony

NAME = "perpetual powers of tau, Hermez phase (28)"
SHA256 = "f741f2ddee2875915c24db8aae90d021f51181533f1ee3b58baf64b042e91654"


def made_with(path: Path, folder: Path) -> Made:
    """The small model compiled under a pinned file."""
    srs = PinnedSrs(path, hashlib.sha256(path.read_bytes()).digest())
    return compile_model(stored(), HOME, options(srs=srs), folder, silent)


@pytest.mark.parametrize("name", [CEREMONY.name, HERMEZ.name])
def test_a_ceremony_s_string_needs_no_unsafe_flag(name: str, tmp_path: Path) -> None:
    """snarkjs's own file of 2^8 powers, and a halo2 file of its first 2^5."""
    path = ceremony() if name == CEREMONY.name else HERMEZ
    if name == CEREMONY.name:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256
    made = made_with(path, tmp_path)
    record = made.artifact.record
    assert record.srs is not None
    assert record.srs.safe
    assert made.plan.logrows <= 8
    answer = bundle(made, inputs())
    verdict = verify(answer.encode(), Policy())
    assert verdict.assurance is Assurance.PROVEN
    assert verdict.srs_safe
    assert verdict.srs_name == NAME
    # The same bundle speaks of no other answer.
    (output,) = answer.outputs
    values = (output.values[0] ^ 1, *output.values[1:])
    with pytest.raises(VerificationError):
        verify(replace(answer, outputs=(replace(output, values=values),)).encode(), Policy())


def test_a_string_made_here_is_refused_by_default() -> None:
    with pytest.raises(VerificationError, match="SRS"):
        verify(bundle(compiled(), inputs()).encode(), Policy())


def test_both_files_hold_the_same_powers(tmp_path: Path) -> None:
    loaded = load(made_with(HERMEZ, tmp_path / "short").artifact)
    longer = load(made_with(ceremony(), tmp_path / "long").artifact)
    size = min(len(loaded.powers), len(longer.powers))
    assert loaded.powers[:size] == longer.powers[:size]
    assert loaded.key.tau_g2 == longer.key.tau_g2
