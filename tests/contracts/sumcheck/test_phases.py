"""What every phase of the verifier contract costs is what the snapshots say."""

import json

from avow.api.bench.phases import MODELS, NAME, measure
from avow.verifier.chain.client import Chain
from avow.verifier.chain.signer import development_signer
from tests.circuits.sumcheck.small import HOME
from tests.conftest import ROOT
from tests.contracts.sumcheck.desk import Desk

# A proof differs with the string that is made for a test, and a zero byte of calldata is cheaper.
BAND = {"transaction and calldata": 1_000, "in all": 1_000}
AGAIN = "after a change: python -m avow.api.bench.phases contracts/snapshots"


def test_every_phase_costs_what_the_snapshots_say(desk: Desk) -> None:
    kept = json.loads((ROOT / "contracts" / "snapshots" / NAME).read_text(encoding="utf-8"))
    found = measure(Chain(desk.url), development_signer(1), HOME)
    assert sorted(found) == sorted(kept) == sorted(MODELS), AGAIN
    for model, phases in found.items():
        assert list(phases) == list(kept[model]), AGAIN
        for phase, gas in phases.items():
            off = abs(gas - kept[model][phase])
            assert off <= BAND.get(phase, 0), f"{model}, {phase}: {gas}; {AGAIN}"
