"""No witness but an honest one: searched completely, over the proof's own field, on tiny programs.

The program's answer is the only one that any choice of committed cells allows, also where the key
holds garbage in dead cells; a key that is no program's allows one answer at most.
"""

import dataclasses
from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from avow.verifier.errors import VerificationError
from avow.verifier.program import operations as op
from avow.verifier.program.blob import Blob
from avow.verifier.program.intervals import Interval, result_interval
from avow.verifier.program.program import Program, check
from avow.verifier.relation.lower import lower
from avow.verifier.relation.relation import Kind, Relation
from avow.verifier.relation.views import R
from avow.verifier.tensor import ElementType
from tests.programs.builder import KINDS, Builder, random_inputs
from tests.relation.evaluation import Cells, Run, honest_run, is_live
from tests.relation.forger import Forger, Unpinned, public_and_key
from tests.relation.tiny import tiny_program
from tests.sampling import sampled


def run_of(seed: int, program: Program, blobs: list[Blob], width: int | None = None) -> Run:
    """An honest run of one to three samples with a tiny range table."""
    rng = Random(seed)
    samples = [random_inputs(program, rng) for _ in range(rng.choice((1, 2, 3)))]
    inputs = [
        np.array([sample[at].values for sample in samples], np.int8).reshape(-1, *spec.shape)
        for at, spec in enumerate(program.inputs)
    ]
    return honest_run(program, blobs, inputs, width or rng.choice((1, 2, 3)))


def forger(run: Run, inputs: int, modulus: int = R) -> Forger:
    return Forger(run.relation, public_and_key(run.relation, run.cells, inputs), modulus)


def honest_answer(run: Run, search: Forger) -> tuple[int, ...]:
    return tuple(int(run.cells[column][cell]) % R for column, cell in search.outputs)


@pytest.mark.parametrize("kind", KINDS)
def test_the_programs_answer_is_the_only_one(kind: str) -> None:
    for seed in sampled(range(1, 6), 2):
        program, blobs = tiny_program(seed, kind)
        run = run_of(seed, program, blobs)
        search = forger(run, len(program.inputs))
        assert search.mixed() == [], f"seed {seed}: a live cell depends on a dead one"
        assert search.answers() == [honest_answer(run, search)], f"seed {seed}"


@pytest.mark.parametrize("kind", KINDS)
def test_garbage_in_dead_cells_of_a_key_changes_nothing(kind: str) -> None:
    for seed in range(100, 125):
        rng = Random(seed)
        program, blobs = tiny_program(seed, kind, 2)
        run = run_of(seed, program, blobs)
        for column, cells in zip(run.relation.columns, run.cells, strict=True):
            if column.kind is Kind.KEY:
                dead = ~is_live(column.lengths)
                cells[dead] = [rng.choice((1, R - 1, rng.randrange(R))) for _ in range(dead.sum())]
        search = forger(run, len(program.inputs))
        assert search.mixed() == [], f"seed {seed}: a live cell depends on a dead one"
        if seed < 104:
            assert search.answers() == [honest_answer(run, search)], f"seed {seed}"


def claimed(program: Program, blobs: list[Blob], rng: Random) -> list[Interval]:
    """Intervals as a verifier computes them from the false claims of a key."""
    honest, shapes = check(program, blobs), program.shapes()
    known = honest[: len(program.inputs)]
    for step in program.steps:
        of = step.operation.of
        own = honest[len(known)]
        if isinstance(step.operation, op.Constant | op.Dense | op.Convolution | op.Table):
            low = own.low + rng.randint(-9, 9)
            known.append(Interval(low, max(low, own.high + rng.randint(-9, 9))))
        else:
            operands, sides = [known[at] for at in of], [shapes[at] for at in of]
            known.append(result_interval(step.operation, operands, sides, blobs))
    return known


@pytest.mark.parametrize("kind", ["dense", "convolution", "contract", "table", "lookup_row"])
def test_a_false_key_allows_one_answer_at_most(kind: str) -> None:
    """Other weights, tables and intervals than any program's, field elements among them."""
    counts: list[int] = []
    for seed in range(200, 300):
        if len(counts) >= 12 and set(counts) == {0, 1}:
            break
        rng = Random(seed)
        program, blobs = tiny_program(seed, kind)
        run = run_of(seed, program, blobs, 2)
        gathers = {
            step.operation.indices: tuple(blobs[step.operation.indices].values())
            for step in program.steps
            if isinstance(step.operation, op.Gather)
        }
        try:
            bounds = claimed(program, blobs, rng)
        except VerificationError:
            continue
        relation = lower(program, bounds, gathers, 2, run.relation.batch)
        inputs = {
            column: cells
            for column, cells in zip(run.relation.columns, run.cells, strict=True)
            if column.kind is Kind.PUBLIC
        }
        least, most = (0, R - 1) if rng.random() < 0.3 else (-2, 3)
        cells = []
        for column in relation.columns:
            made = [rng.randint(least, most) % R for _ in range(2**column.variables)]
            public = column.kind is Kind.PUBLIC
            cells.append(inputs[column] if public else np.array(made, object))
        search = forger(Run(relation, cells), len(program.inputs))
        assert search.mixed() == []
        counts.append(len(search.answers()))
    assert set(counts) == {0, 1}


@pytest.mark.parametrize("kind", ["rescale", "table", "lookup_row", "dense"])
def test_false_intervals_allow_no_other_answer(kind: str) -> None:
    """With the program's own constants, they can only make its answer unprovable."""
    counts = set()
    for seed in range(304, 314):
        rng = Random(seed)
        program, blobs = tiny_program(seed, kind, 2)
        run = run_of(seed, program, blobs, 2)
        gathers = {
            step.operation.indices: tuple(blobs[step.operation.indices].values())
            for step in program.steps
            if isinstance(step.operation, op.Gather)
        }
        try:
            bounds = claimed(program, blobs, rng)
        except VerificationError:
            continue
        relation = lower(program, bounds, gathers, 2, run.relation.batch)
        given = dict(zip(run.relation.columns, run.cells, strict=True))
        cells = [
            np.zeros(2**column.variables, object) if column.kind is Kind.WITNESS else given[column]
            for column in relation.columns
        ]
        search = forger(Run(relation, cells), len(program.inputs))
        answers = search.answers()
        true = [int(given[relation.columns[column]][cell]) % R for column, cell in search.outputs]
        assert answers in ([], [tuple(true)]), f"seed {seed}"
        counts.add(len(answers))
    assert 1 in counts


def program_of(
    ranges: list[tuple[int, int]], make: Callable[[Builder], op.Operation]
) -> tuple[Program, list[Blob]]:
    builder = Builder(Random(1))
    for low, high in ranges:
        builder.add_input((3,), ElementType.INT8, low, high)
    builder.add(make(builder))
    return builder.program(), builder.blobs


WIDE = (-9, 11)
SINGLE = {
    **{
        f"rescale by {bits} to {low}, {high}": program_of(
            [WIDE], lambda _, b=bits, lo=low, hi=high: op.Rescale((0,), b, lo, hi)
        )
        for bits, low, high in (
            (2, None, None), (0, -1, None), (2, None, 2), (0, -1, 2), (1, -1, 3), (1, 0, 2),
        )
    },
    "divide": program_of([WIDE, (1, 5)], lambda _: op.Divide((0, 1))),
    "maximum": program_of([WIDE, (1, 5)], lambda _: op.Maximum((0, 1))),
    "multiply": program_of([WIDE, (1, 5)], lambda _: op.Multiply((0, 1))),
    "table": program_of([WIDE], lambda b: op.Table((0,), b.integers((21,), 5), -9)),
    "lookup_row": program_of([(0, 4)], lambda b: op.LookupRow((0,), b.integers((5, 3), 5))),
    "dense": program_of(
        [WIDE], lambda b: op.Dense((0,), b.integers((2, 3), 2), b.integers((2,), 2))
    ),
}  # fmt: skip


def without(relation: Relation, what: str, at: int) -> Relation:
    kept = list(getattr(relation, what))
    del kept[at]
    return dataclasses.replace(relation, **{what: kept})


@pytest.mark.parametrize("name", SINGLE)
def test_every_equation_is_needed(name: str) -> None:
    """Without any one of them some input has a second answer: the search does find forgeries."""
    program, blobs = SINGLE[name]
    runs = []
    for value in range(-9, 12, 2):
        row = [
            [min(max(value + k, x.minimum), x.maximum) for k in range(3)] for x in program.inputs
        ]
        inputs = [np.array([one], np.int8) for one in row]
        runs.append(honest_run(program, blobs, inputs, 3))
    relation = runs[0].relation
    for what in ("lookups", "products", "bilinears"):
        for at, equation in enumerate(getattr(relation, what)):
            if what == "products" and not (equation.factors or equation.rest.terms):
                continue  # An input that is an output as well.
            assert any(
                is_forgeable(without(relation, what, at), run.cells, len(program.inputs))
                for run in runs
            ), f"{what} {at} changes nothing"


def is_forgeable(relation: Relation, cells: list[Cells], inputs: int) -> bool:
    try:
        return len(forger(Run(relation, cells), inputs).answers()) > 1
    except Unpinned:
        return True


def test_a_field_that_wraps_round_is_forgeable() -> None:
    """The bounds matter: 4 t + remainder takes more values than a field of 13 elements has."""
    program, blobs = SINGLE["rescale by 2 to None, None"]
    run = honest_run(program, blobs, [np.array([[-9, 4, 11]], np.int8)], 2)
    assert len(forger(run, 1).answers()) == 1
    assert len(forger(run, 1, 13).answers()) > 1
