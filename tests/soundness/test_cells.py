"""No committed cell can be wrong: fractions, limbs, remainders, clamps, padding, dead cells."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from avow.verifier.argument.proof import R
from avow.verifier.errors import VerificationError
from avow.verifier.relation.lookups import repeated
from avow.verifier.relation.relation import (
    Expression,
    Lookup,
    Product,
    Read,
    Relation,
    Table,
    Value,
)
from avow.verifier.relation.sheet import Sheet
from avow.verifier.relation.views import Link, View
from avow.verifier.systems.sumcheck import equations, layers
from avow.verifier.systems.sumcheck.key import LAYERED, Key
from tests.relation.evaluation import Run
from tests.soundness.adversary import PLANS, Adversary, in_turn
from tests.soundness.checking import check_all
from tests.soundness.edits import cell_forgeries, contracted, dense, edit, inputs_of
from tests.soundness.forgeries import Forgery, honest_forgery
from tests.soundness.reference import Field
from tests.soundness.test_forgeries import forgotten, refusal
from tests.soundness.workbench import Case, key_rows, relation_of

pytestmark = pytest.mark.usefixtures("quick")

FORGERIES = {forgery.name: forgery for forgery in cell_forgeries()}


@pytest.mark.parametrize("name", FORGERIES)
def test_no_wrong_cell_can_be_proven(
    name: str, argument: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgery = FORGERIES[name].under(argument)
    honest = honest_forgery(forgery.case, forgery.inputs)
    assert forgery.outputs != honest.outputs
    assert not honest.broken()
    assert refusal(honest, PLANS[0]) is None
    assert forgery.broken()
    assert forgotten(forgery, monkeypatch) is None
    # Every plan has its turn; the campaign tries them all on everything.
    for plan in in_turn(list(FORGERIES).index(name), 5):
        assert refusal(forgery, plan), plan.name


# The same forgeries, believed by verifiers who are wrong in one particular way.


def believed(forgery: Forgery, relation: Relation, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether an honest prover's proof of a forgery is accepted for another relation."""
    monkeypatch.setattr(Key, "relation", lambda *_: relation)
    prover = forgery.prover(Adversary, relation)
    proof = prover.prove()
    try:
        check_all(forgery.case.key, prover.root, prover.inputs, prover.outputs, proof)
    except VerificationError:
        return False
    return True


def test_one_sum_for_all_tables_would_let_a_row_stand_in_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forgery = FORGERIES["another table's row"]
    relation = forgery.case.relation(1)
    other = relation.tables[relation.lookups[1].table]

    def count(run: Run) -> None:
        run.cells[other.multiplicity][10] += 1

    forgery = replace(forgery, touch=count)
    kinds = len(relation.tables) + len(relation.lookups) + len(relation.products)
    own = equations.combine

    def combine(terms: list[int], base: int) -> int:
        if len(terms) == kinds + len(relation.tables):
            terms = [*terms[:kinds], sum(terms[kinds:])]
        return own(terms, base)

    class OneSum(Adversary):
        one_sum = True

    prover = forgery.prover(OneSum)
    proof = prover.prove()
    with pytest.raises(VerificationError):
        check_all(forgery.case.key, prover.root, prover.inputs, prover.outputs, proof)
    monkeypatch.setattr(equations, "combine", combine)
    check_all(forgery.case.key, prover.root, prover.inputs, prover.outputs, proof)


def test_a_table_without_live_rows_would_have_those_of_its_padding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forgery = FORGERIES["a row made by padding"]
    relation = forgery.case.relation(1)
    tables = list(relation.tables)
    ((_, read),) = tables[1].live.terms
    everywhere = Read(read.column, View((8,), (), (Link((0,), (), repeated(8)),)))
    tables[1] = Table(
        tables[1].components, Expression(((8,),), ((1, everywhere),)), tables[1].multiplicity
    )
    assert not believed(forgery, relation, monkeypatch)
    assert believed(forgery, replace(relation, tables=tables), monkeypatch)


class Nameless(Adversary):
    """Leaves the number of the table out of the fingerprints."""

    def make_leaves(self) -> tuple[Field, Field]:
        p, q = super().make_leaves()
        groups = zip(self.relation.groups, self.frame.blocks, strict=True)
        for number, (group, start) in enumerate(groups):
            table = group.table if isinstance(group, Lookup) else number
            q[start : start + 2**group.live.variables] -= table
        return p, q % R


def test_fingerprints_without_the_table_would_let_a_row_stand_in_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forgery = FORGERIES["another table's row"].under(LAYERED)
    relation = forgery.case.relation(1)
    other = relation.tables[relation.lookups[1].table]

    def count(run: Run) -> None:
        run.cells[other.multiplicity][10] += 1

    prover = replace(forgery, touch=count).prover(Nameless)
    proof = prover.prove()
    with pytest.raises(VerificationError):
        check_all(forgery.case.key, prover.root, prover.inputs, prover.outputs, proof)
    own = layers.combine
    monkeypatch.setattr(layers, "combine", lambda terms, base: own([0, *terms[1:]], base))
    check_all(forgery.case.key, prover.root, prover.inputs, prover.outputs, proof)


@pytest.mark.parametrize("cut", [True, False])
def test_the_multiplicity_of_a_dead_row_counts_for_nothing(
    cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgery = FORGERIES["a row made by padding"].under(LAYERED)
    (_, table), dead = forgery.case.relation(1).tables, 5

    def touch(run: Run) -> None:
        # The row that the padding makes, (0, 0), is looked up once.
        run.cells[table.multiplicity][dead] = 1

    class Whole(Adversary):
        """Speaks of all multiplicities."""

        def make_leaves(self) -> tuple[Field, Field]:
            p, q = super().make_leaves()
            p[self.frame.blocks[1] + dead] = R - 1
            return p, q

    prover = replace(forgery, touch=touch).prover(Whole)
    if not cut:
        monkeypatch.setattr(Relation, "count", lambda self, table: self.whole(table.multiplicity))
    proof = prover.prove()
    if cut:
        with pytest.raises(VerificationError, match="fractions are not those"):
            check_all(forgery.case.key, prover.root, prover.inputs, prover.outputs, proof)
    else:
        check_all(forgery.case.key, prover.root, prover.inputs, prover.outputs, proof)


def loose(case: Case, monkeypatch: pytest.MonkeyPatch) -> Relation:
    """The relation of a lowering that sums over dead cells."""
    with monkeypatch.context() as context:
        context.setattr(Sheet, "live", lambda sheet, expression, axis: expression)
        return relation_of(case, 1)


def test_a_contraction_over_dead_cells_would_count_them(monkeypatch: pytest.MonkeyPatch) -> None:
    forgery = FORGERIES["dead cells of both factors"]
    assert believed(forgery, loose(contracted(), monkeypatch), monkeypatch)


def test_a_sum_over_dead_cells_would_count_them(monkeypatch: pytest.MonkeyPatch) -> None:
    forgery = FORGERIES["a dead cell of a sum"]
    relation = forgery.case.relation(1)
    (product,) = relation.products

    def whole(view: View) -> View:
        if view.ins != (3,):
            return view
        return View(view.outs, (4,), (Link((), (0,), tuple((0, k) for k in range(4))),))

    terms = tuple((f, Read(read.column, whole(read.view))) for f, read in product.rest.terms)
    summed = Product(None, Expression(product.rest.layout, terms))
    weak = replace(relation, products=[summed])
    run = forgery.run()
    # The columns keep their lengths; only the view goes on to the padding.
    monkeypatch.setattr(Run, "value", lenient(Run.value))
    assert run.cells[number(relation, 1)][3] == 5
    assert believed(forgery, weak, monkeypatch)


def number(relation: Relation, tensor: int) -> int:
    """The column of a tensor."""
    return next(k for k, c in enumerate(relation.columns) if c.source == Value(tensor))


def lenient(value: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """An expression's cells, where a view may call an axis of length 3 one of length 4."""

    def cells(run: Run, expression: Expression) -> np.ndarray:
        columns = run.relation.columns
        for _, read in expression.terms:
            if read.view.ins != columns[read.column].lengths:
                columns = list(columns)
                columns[read.column] = replace(columns[read.column], lengths=read.view.ins)
        relation = replace(run.relation, columns=columns)
        return value(Run(relation, run.cells, run.modulus), expression)

    return cells


def test_a_flat_index_could_be_a_fraction(monkeypatch: pytest.MonkeyPatch) -> None:
    forgery = FORGERIES["an index that is a fraction"]
    relation = forgery.case.relation(1)

    def flat(components: tuple[Expression, ...]) -> tuple[Expression, ...]:
        row, column, value = components
        terms = (*((2 * factor, read) for factor, read in row.terms), *column.terms)
        return Expression(row.layout, terms), value

    tables = list(relation.tables)
    tables[1] = replace(tables[1], components=flat(tables[1].components))
    lookups = [
        replace(lookup, components=flat(lookup.components)) if lookup.table == 1 else lookup
        for lookup in relation.lookups
    ]
    weak = replace(relation, tables=tables, lookups=lookups)
    # The index itself is looked up in its range, too: only a flat table trusts that.
    assert forgery.broken().lookups == {1, 2}
    ranged = [lookup for at, lookup in enumerate(lookups) if at != 1]
    assert not believed(forgery, weak, monkeypatch)
    assert believed(forgery, replace(weak, lookups=ranged), monkeypatch)


# Keys whose makers put constants where there should be none.


def garbage_key(case: Case) -> tuple[Case, Run]:
    """A key whose weights and biases are not zero in dead cells; its own honest run's columns."""
    forgery = honest_forgery(case, inputs_of(case, [4, -2, 8]))
    run = forgery.run()
    for at, column in enumerate(run.relation.columns):
        if column.kind.value == "key":
            dead = [cell for cell in range(len(run.cells[at])) if run.cells[at][cell] == 0]
            for cell in dead:
                run.cells[at][cell] = 3 + cell
    key = replace(case.key, rows=tuple(key_rows(case, run)))
    return Case(case.program, case.blobs, key), run


def test_dead_weights_of_a_bad_key_multiply_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    case = dense()
    bad, run = garbage_key(case)
    inputs = inputs_of(case, [4, -2, 8])
    key_cells = {
        at: run.cells[at]
        for at, column in enumerate(run.relation.columns)
        if column.kind.value == "key"
    }
    weights = next(cells for cells in key_cells.values() if len(cells) == 8)
    assert weights[3] == 6 and weights[7] == 10

    def of_bad_key(forgery: Forgery) -> Forgery:
        cells = [key_cells.get(at, column) for at, column in enumerate(forgery.cells)]
        return replace(forgery, case=bad, cells=cells)

    honest = of_bad_key(honest_forgery(case, inputs))
    assert refusal(honest, PLANS[0]) is None
    answers = [value % R for value in honest.outputs[0][0].values]
    lie = {0: answers[0] + 6, 1: answers[1] + 10}
    lie = {at: value - R if value > R // 2 else value for at, value in lie.items()}
    edits = {Value(1): {3: 1}, Value(2): lie}
    forgery = of_bad_key(edit(case, inputs, "dead activation, dead weight", edits, {0: lie}))
    assert forgery.broken()
    for plan in PLANS:
        assert refusal(forgery, plan), plan.name
    assert believed(forgery, loose(bad, monkeypatch), monkeypatch)


def test_dead_cells_are_trusted_by_nobody() -> None:
    case = dense()
    inputs = inputs_of(case, [4, -2, 8])
    # The rescale's dead cell is looked up nowhere and multiplied with nothing.
    free = edit(case, inputs, "free", {Value(1): {3: 12345}})
    assert not free.broken()
    assert refusal(free, PLANS[0]) is None
    assert free.outputs == honest_forgery(case, inputs).outputs
