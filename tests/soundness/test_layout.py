"""Where columns stand: gaps and padding count for nothing, and one tensor has one value."""

from dataclasses import replace
from random import Random

import pytest

from avow.verifier.argument.proof import R
from avow.verifier.errors import VerificationError
from avow.verifier.program import operations as op
from avow.verifier.relation.relation import Kind, Value
from avow.verifier.relation.views import bits
from avow.verifier.systems.sumcheck.frame import frame
from tests.soundness.adversary import PLANS, Adversary
from tests.soundness.checking import check_all
from tests.soundness.conftest import Honest
from tests.soundness.edits import edit, inputs_of
from tests.soundness.forgeries import honest_forgery
from tests.soundness.programs import Sketch, every_operation, samples
from tests.soundness.reference import Field, Prover
from tests.soundness.test_forgeries import refusal
from tests.soundness.workbench import ROOT, TAU, Case, make_case

pytestmark = pytest.mark.usefixtures("quick")


class Untidy(Prover):
    """Fills the gaps between its columns with anything."""

    def rows(self, matrix: int) -> list[Field]:
        rows = super().rows(matrix)
        if matrix == 0:
            return rows
        width = self.length
        used: set[int] = set()
        for number, offset in self.frame.stack.matrices[matrix].places:
            column = self.helpers[number] if matrix == 2 else self.run.cells[number]
            used.update(range(offset, offset + len(column)))
        if matrix == 2 and self.batch > 1:
            # All of a batch's own row is weighed.
            used.update(range((len(rows) - 1) * width, len(rows) * width))
        rng = Random(matrix)
        self.filled = getattr(self, "filled", 0)
        for at in set(range(len(rows) * width)) - used:
            rows[at // width][at % width] = rng.randrange(R)
            self.filled += 1
        return rows


@pytest.mark.parametrize("batch", [1, 3])
def test_gaps_between_columns_count_for_nothing(one: Honest, batch: int) -> None:
    inputs = samples(one.case.program, 3, batch)
    prover = honest_forgery(one.case, inputs).prover(Untidy)
    check_all(one.case.key, ROOT, inputs, prover.outputs, prover.prove())
    assert prover.filled


@pytest.mark.parametrize("batch", [1, 2, 3, 5])
@pytest.mark.parametrize("logrows", [1, 2, 4, 7, 9])
def test_columns_stand_apart(batch: int, logrows: int) -> None:
    program, blobs, _ = every_operation()
    relation = make_case(program, blobs, 3, 5).relation(batch)
    shape = frame(relation, logrows)
    sizes = dict(enumerate(2**column.variables for column in relation.columns))
    first = len(relation.columns)
    lives = [group.live for group in (*relation.tables, *relation.lookups)]
    sizes |= {at: 2**live.variables for at, live in enumerate(lives, first)}
    width, key_width = 2**shape.stack.logrows, 2**logrows
    assert width == key_width * 2 ** bits(batch)

    def in_key(number: int) -> bool:
        return number < first and relation.columns[number].kind is Kind.KEY

    taken: set[int] = set()
    for number, start in shape.starts.items():
        cells = set(range(start, start + sizes[number]))
        if in_key(number):
            # A row of the key is the first entries of one of the stack.
            cells = {at // key_width * width + at % key_width for at in cells}
        assert start % sizes[number] == 0
        assert not cells & taken
        taken |= cells
    # Every committed column and helper has a place, no public one has.
    public = {at for at, column in enumerate(relation.columns) if column.kind.value == "public"}
    assert set(shape.starts) == set(sizes) - public
    # No row holds columns of two matrices.
    rows: list[set[int]] = []
    for matrix in shape.stack.matrices:
        own = set(range(matrix.first_row, matrix.first_row + matrix.rows))
        assert not any(own & other for other in rows)
        rows.append(own)
    assert max(max(own, default=0) for own in rows) < 2 ** (
        shape.stack.logsize - shape.stack.logrows
    )
    kinds = {"key": 0, "witness": 1}
    for number, start in shape.starts.items():
        matrix = 2 if number >= first else kinds[relation.columns[number].kind.value]
        length = key_width if in_key(number) else width
        assert {start // length, (start + sizes[number] - 1) // length} <= rows[matrix]


# Outputs that are no operation's result, or two names of one tensor.


def shared_outputs() -> Case:
    """The input itself, a result, and the same result again."""
    s = Sketch()
    x = s.input("x", (2,), -9, 9)
    y = s.add("y", op.Multiply((x, x)), True)
    s.outputs += [replace(s.outputs[0], name="again"), replace(s.outputs[0], name="x", tensor=x)]
    assert s.outputs[0].tensor == y
    return make_case(s.program(), s.blobs, 3, 5)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_one_tensor_has_one_value(number: int) -> None:
    case = shared_outputs()
    inputs = inputs_of(case, [3, -4])
    honest = honest_forgery(case, inputs)
    assert refusal(honest, PLANS[0]) is None
    tensors = list(honest.outputs[0])
    tensors[number] = replace(tensors[number], values=(8, 8))
    forged = replace(honest, outputs=[tuple(tensors)])
    prover = Adversary(case.key, TAU, honest.run(), ROOT, inputs, forged.outputs)
    proof = prover.prove()
    with pytest.raises(VerificationError, match="one tensor"):
        check_all(case.key, ROOT, inputs, forged.outputs, proof)


def test_both_names_of_a_tensor_can_not_lie_together() -> None:
    case = shared_outputs()
    inputs = inputs_of(case, [3, -4])
    forgery = edit(case, inputs, "both", {Value(1): {0: 8}}, {0: {0: 8}, 1: {0: 8}})
    assert forgery.broken()
    for plan in PLANS:
        assert refusal(forgery, plan), plan.name


# Programs without this or that.


def without_sums() -> Case:
    """No product of matrices: no second sumcheck, and no row of the key."""
    s = Sketch()
    x = s.input("x", (3,), -9, 9)
    s.add("y", op.Rescale((s.add("m", op.Multiply((x, x))),), 1, None, None), True)
    return make_case(s.program(), s.blobs, 2, 5)


def without_lookups() -> Case:
    """Nothing is looked up: the table of ranges stands alone."""
    s = Sketch()
    x = s.input("x", (2, 3), -9, 9)
    weight = s.blob([1, 2, 3, 4, 5, 6], 2, 3)
    s.add("y", op.Dense((x,), weight, s.blob([1, 2], 2)), True)
    return make_case(s.program(), s.blobs, 1, 5)


def scalars() -> Case:
    """Every axis has length 1."""
    s = Sketch()
    x = s.input("x", (), -9, 9)
    s.add("y", op.Rescale((s.add("m", op.Multiply((x, x))),), 0, None, 50), True)
    return make_case(s.program(), s.blobs, 2, 5)


@pytest.mark.parametrize("make", [without_sums, without_lookups, scalars])
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_programs_that_lack_something(make: object, batch: int) -> None:
    case: Case = make()  # type: ignore[operator]
    inputs = samples(case.program, 2, batch)
    honest = honest_forgery(case, inputs)
    assert refusal(honest, PLANS[0]) is None
    trace = case.trace(inputs)

    def touch(values):  # type: ignore[no-untyped-def]
        values.reshape(-1)[-1] -= 2
        return values

    wrong = case.trace(inputs, {len(trace) - 1: touch})
    outputs = case.outputs(wrong)
    assert outputs != honest.outputs
    for plan in PLANS:
        kind = type("Planned", (Adversary,), {"plan": plan})
        prover = kind(case.key, TAU, case.run(wrong), ROOT, inputs, outputs)
        proof = prover.prove()
        with pytest.raises(VerificationError):
            check_all(case.key, ROOT, inputs, outputs, proof)
