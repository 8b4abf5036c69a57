"""One lie, moved from step to step: each check of the verifier refuses what the others pass."""

from dataclasses import replace

import numpy as np
import pytest

from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program, run
from avow.verifier.relation.relation import Kind, Value
from avow.verifier.systems.sumcheck.check import check_proof
from avow.verifier.systems.sumcheck.proof import R
from avow.verifier.systems.sumcheck.transcript import Label
from avow.verifier.tensor import Tensor
from tests.relation.evaluation import Run, honest_run
from tests.soundness.reference import Prover
from tests.verifier.sumcheck.example import ROOT, TAU, Case, small_case, small_program

CASE = small_case()


def convince(prover: Prover) -> None:
    """Hand the verifier what this prover says."""
    check_proof(CASE.key, ROOT, prover.inputs, prover.outputs, prover.prove())


def _other_program() -> tuple[Program, list[Blob]]:
    """The small program with two constants swapped: equal intervals, other answers."""
    program, blobs = small_program()
    matrix = blobs[-1]
    swapped = bytes([matrix.data[1], matrix.data[0]]) + matrix.data[2:]
    blobs = [*blobs[:-1], replace(matrix, data=swapped)]
    return replace(program, blobs=tuple(blob.ref() for blob in blobs)), blobs


class Impostor(Prover):
    """Runs the program with other weights; its rows hold the key's true ones, as they must."""

    def __init__(self) -> None:
        program, blobs = _other_program()
        ((given,),) = CASE.inputs
        array = np.array(given.values, np.int64).reshape(1, *given.shape)
        told = honest_run(program, blobs, [array], CASE.key.width)
        outputs: tuple[tuple[Tensor, ...], ...] = (tuple(run(program, blobs, [given])),)
        assert outputs != CASE.outputs
        super().__init__(CASE.key, TAU, told, ROOT, CASE.inputs, outputs)
        true = CASE.run()
        assert true.relation == told.relation
        columns = told.relation.columns
        self.committed = Run(
            told.relation,
            [
                mine if column.kind is Kind.KEY else other
                for column, mine, other in zip(columns, true.cells, told.cells, strict=True)
            ],
        )


class ForgesTheValue(Impostor):
    """Says of the stack what its claims would need."""

    def say(self, label: Label, values: list[int]) -> list[int]:
        """The claim, divided by what the verifier multiplies the value with."""
        if label is Label.STACK:
            return [self.claim * pow(self.form, -1, R) % R]
        return values


class ForgesTheFolds(ForgesTheValue):
    """And moves the last fold's values until they end in it."""

    def say(self, label: Label, values: list[int]) -> list[int]:
        """f(beta) of the last fold moves what follows from it by a known factor."""
        if label is Label.FOLD_VALUES:
            x = self.z[len(self.z) - self.key.logrows]
            plus, minus = values[-3], values[-2]
            even = (plus + minus) * pow(2, -1, R)
            odd = (plus - minus) * pow(2 * self.beta, -1, R)
            missing = self.value - (even + x * (odd - even))
            factor = (1 - x) * pow(2, -1, R) + x * pow(2 * self.beta, -1, R)
            return [*values[:-3], (plus + missing * pow(factor, -1, R)) % R, *values[-2:]]
        return super().say(label, values)


@pytest.mark.parametrize(
    ("prover", "message"),
    [
        (Impostor, "not those of the committed columns"),
        (ForgesTheValue, "do not end in the claimed value"),
        (ForgesTheFolds, "does not fit the committed rows"),
    ],
)
def test_other_weights_are_refused_wherever_the_lie_is_moved(
    prover: type[Impostor], message: str
) -> None:
    with pytest.raises(VerificationError, match=message):
        convince(prover())


def lied(case: Case, changed: dict[int, int]) -> Prover:
    """A prover whose columns of these numbers hold so much more in their first cell."""
    columns = case.run()
    for number, more in changed.items():
        columns.cells[number] = columns.cells[number].copy()
        columns.cells[number][0] += more
    return Prover(case.key, TAU, columns, ROOT, case.inputs, case.outputs)


def test_a_false_identity_is_refused() -> None:
    # The output is the square of a committed tensor; only that equation is wrong now.
    (output,) = CASE.key.program.outputs
    columns = CASE.run().relation.columns
    for kind in (Kind.PUBLIC, Kind.WITNESS):
        number = next(
            at
            for at, column in enumerate(columns)
            if column.kind is kind and column.source == Value(output.tensor)
        )
        prover = lied(CASE, {number: 1})
        if kind is Kind.PUBLIC:
            (answered,) = CASE.outputs[0]
            values = (answered.values[0] + 1, *answered.values[1:])
            prover.outputs = ((replace(answered, values=values),),)
        with pytest.raises(VerificationError, match="identities do not hold"):
            convince(prover)


def test_a_false_product_of_matrices_is_refused() -> None:
    # The last contraction's result r and r^2, the output, both as another result would have them.
    columns = CASE.run().relation.columns
    bilinear = CASE.run().relation.bilinears[-1]
    square = CASE.key.program.outputs[0].tensor
    (answered,) = CASE.outputs[0]
    root = int(CASE.run().cells[bilinear.result][0])
    more = (root - 1) ** 2 - root**2
    changed = {bilinear.result: -1}
    for at, column in enumerate(columns):
        if column.source == Value(square):
            changed[at] = more
    prover = lied(CASE, changed)
    values = (answered.values[0] + more, *answered.values[1:])
    prover.outputs = ((replace(answered, values=values),),)
    with pytest.raises(VerificationError, match="linear operations do not hold"):
        convince(prover)


@pytest.mark.parametrize("rows", [(*CASE.key.rows, bytes(64)), CASE.key.rows[:-1]])
def test_a_key_has_as_many_rows_as_its_program_needs(rows: tuple[bytes, ...]) -> None:
    # A row of zeros at the end would change nothing, but two keys would say one thing.
    case = replace(CASE, key=replace(CASE.key, rows=rows))
    with pytest.raises(VerificationError, match="rows expected"):
        check_proof(case.key, ROOT, case.inputs, case.outputs, case.prover().prove())
