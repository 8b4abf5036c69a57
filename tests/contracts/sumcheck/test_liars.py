"""Provers who adapt their lies meet the contract; so does anybody who gives it too little gas."""

from random import Random

import pytest

from avow.circuits.sumcheck.blob import blob
from avow.prover.native import _core
from avow.verifier.systems.sumcheck.check import Sample as Held
from avow.verifier.systems.sumcheck.frame import frame
from tests.contracts import node as node_module
from tests.contracts.node import Refused
from tests.contracts.sumcheck.desk import Desk, data_of
from tests.soundness.adversary import Adversary
from tests.soundness.checking import Bytes
from tests.soundness.conftest import Honest
from tests.soundness.manifest import manifest
from tests.soundness.reference import GENERATOR, Prover
from tests.soundness.rounds import SMALL, random_case, random_forgery, random_plan
from tests.soundness.workbench import Case


def believed(desk: Desk, case: Case, prover: Prover, proof: Bytes) -> bool:
    """Whether the contract takes every run of a proof."""
    runs = [
        Held(given, answered, index, proof.openings[index] if proof.openings else b"")
        for index, (given, answered) in enumerate(zip(prover.inputs, prover.outputs, strict=True))
    ]
    code = blob(case.key, len(runs))
    data = [(one.index, data_of(one.inputs), data_of(one.outputs), one.opening) for one in runs]
    try:
        if len(runs) == 1:
            desk.verify(code, prover.root, data[0][1], data[0][2], bytes(proof))
        else:
            desk.verify_batch(code, prover.root, data, bytes(proof))
    except Refused:
        return False
    return True


def small_case(seed: int, batch: int) -> tuple[Random, Case]:
    """The first program from this seed on that the prover in plain Python can take."""
    while True:
        rng = Random(seed)
        case = random_case(rng, seed, batch, 4)
        if frame(case.relation(batch), case.key.logrows).stack.logsize <= SMALL:
            return rng, case
        seed += 1000


# Seeds that are even: no contract checks layered lookups.
@pytest.mark.parametrize("seed", range(40_000, 40_024, 2))
def test_a_forged_run_is_believed_exactly_if_it_breaks_no_equation(desk: Desk, seed: int) -> None:
    batch = (1, 2, 3)[seed % 3]
    rng, case = small_case(seed, batch)
    for _ in range(4):
        forgery = random_forgery(case, rng, seed, batch)
        plan = random_plan(rng)
        prover = forgery.prover(type("Planned", (Adversary,), {"plan": plan}))
        proof = prover.prove()
        wrong = forgery.broken()
        assert believed(desk, case, prover, proof) is not bool(wrong), (forgery.name, plan)


@pytest.mark.parametrize("which", ["one", "three"])
def test_no_amount_of_gas_makes_a_lie_true(
    desk: Desk, which: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a precompile runs out of gas, what stands in memory is no answer."""
    honest: Honest = request.getfixturevalue(which)
    *_, first, last = manifest(honest.prover.frame)
    lies = [
        last.put(honest.proof, GENERATOR),
        last.put(honest.proof, bytes(64)),
        last.put(honest.proof, _core.point_add(last.of(honest.proof), GENERATOR)),
        first.put(honest.proof, GENERATOR),
    ]
    low, high = 0, node_module.GAS
    while high - low > 1_000:
        middle = (low + high) // 2
        monkeypatch.setattr(node_module, "GAS", middle)
        enough = believed(desk, honest.case, honest.prover, honest.proof)
        low, high = (low, middle) if enough else (middle, high)
    for changed in lies:
        proof = Bytes(changed)
        proof.openings = honest.proof.openings
        for missing in range(-10_000, 240_000, 5_000):
            monkeypatch.setattr(node_module, "GAS", high - missing)
            assert not believed(desk, honest.case, honest.prover, proof), missing
