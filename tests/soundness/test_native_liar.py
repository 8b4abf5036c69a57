"""The real prover, made to lie, says the same as the plain one: its sums need not be zero."""

from collections.abc import Sequence

import numpy as np
import pytest

from avow.prover.errors import Refused
from avow.prover.systems.sumcheck.prepared import prepare
from avow.prover.systems.sumcheck.prove import Prover
from avow.verifier.errors import VerificationError
from avow.verifier.relation.views import bits
from tests.soundness.checking import check_all
from tests.soundness.conftest import Honest
from tests.soundness.forgeries import Forgery, lies, of_trace, wrong_results
from tests.soundness.programs import samples
from tests.soundness.reference import Prover as Plain
from tests.soundness.rounds import powers
from tests.soundness.workbench import ROOT, Integers

pytestmark = pytest.mark.usefixtures("quick")

# Their wrong results are in every table that they are looked up in.
UNSEEN = ("dense", "constant", "contract", "multiply", "convolution", "transpose", "gather")


class Liar(Prover):
    """Goes on from a trace that no run has."""

    forged: Sequence[Integers] = ()

    def run(self) -> list[Integers]:
        return [np.asarray(values) for values in self.forged]


def lie(forgery: Forgery, trace: Sequence[Integers]) -> bytes:
    """The real prover's proof of a forged trace."""
    case = forgery.case
    batch = len(forgery.inputs)
    ready = prepare(
        case.program, case.blobs, case.key, powers(case.key.logrows + bits(batch)), batch
    )
    kind = type("OneLiar", (Liar,), {"forged": trace})
    proved = kind(ready, ROOT, forgery.inputs).prove()
    assert list(proved.outputs) == list(forgery.outputs)
    return proved.proof


def traces(one: Honest, operation: str, batch: int) -> tuple[Forgery, list[Integers]]:
    """A wrong result of that operation, and the tensors that go with it."""
    case, inputs = one.case, samples(one.case.program, 2, batch)
    names = {operation: one.names[operation]}
    for forgery in wrong_results(case, names, 2, batch, 99):
        if forgery.broken().lookups:
            continue
        at = names[operation]

        def forged(values: Integers, what: str = forgery.name) -> Integers:
            return dict(lies(values.shape))[what.split(": ", 1)[1]](values)

        trace = case.trace(inputs, {at: forged})
        again = of_trace(forgery.name, case, inputs, trace)
        assert again and again.outputs == forgery.outputs
        return forgery, trace
    raise AssertionError(f"every wrong {operation} is seen by a lookup")


@pytest.mark.parametrize("operation", UNSEEN)
@pytest.mark.parametrize("batch", [1, 3])
def test_the_real_prover_can_lie_and_is_refused(one: Honest, operation: str, batch: int) -> None:
    forgery, trace = traces(one, operation, batch)
    proof = lie(forgery, trace)
    assert proof == forgery.prover(Plain).prove()
    with pytest.raises(VerificationError, match="do not hold"):
        check_all(one.case.key, ROOT, forgery.inputs, forgery.outputs, proof, [bytes(64)] * batch)


def test_the_real_prover_sees_a_value_that_its_table_lacks(one: Honest) -> None:
    inputs = samples(one.case.program, 2, 1)
    names = {"table": one.names["table"]}
    (forgery,) = wrong_results(one.case, names, 2, 1, 1)
    assert forgery.broken().lookups
    at = names["table"]

    def forged(values: Integers) -> Integers:
        values.reshape(-1)[0] += 1
        return values

    with pytest.raises(Refused, match="tensor"):
        lie(forgery, one.case.trace(inputs, {at: forged}))
