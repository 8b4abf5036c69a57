"""What the native prover notices itself, and that its verifier notices the rest."""

from collections.abc import Callable

import numpy as np
import pytest

from avow.prover.errors import Refused
from avow.prover.systems.sumcheck.prepared import prepare
from avow.prover.systems.sumcheck.prove import Prover, prove
from avow.prover.systems.sumcheck.wiring import Cells
from avow.verifier.argument.proof import R
from avow.verifier.argument.transcript import Label
from avow.verifier.errors import VerificationError
from avow.verifier.relation.relation import Kind, Multiplicity, Value
from avow.verifier.systems.sumcheck.key import COMMITTED, LAYERED
from avow.verifier.tensor import Tensor
from tests.prover.sumcheck.cases import (
    full_case,
    powers,
    random_case,
    random_samples,
    ready,
    stages,
)
from tests.soundness.checking import check_all
from tests.soundness.workbench import ROOT, Case

# The messages that a proof with lookups of that kind has not.
ABSENT = {
    COMMITTED: {Label.LAYERS, Label.NODES, Label.LEAVES, Label.OPENINGS},
    LAYERED: {Label.HELPERS, Label.OPENINGS},
}


def check(case: Case, prover: Prover, proof: bytes) -> None:
    """Verify a proof about what the prover says of its inputs and outputs."""
    check_all(case.key, prover.root, prover.inputs, prover.outputs, proof)


def witness_columns(case: Case, tensors_only: bool) -> list[int]:
    """The numbers of the witness columns, multiplicities left out."""
    return [
        number
        for number, column in enumerate(case.relation(1).columns)
        if column.kind is Kind.WITNESS
        and not isinstance(column.source, Multiplicity)
        and (isinstance(column.source, Value) or not tensors_only)
    ]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("change", [1, -1, 2**20])
def test_no_column_can_be_another(change: int, argument: str) -> None:
    case = full_case(argument)
    samples = random_samples(case.program, 4, 1)
    prepared = ready(case)
    refused = 0
    for wrong in witness_columns(case, tensors_only=False):

        class Liar(Prover):
            def column(self, number: int, wrong: int = wrong) -> Cells:
                cells = super().column(number)
                if number == wrong:
                    cells = cells.copy()
                    cells[0] += change
                return cells

        liar = Liar(prepared, ROOT, samples)
        try:
            proof = liar.prove().proof
        except Refused as error:
            assert "holds a value that its table does not" in str(error)
            refused += 1
        else:
            with pytest.raises(VerificationError):
                check(case, liar, proof)
    assert refused


@pytest.mark.usefixtures("quick")
def test_no_column_can_be_a_fraction(argument: str) -> None:
    case = full_case(argument)
    samples = random_samples(case.program, 4, 1)
    prepared = ready(case)
    for wrong in witness_columns(case, tensors_only=True):

        class Liar(Prover):
            def column(self, number: int, wrong: int = wrong) -> Cells:
                cells = super().column(number)
                if number == wrong:
                    cells = cells.astype(object)
                    cells[0] = pow(2, -1, R)
                return cells

        liar = Liar(prepared, ROOT, samples)
        with pytest.raises((VerificationError, Refused)):
            check(case, liar, liar.prove().proof)


@pytest.mark.usefixtures("quick")
def test_field_elements_as_columns_are_proven_like_integers(argument: str) -> None:
    # The way that forgers take must itself be sound: with true values it gives the same bytes.
    case = full_case(argument)
    samples = random_samples(case.program, 6, 2)
    prepared = ready(case, 2)

    class Elements(Prover):
        def column(self, number: int) -> Cells:
            return super().column(number).astype(object)

        def count(self, number: int) -> Cells:
            return super().count(number).astype(object)

    assert Elements(prepared, ROOT, samples).prove().proof == prove(prepared, ROOT, samples).proof


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("table", [0, 1])
def test_no_multiplicity_can_be_another(table: int, argument: str) -> None:
    case = full_case(argument)

    class Liar(Prover):
        def count(self, number: int) -> Cells:
            counts = super().count(number)
            if number == table:
                counts[0] += 1
            return counts

    liar = Liar(ready(case), ROOT, random_samples(case.program, 4, 1))
    with pytest.raises(VerificationError, match=r"identities do not hold|do not add up to zero"):
        check(case, liar, liar.prove().proof)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("label", [label for label in Label if 3 <= label < 32])
def test_no_message_can_be_another(label: Label, argument: str) -> None:
    if label in ABSENT[argument]:
        return
    case = full_case(argument, 8)

    class Liar(Prover):
        def send(self, said: Label, data: bytes) -> None:
            if said is label:
                data = data[:-1] + bytes([data[-1] ^ 1])
            super().send(said, data)

    liar = Liar(ready(case), ROOT, random_samples(case.program, 4, 1))
    with pytest.raises(VerificationError):
        check(case, liar, liar.prove().proof)


@pytest.mark.usefixtures("quick")
def test_a_proof_is_of_its_statement_inputs_and_outputs(argument: str) -> None:
    case = full_case(argument)
    samples = random_samples(case.program, 4, 2)
    proved = prove(ready(case, 2), ROOT, samples)
    outputs = list(proved.outputs)
    check_all(case.key, ROOT, samples, outputs, proved.proof, proved.openings)
    first = outputs[0][0]
    other = Tensor(first.element_type, first.shape, (first.values[0] ^ 1, *first.values[1:]))
    lies: list[Callable[[], None]] = [
        lambda: check_all(case.key, bytes(32), samples, outputs, proved.proof, proved.openings),
        lambda: check_all(case.key, ROOT, samples[::-1], outputs, proved.proof, proved.openings),
        lambda: check_all(
            case.key,
            ROOT,
            samples,
            [(other, *outputs[0][1:]), outputs[1]],
            proved.proof,
            proved.openings,
        ),
        lambda: check_all(case.key, ROOT, samples[:1], outputs[:1], proved.proof),
    ]
    for lie in lies:
        with pytest.raises(VerificationError):
            lie()


def test_cancelling_ends_the_work_in_whatever_stage(argument: str) -> None:
    case = full_case(argument)

    class Cancelled(Exception):
        pass

    for stage in stages(argument):
        told: list[str] = []

        def tick(
            name: str, percent: int | None, stage: str = stage, told: list[str] = told
        ) -> None:
            told.append(name)
            if name == stage:
                raise Cancelled

        with pytest.raises(Cancelled):
            prove(ready(case), ROOT, random_samples(case.program, 4, 1), tick)
        assert told[-1] == stage


def test_inputs_outside_their_range_are_refused(argument: str) -> None:
    case = full_case(argument)
    samples = random_samples(case.program, 4, 1)
    spec = case.program.inputs[0]
    count = len(samples[0][0].values)
    samples[0][0] = Tensor(spec.element_type, spec.shape, (spec.maximum + 1,) * count)
    with pytest.raises(VerificationError, match="must lie in"):
        prove(ready(case), ROOT, samples)


def test_another_program_or_too_few_powers_are_refused(argument: str) -> None:
    case, other = full_case(argument), random_case(1)
    given = powers(case.key.logrows)
    with pytest.raises(Refused, match="another program"):
        prepare(other.program, other.blobs, case.key, given)
    with pytest.raises(Refused, match="32 powers of tau"):
        prepare(case.program, case.blobs, case.key, given[:-64])
    with pytest.raises(ValueError):
        prepare(case.program, case.blobs, case.key, given[:-1] + bytes([given[-1] ^ 1]))


@pytest.mark.usefixtures("quick")
def test_powers_of_another_secret_make_no_proof(argument: str) -> None:
    case = full_case(argument)
    samples = random_samples(case.program, 4, 1)
    prepared = prepare(case.program, case.blobs, case.key, powers(case.key.logrows, 12345))
    proved = prove(prepared, ROOT, samples)
    with pytest.raises(VerificationError, match="does not fit the committed rows"):
        check_all(case.key, ROOT, samples, proved.outputs, proved.proof)


def test_a_wrong_tensor_is_named() -> None:
    case = random_case(5)
    (number, *_) = witness_columns(case, tensors_only=True)
    source = case.relation(1).columns[number].source
    assert isinstance(source, Value)

    class Liar(Prover):
        def column(self, at: int) -> Cells:
            cells = super().column(at)
            return cells + np.int64(2**40) if at == number else cells

    with pytest.raises(Refused, match=rf"tensor {source.tensor}\b"):
        Liar(ready(case), ROOT, random_samples(case.program, 4, 1)).prove()
