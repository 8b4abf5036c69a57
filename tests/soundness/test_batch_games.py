"""Games with the places and tensors of a batch: one column for two tensors, one place for two."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from avow.verifier.argument.proof import R
from avow.verifier.errors import VerificationError
from avow.verifier.program import operations as op
from avow.verifier.program.program import Output
from avow.verifier.relation.views import bits
from avow.verifier.systems.sumcheck.check import Sample, check_proof
from avow.verifier.tensor import Tensor
from tests.soundness.adversary import PLANS, Adversary
from tests.soundness.checking import Bytes, check_all
from tests.soundness.conftest import Honest
from tests.soundness.forgeries import honest_forgery
from tests.soundness.programs import Sketch, samples
from tests.soundness.reference import Prover
from tests.soundness.test_batches import OfTheClaims
from tests.soundness.workbench import ROOT, TAU, Case, make_case

pytestmark = pytest.mark.usefixtures("quick")

Tensors = tuple[Tensor, ...]


def refused(case: Case, batch: int, held: Sequence[Sample], proof: bytes) -> bool:
    """Whether requesters are not convinced."""
    try:
        check_proof(case.key, ROOT, batch, held, proof)
    except VerificationError:
        return True
    return False


def held(prover: Prover, proof: Bytes, index: int) -> Sample:
    """What the requester at that place has."""
    return Sample(prover.inputs[index], prover.outputs[index], index, proof.openings[index])


def other(tensors: Tensors, number: int) -> Tensors:
    """The same tensors but for one element of one of them."""
    first, *rest = tensors[number].values
    changed = replace(tensors[number], values=(0 if first else 1, *rest))
    return (*tensors[:number], changed, *tensors[number + 1 :])


def echo() -> Case:
    """Two inputs of unlike sizes; outputs are both of them, a product, the larger once more."""
    s = Sketch()
    wide = s.input("wide", (3, 2), -4, 3)
    short = s.input("short", (2,), -4, 3)
    s.outputs += [Output("wide again", wide), Output("short again", short)]
    product = s.add("product", op.Multiply((wide, wide)))
    s.add("clamped", op.Rescale((product,), 1, -5, 5), True)
    s.outputs.append(Output("and again", wide))
    return make_case(s.program(), s.blobs, 3, 6)


@pytest.mark.parametrize("batch", [2, 3])
def test_one_tensor_under_several_names_is_one(batch: int) -> None:
    """Each claim of a changed name is refused; so are changes of two names that undo each other."""
    case = echo()
    inputs = samples(case.program, 3, batch)
    honest = case.prover(inputs)
    proof = honest.prove()
    check_all(case.key, ROOT, honest.inputs, honest.outputs, proof)
    told = honest.run
    for place in range(2 + len(case.program.outputs)):
        given, answered = list(honest.inputs), list(honest.outputs)
        if place < 2:
            given[0] = other(tuple(given[0]), place)
        else:
            answered[0] = other(tuple(answered[0]), place - 2)
        for kind in (Adversary, OfTheClaims):
            for plan in PLANS[::4]:
                made = type("Named", (kind,), {"plan": plan})
                liar = made(case.key, TAU, told, ROOT, given, answered)
                proof = liar.prove()
                assert refused(case, batch, [held(liar, proof, 0)], proof), place


@pytest.mark.parametrize("plan", PLANS[::5], ids=lambda plan: plan.name)
def test_tensors_do_not_trade_elements(plan: object) -> None:
    """What one tensor gains the other loses: their weights are drawn too late for that."""
    case = echo()
    inputs = samples(case.program, 4, 2)
    wide, short = inputs[1]
    gained = replace(wide, values=(*wide.values[:-1], min(wide.values[-1] + 1, 3)))
    lost = replace(short, values=(*short.values[:-1], max(short.values[-1] - 1, -4)))
    claimed = [inputs[0], (gained, lost)]
    if claimed == inputs:
        pytest.fail("nothing is traded")
    honest = case.prover(inputs)
    outputs = case.prover(claimed).outputs
    for kind in (Adversary, OfTheClaims):
        made = type("Trader", (kind,), {"plan": plan})
        for answers in (honest.outputs, outputs):
            liar = made(case.key, TAU, honest.run, ROOT, claimed, answers)
            proof = liar.prove()
            assert refused(case, 2, [held(liar, proof, 1)], proof)


def test_one_place_has_one_sample(three: Honest) -> None:
    """Two bundles of one proof at one place: only that of the committed tensors convinces."""
    mine = held(three.prover, three.proof, 1)
    for tensors in ((other(tuple(mine.inputs), 0), mine.outputs), (mine.inputs, None)):
        changed = replace(
            mine, inputs=tensors[0], outputs=tensors[1] or other(tuple(mine.outputs), 0)
        )
        for opening in three.proof.openings:
            second = replace(changed, opening=opening)
            for pair in ([second], [mine, second], [second, mine], [second, second]):
                assert refused(three.case, 3, pair, three.proof)
    assert not refused(three.case, 3, [mine, mine], three.proof)


@pytest.mark.parametrize("batch", [3, 5])
def test_padding_of_a_batch_is_nobodys(three: Honest, batch: int) -> None:
    """Anything may stand in the tensors beyond the batch; nothing else changes for those within."""
    case = three.case
    honest = honest_forgery(case, samples(case.program, 6, batch))
    cells = list(honest.cells)
    for number in case.relation(batch).ends:
        whole = np.array(cells[number], object).reshape(2 ** bits(batch), -1)
        whole[batch:] = (whole[batch:] + 12345) % R
        cells[number] = whole.reshape(-1)
    filled = replace(honest, cells=cells)
    wrong = filled.broken()
    assert not wrong.samples
    prover = filled.prover(Adversary)
    proof = prover.prove()
    found = [refused(case, batch, [held(prover, proof, at)], proof) for at in range(batch)]
    assert all(found) if wrong else not any(found)
