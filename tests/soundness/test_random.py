"""Honest proofs never fail and forged ones always do: random programs, inputs, keys and batches.

`make campaign` tries far more; `campaign.py` does so for a given time and writes a result down.
"""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avow.prover.systems.sumcheck.prepared import prepare
from avow.prover.systems.sumcheck.prove import prove
from avow.verifier.relation.views import bits
from tests.soundness.conftest import Honest, honest
from tests.soundness.rounds import forged_round, honest_round, powers
from tests.soundness.workbench import ROOT, quicken

# A round takes a hundred times as long as an example should; the profile still decides.
EXAMPLES = max(settings.default.max_examples // 20, 1)
SEEDS = st.integers(100, 2**32)


@pytest.fixture(scope="module", autouse=True)
def quick_verifier() -> Iterator[None]:
    """A verifier that does its group operations natively, for all examples."""
    monkeypatch = pytest.MonkeyPatch()
    quicken(monkeypatch)
    yield
    monkeypatch.undo()


@pytest.mark.parametrize("start", range(0, 15, 5))
def test_honest_proofs_of_kept_seeds(start: int) -> None:
    for seed in range(start, start + 5):
        honest_round(seed)


@pytest.mark.parametrize("start", range(0, 20, 5))
def test_forged_proofs_of_kept_seeds(start: int) -> None:
    for seed in range(start, start + 5):
        forged_round(seed)


@settings(max_examples=EXAMPLES)
@given(seed=SEEDS)
def test_honest_proofs_are_accepted(seed: int) -> None:
    honest_round(seed)


@settings(max_examples=EXAMPLES)
@given(seed=SEEDS)
def test_forged_proofs_are_refused(seed: int) -> None:
    forged_round(seed)


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 7])
def test_both_provers_say_the_same_of_every_operation(batch: int, argument: str) -> None:
    slow: Honest = honest(batch, 7, argument)
    key = slow.case.key
    prepared = prepare(
        slow.case.program, slow.case.blobs, key, powers(key.logrows + bits(batch)), batch
    )
    proved = prove(prepared, ROOT, slow.prover.inputs)
    assert list(proved.outputs) == list(slow.prover.outputs)
    assert proved.openings == slow.proof.openings
    assert proved.proof == slow.proof
