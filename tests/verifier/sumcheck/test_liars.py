"""One lie, moved from step to step: each check of the verifier refuses what the others pass."""

from dataclasses import replace

import numpy as np
import pytest

from avow.verifier.argument.proof import R
from avow.verifier.argument.transcript import Label
from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program, run
from avow.verifier.relation.relation import Kind, Value
from avow.verifier.tensor import Tensor
from tests.relation.evaluation import Run, honest_run
from tests.soundness.checking import check_all
from tests.soundness.reference import Prover, eq_table, horner
from tests.verifier.sumcheck.example import ROOT, TAU, Case, small_case, small_program

CASE = small_case()


def convince(prover: Prover) -> None:
    """Hand the verifier what this prover says."""
    check_all(CASE.key, ROOT, prover.inputs, prover.outputs, prover.prove())


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


class ForgesTheLast(ForgesTheValue):
    """And moves the last fold until it has that value."""

    def say(self, label: Label, values: list[int]) -> list[int]:
        """Its first coefficient is what the others leave of the value."""
        if label is Label.LAST:
            first, *others = (int(weight) for weight in eq_table(self.left))
            rest = sum(weight * x for weight, x in zip(others, values[1:], strict=True))
            return [(self.value - rest) * pow(first, -1, R) % R, *values[1:]]
        return super().say(label, values)


class ForgesTheFolds(ForgesTheLast):
    """And moves the values until they end in the last fold."""

    def say(self, label: Label, values: list[int]) -> list[int]:
        """f(beta) of the last committed fold moves what follows from it by a known factor."""
        if label is Label.FOLD_VALUES:
            at = len(self.z) - self.key.logrows + len(self.left)
            weights = [int(weight) for weight in eq_table(self.z[at : at + 3])]
            factors = [horner(weights, pow(node, -1, R)) * pow(8, -1, R) for node in self.nodes[:8]]
            found = sum(f * x for f, x in zip(factors, values[-9:-1], strict=True))
            missing = horner(self.last, self.nodes[8]) - found
            return [
                *values[:-9],
                (values[-9] + missing * pow(factors[0], -1, R)) % R,
                *values[-8:],
            ]
        return super().say(label, values)


@pytest.mark.parametrize(
    ("prover", "message"),
    [
        (Impostor, "not those of the committed columns"),
        (ForgesTheValue, "do not end in the claimed value"),
        (ForgesTheLast, "do not end in the last one"),
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
        check_all(case.key, ROOT, case.inputs, case.outputs, case.prover().prove())
