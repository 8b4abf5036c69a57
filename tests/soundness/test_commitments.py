"""What the rows hold is what is spoken of: weights, stale runs, multiplicities, long rows."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from avow.verifier.argument.proof import R
from avow.verifier.argument.transcript import Label, Transcript
from avow.verifier.errors import VerificationError
from avow.verifier.relation.relation import Kind, Multiplicity
from avow.verifier.systems.sumcheck import equations, layers
from avow.verifier.systems.sumcheck.key import LAYERED
from tests.relation.evaluation import Run
from tests.soundness.adversary import PLANS, Adversary, in_turn
from tests.soundness.checking import check_all
from tests.soundness.conftest import Honest
from tests.soundness.edits import dense, inputs_of
from tests.soundness.forgeries import Forgery, claimed, honest_forgery, wrong_results
from tests.soundness.programs import samples
from tests.soundness.reference import Prover
from tests.soundness.test_checks import LAST, PAIRING
from tests.soundness.test_forgeries import forgotten, planned, refusal
from tests.soundness.workbench import ROOT, TAU, Case, Samples, accepts

pytestmark = pytest.mark.usefixtures("quick")


def believed(case: Case, prover: Prover) -> str | None:
    """Why a prover is refused; None if he is believed."""
    proof = prover.prove()
    try:
        accepts(case, prover, proof)
    except VerificationError as error:
        return error.message
    return None


# Weights and biases. The key's rows are fixed: a prover can only speak of others.

HONEST = ((1, -2, 3, 4, 5, -6), (7, -1))
OTHERS = {
    "weights swapped": ((-2, 1, 3, 4, 5, -6), (7, -1)),
    "rows of weights swapped": ((4, 5, -6, 1, -2, 3), (7, -1)),
    "weights scaled": ((2, -4, 6, 8, 10, -12), (7, -1)),
    "a weight zero": ((1, -2, 3, 4, 0, -6), (7, -1)),
    "another bias": ((1, -2, 3, 4, 5, -6), (8, -1)),
    "biases swapped": ((1, -2, 3, 4, 5, -6), (-1, 7)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_no_other_weights_can_be_used(name: str) -> None:
    case, other = dense(*HONEST), dense(*OTHERS[name])
    inputs = inputs_of(case, [4, -2, 8])
    forged = honest_forgery(other, inputs_of(other, [4, -2, 8]))
    assert refusal(forged, PLANS[0]) is None
    outputs = [
        tuple(
            replace(mine, values=theirs.values)
            for mine, theirs in zip(answer, forged.outputs[0], strict=True)
        )
        for answer in case.outputs(case.trace(inputs))
    ]
    # As if the key had them: its rows do not.
    forgery = Forgery(name, case, inputs, outputs, forged.cells)
    if outputs == case.outputs(case.trace(inputs)):
        raise AssertionError("the other weights give the same answer")
    for plan in in_turn(list(OTHERS).index(name), 3):
        prover = forgery.prover(planned(plan))
        assert believed(case, prover) == PAIRING, plan.name
        # Or speaking of other weights than the rows that are opened.
        prover = forgery.prover(planned(plan))
        prover.committed = true_key(prover.run, case)
        assert believed(case, prover), plan.name


def true_key(run: Run, case: Case) -> Run:
    """The columns with the key's own constants."""
    true = honest_forgery(case, inputs_of(case, [4, -2, 8])).cells
    cells = [
        true[at] if column.kind is Kind.KEY else run.cells[at]
        for at, column in enumerate(run.relation.columns)
    ]
    return Run(run.relation, cells, R)


# Runs of another input, answers to another sample.


def stale(case: Case, inputs: Samples, old: Samples, answer: bool) -> Forgery:
    """The columns of a run of old inputs; `answer` says whether its answer is claimed, too."""
    then, now = honest_forgery(case, old), honest_forgery(case, inputs)
    outputs = then.outputs if answer else now.outputs
    relation = case.relation(len(inputs))
    given = range(len(case.program.inputs))
    cells = [
        now.cells[at]
        if column.kind is Kind.PUBLIC
        and (not answer or getattr(column.source, "tensor", 0) in given)
        else then.cells[at]
        for at, column in enumerate(relation.columns)
    ]
    return Forgery("stale", case, inputs, outputs, cells)


@pytest.mark.parametrize("answer", [True, False])
@pytest.mark.parametrize("batch", [1, 3])
def test_no_run_of_another_input_can_be_used(
    one: Honest, answer: bool, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, old = samples(one.case.program, 3, batch), samples(one.case.program, 4, batch)
    forgery = stale(one.case, inputs, old, answer)
    assert forgery.broken()
    assert forgotten(forgery, monkeypatch) is None
    for plan in PLANS[batch - 1 :: 2 * batch]:
        assert refusal(forgery, plan), plan.name


@pytest.mark.parametrize("number", range(6))
def test_no_other_output_can_be_claimed(
    one: Honest, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = samples(one.case.program, 3, 1)
    value = honest_forgery(one.case, inputs).outputs[0][number].values[0]
    middle = sum(bound(one, number)) // 2
    forgery = claimed(one.case, inputs, 0, number, 0, 1 if value <= middle else -1)
    assert forgery.broken()
    assert forgotten(forgery, monkeypatch) is None
    for plan in (PLANS[0], *PLANS[1 + number :: 6]):
        assert refusal(forgery, plan), plan.name


def bound(one: Honest, number: int) -> tuple[int, int]:
    """The range of an output."""
    interval = one.case.key.bounds()[one.case.program.outputs[number].tensor]
    return interval.low, interval.high


def test_a_proof_of_one_batch_is_none_of_another(one: Honest) -> None:
    two = samples(one.case.program, 3, 2)
    trace = one.case.trace(two)
    outputs = one.case.outputs(trace)

    def claims(given: Samples, answered: Samples) -> str | None:
        class Other(Adversary):
            def statement(self) -> None:
                self.batch = len(given)
                super().statement()
                self.batch = 2

        prover = Other(one.case.key, TAU, one.case.run(trace), ROOT, given, answered)
        proof = prover.prove()
        openings = [*proof.openings, proof.openings[0]][: len(given)]
        try:
            check_all(one.case.key, ROOT, given, answered, proof, openings)
        except VerificationError as error:
            return error.message
        return None

    assert claims(two, outputs) is None
    assert claims(two[:1], outputs[:1])
    assert claims([*two, two[0]], [*outputs, outputs[0]])
    assert outputs[0] != outputs[1]
    assert claims(two, outputs[::-1])
    assert claims(two[::-1], outputs)
    # Exchanging both is another statement, and this proof's columns are not its.
    assert claims(two[::-1], outputs[::-1])


# Multiplicities.


@pytest.mark.parametrize("table", range(3))
def test_no_multiplicity_can_be_wrong(
    one: Honest, table: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    relation = one.case.relation(1)
    column = relation.tables[table].multiplicity
    assert isinstance(relation.columns[column].source, Multiplicity)

    def changed(at: int, by: int) -> Callable[[Run], None]:
        def touch(run: Run) -> None:
            run.cells[column] = run.cells[column].copy()
            run.cells[column][at] = (run.cells[column][at] + by) % R

        return touch

    def moved(run: Run) -> None:
        # Not the first two: they are one and the same row of the ranges.
        changed(2, 1)(run)
        changed(3, -1)(run)

    honest = honest_forgery(one.case, samples(one.case.program, 3, 1))
    touches = [changed(0, 1), changed(1, -1), changed(2, pow(2, -1, R)), moved]
    for at, touch in enumerate(touches):
        forgery = replace(honest, touch=touch)
        for plan in in_turn(4 * table + at, 8):
            assert refusal(forgery, plan), plan.name
    assert refusal(honest, PLANS[0]) is None
    # A verifier who does not compare the sums believes it.
    if relation.layered:
        node_sum = layers.node_sum
        monkeypatch.setattr(layers, "node_sum", lambda nodes, mu: mu and node_sum(nodes, mu))
        assert believed(one.case, replace(honest, touch=touches[0]).prover(Adversary)) is None
        return
    kinds = len(relation.tables) + len(relation.lookups) + len(relation.products)
    own = equations.combine

    def combine(terms: list[int], base: int) -> int:
        return own(terms[:kinds] if len(terms) > kinds else terms, base)

    class NoSums(Adversary):
        def round(self, label: Label, number: int, claim: int, values: list[int]) -> list[int]:
            if label is Label.IDENTITIES:
                values = [
                    value - sums for value, sums in zip(values, self.sums(number), strict=True)
                ]
            return super().round(label, number, claim, [value % R for value in values])

        def sums(self, number: int) -> list[int]:
            return [self.what.part(1, x) for x in range(4)]

    monkeypatch.setattr(equations, "combine", combine)
    prover = replace(honest, touch=touches[0]).prover(NoSums)
    assert believed(one.case, prover) is None


# Rows that do not hold what is spoken of.


def test_rows_must_hold_what_is_spoken_of(one: Honest) -> None:
    names = {name: one.names[name] for name in ("multiply", "dense", "table", "lookup_row")}
    for turn, forgery in enumerate(wrong_results(one.case, names, 2, 1, 1)):
        honest = honest_forgery(one.case, forgery.inputs)
        for plan in PLANS[turn:9:4]:
            # Wrong rows, and the evaluations of the right ones, for the right and the wrong answer.
            for claims in (honest, forgery):
                prover = claims.prover(planned(plan))
                prover.run, prover.committed = honest.run(), forgery.run()
                assert believed(one.case, prover), plan.name
            # Right rows, and the evaluations of wrong ones.
            prover = forgery.prover(planned(plan))
            prover.committed = honest.run()
            assert believed(one.case, prover), plan.name


class Long(Prover):
    """One row of a matrix has an entry beyond the row's length, as a longer string allows."""

    matrix, row, extra, gap = 1, 0, 1, 0
    folded = False

    def commit(self, vectors: Sequence[Sequence[int]]) -> list[int]:
        stage = {1: "witness", 2: "helpers"}[self.matrix]
        if self.stage == stage:
            vectors = [list(vector) for vector in vectors]
            vectors[self.row] += [0] * self.gap + [self.extra]
            self.stage = "done"
        return super().commit(vectors)

    stage = ""

    def commit_witness(self) -> None:
        self.stage = "witness"
        super().commit_witness()

    def make_helpers(self) -> None:
        self.stage = "helpers"
        super().make_helpers()

    def fold(self) -> list[int]:
        row = super().fold()
        if self.folded:
            weight = self.weight(self.frame.stack.matrices[self.matrix].first_row + self.row)
            row += [0] * self.gap + [weight * self.extra % R]
        return row


@pytest.mark.parametrize("matrix", [1, 2])
@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("gap", [0, 1, 15, 128])
def test_no_row_can_be_longer_than_the_others(
    one: Honest, matrix: int, folded: bool, gap: int
) -> None:
    if matrix == 2 and one.case.key.lookups == LAYERED:
        return
    inputs = samples(one.case.program, 3, 1)
    honest = honest_forgery(one.case, inputs)

    def prover(extra: int) -> Prover:
        names = {"matrix": matrix, "row": 0, "extra": extra, "gap": gap, "folded": folded}
        return honest.prover(type("OneLong", (Long,), names))

    assert believed(one.case, prover(0)) is None
    assert believed(one.case, prover(1)) in (LAST, PAIRING)
    assert believed(one.case, prover(R - 1)) in (LAST, PAIRING)


# Evaluations that would not be absorbed before their weights are drawn.


def test_reads_absorbed_too_late_would_let_a_wrong_result_pass(
    one: Honest, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"multiply": one.names["multiply"]}
    (forgery,) = wrong_results(one.case, names, 2, 1, 1)

    class Late(Transcript):
        """Forgets the reads."""

        def absorb(self, label: Label, words: Sequence[int]) -> None:
            super().absorb(label, [] if label is Label.READS else words)

    class Patient(Adversary):
        """Knows eta before the reads are said, and so finds two lies that cancel out."""

        def prove(self) -> bytes:
            self.transcript = Late() if self.late else Transcript()
            self.lies: list[int] = []
            super().prove()
            reads = [at for at, (label, _) in enumerate(self.names) if label is Label.READS]
            self.sent[reads[0]] = words(self.cancelling())
            return b"".join(self.sent)

        late = True

        def identities(self) -> None:
            super().identities()
            self.ended = self.claim

        def cancelling(self) -> list[int]:
            """Reads of two columns of no bilinear, such that both later checks are met."""
            values = list(self.read_values)
            self.claim = self.ended
            first, second = self.free()
            ratio = -pow(self.eta, first - second, R)

            def error(x: int) -> int:
                return self.identities_error(shifted(x))

            def shifted(x: int) -> list[int]:
                changed = list(values)
                changed[first] = (changed[first] + x) % R
                changed[second] = (changed[second] + x * ratio) % R
                return changed

            # Quadratic at most: Newton's differences give its coefficients, and one root is tried.
            at = [error(x) % R for x in range(3)]
            assert (at[2] - 2 * at[1] + at[0]) % R == 0
            return shifted(-at[0] * pow(at[1] - at[0], -1, R) % R)

        def free(self) -> tuple[int, int]:
            bilinears = self.relation.bilinears
            used = {bilinear.result for bilinear in bilinears}
            used |= {r.column for b in bilinears if b.bias for _, r in b.bias.terms}
            places = [at for at, (read, _) in enumerate(self.spots) if read.column not in used]
            return places[-1], places[-2]

    def words(values: Sequence[int]) -> bytes:
        return b"".join((value % R).to_bytes(32, "big") for value in values)

    class Punctual(Patient):
        late = False

    assert believed(one.case, forgery.prover(Punctual))
    assert believed(one.case, forgery.prover(Patient))
    monkeypatch.setattr("avow.verifier.argument.proof.Transcript", Late)
    assert believed(one.case, forgery.prover(Patient)) is None
