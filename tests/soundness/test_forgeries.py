"""No wrong result of any operation can be proven, however the rest of the proof is bent to it."""

import pytest

from avow.verifier.errors import VerificationError
from avow.verifier.systems.sumcheck import check as check_module
from avow.verifier.systems.sumcheck.key import Key
from tests.soundness.adversary import PLANS, Adversary, Plan, in_turn
from tests.soundness.checking import check_all
from tests.soundness.conftest import Honest
from tests.soundness.forgeries import (
    Forgery,
    honest_forgery,
    without,
    wrong_results,
)
from tests.soundness.programs import every_operation

pytestmark = pytest.mark.usefixtures("quick")

OPERATIONS = tuple(every_operation()[2])[2:]


def planned(plan: Plan) -> type[Adversary]:
    """A prover with that plan."""
    return type("Planned", (Adversary,), {"plan": plan})


def refusal(forgery: Forgery, plan: Plan) -> str | None:
    """Why a forger with this plan is refused; None if he is believed."""
    prover = forgery.prover(planned(plan))
    proof = prover.prove()
    try:
        check_all(forgery.case.key, prover.root, prover.inputs, prover.outputs, proof)
    except VerificationError as error:
        return error.message
    return None


def forgotten(forgery: Forgery, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """The same, for a verifier who forgot exactly the equations that the forgery breaks."""
    relation = forgery.case.relation(len(forgery.inputs))
    weak = without(relation, forgery.broken())
    prover = forgery.prover(Adversary, weak)
    with monkeypatch.context() as context:
        context.setattr(Key, "relation", lambda *_: weak)
        if forgery.broken().samples:
            # And who believes that the shared polynomial is of the claimed tensors.
            context.setattr(check_module, "openings", lambda *given: given[-1])
        proof = prover.prove()
        try:
            check_all(forgery.case.key, prover.root, prover.inputs, prover.outputs, proof)
        except VerificationError as error:
            return error.message
    return None


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_every_plan_is_honest_with_nothing_to_hide(one: Honest, three: Honest, plan: Plan) -> None:
    # Batches are longer; what a plan does to one it does to all.
    for honest in (one, three) if plan in in_turn(0, 3) else (one,):
        prover = honest_forgery(honest.case, honest.prover.inputs).prover(planned(plan))
        assert prover.prove() == honest.proof


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_wrong_result_can_be_proven(
    one: Honest, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {operation: one.names[operation]}
    (forgery,) = wrong_results(one.case, names, 2, 1, 1)
    assert forgery.broken()
    assert forgotten(forgery, monkeypatch) is None
    # Every plan has its turn; the campaign tries them all on everything.
    turn = OPERATIONS.index(operation)
    for plan in {PLANS[0], PLANS[4 + turn % 3], *PLANS[turn % 7 :: 7]}:
        assert refusal(forgery, plan), plan.name


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if name != "constant"])
def test_no_result_of_another_sample_can_be_proven(
    one: Honest, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {operation: one.names[operation]}
    (forgery,) = wrong_results(one.case, names, 5, 3, 1, "the samples")
    assert forgery.broken()
    assert forgotten(forgery, monkeypatch) is None
    turn = OPERATIONS.index(operation)
    for plan in (PLANS[turn % 4], PLANS[4 + turn % 3]):
        assert refusal(forgery, plan), plan.name
