"""Views against their explicit matrices: coefficients, forms, compositions."""

import itertools
import math
from collections import Counter
from random import Random

import numpy as np
import pytest

from avow.verifier.errors import VerificationError
from avow.verifier.program import operations as op
from avow.verifier.program.blob import blob_of
from avow.verifier.program.intervals import Interval
from avow.verifier.program.program import Output, Program, Step
from avow.verifier.relation.lower import lower
from avow.verifier.relation.views import Budget, Link, R, View, compose, eq, identity, size
from avow.verifier.tensor import ElementType, TensorSpec
from tests.programs.builder import random_program
from tests.relation.evaluation import is_live, joined, relation_of


def random_lengths(rng: Random) -> tuple[int, ...]:
    return tuple(rng.randint(2, 5) for _ in range(rng.randint(0, 3)))


def random_view(rng: Random, outs: tuple[int, ...], ins: tuple[int, ...]) -> View:
    """Axes dealt to links at random; equal ones sometimes joined whole."""
    free_outs, free_ins = list(range(len(outs))), list(range(len(ins)))
    rng.shuffle(free_outs)
    rng.shuffle(free_ins)
    links = []
    while free_outs or free_ins:
        if free_outs and free_ins and outs[free_outs[0]] == ins[free_ins[0]] and rng.random() < 0.6:
            links.append(Link((free_outs.pop(0),), (free_ins.pop(0),), None))
            continue
        some_outs = tuple(free_outs.pop() for _ in range(rng.randint(0, len(free_outs))))
        some_ins = tuple(free_ins.pop() for _ in range(rng.randint(0, len(free_ins))))
        if not some_outs and not some_ins:
            continue
        cells = math.prod(outs[a] for a in some_outs), math.prod(ins[a] for a in some_ins)
        pairs = tuple(pair for pair in itertools.product(*map(range, cells)) if rng.random() < 0.4)
        links.append(Link(some_outs, some_ins, pairs))
    return View(outs, ins, tuple(links))


def corner(cell: int, variables: int) -> tuple[int, ...]:
    return tuple(cell >> (variables - 1 - k) & 1 for k in range(variables))


def point(rng: Random, variables: int) -> tuple[int, ...]:
    return tuple(rng.randrange(R) for _ in range(variables))


def by_force(view: View, out_point: tuple[int, ...], in_point: tuple[int, ...]) -> int:
    """sum over all joined cells of eq(out, o) eq(in, i)."""
    return (
        sum(
            eq(out_point, corner(int(o), len(out_point)))
            * eq(in_point, corner(int(i), len(in_point)))
            for o, i in zip(*joined(view), strict=True)
        )
        % R
    )


def matrix(view: View) -> Counter[tuple[int, int]]:
    return Counter(zip(*(cells.tolist() for cells in joined(view)), strict=True))


@pytest.mark.parametrize("seed", range(60))
def test_a_coefficient_is_the_matrix_extended(seed: int) -> None:
    rng = Random(seed)
    view = random_view(rng, random_lengths(rng), random_lengths(rng))
    points = point(rng, size(view.outs)), point(rng, size(view.ins))
    assert view.coefficient(*points) == by_force(view, *points)


@pytest.mark.parametrize("seed", range(60))
def test_forms_are_the_coefficients_of_live_cells(seed: int) -> None:
    rng = Random(seed)
    view = random_view(rng, random_lengths(rng), random_lengths(rng))
    out_point = point(rng, size(view.outs))
    forms = view.forms(out_point)
    live = np.flatnonzero(is_live(view.ins))
    for index, cell in zip(itertools.product(*map(range, view.ins)), live, strict=True):
        product = 1
        for axes, weights in forms:
            at = 0
            for axis in axes:
                at = at * view.ins[axis] + index[axis]
            product = product * weights.get(at, 0) % R
        assert product == view.coefficient(out_point, corner(int(cell), size(view.ins)))


@pytest.mark.parametrize("seed", range(120))
def test_a_composition_is_the_product_of_the_matrices(seed: int) -> None:
    rng = Random(seed)
    middle = random_lengths(rng)
    outer = random_view(rng, random_lengths(rng), middle)
    inner = random_view(rng, middle, random_lengths(rng))
    product: Counter[tuple[int, int]] = Counter()
    for (o, m), left in matrix(outer).items():
        for (n, i), right in matrix(inner).items():
            if m == n:
                product[o, i] += left * right
    composed = compose(outer, inner, Budget())
    assert matrix(composed) == product
    points = point(rng, size(composed.outs)), point(rng, size(composed.ins))
    assert composed.coefficient(*points) == by_force(composed, *points)


def test_the_identity_keeps_dead_cells() -> None:
    assert matrix(identity((3, 5))) == Counter((k, k) for k in range(4 * 8))


@pytest.mark.parametrize("seed", range(30))
def test_reads_of_random_programs(seed: int) -> None:
    """The views that the lowering makes."""
    rng = Random(seed)
    program, blobs = random_program(seed)
    relation = relation_of(program, blobs, 4, rng.choice((1, 2, 3)))
    reads = relation.reads()
    for read in rng.sample(reads, min(8, len(reads))):
        view = read.view
        if len(joined(view)[0]) < 1000:
            points = point(rng, size(view.outs)), point(rng, size(view.ins))
            assert view.coefficient(*points) == by_force(view, *points)


def test_too_many_pairs_are_refused() -> None:
    """Axes that share no boundary with the old ones are joined cell by cell."""
    spec = TensorSpec("x", ElementType.INT8, (3, 2**20), 0, 0, 1)
    reshape = op.Reshape((0,), (2**20, 3))
    program = Program((spec,), (), (Step(reshape, 0),), (Output("y", 1),))
    with pytest.raises(VerificationError, match="joins 3145728 cells, more than 2097152"):
        lower(program, [Interval(0, 1)] * 2, {}, 1, 1)


def test_views_without_end_are_refused() -> None:
    """No single one is large, but together they would take a verifier's day."""
    spec = TensorSpec("x", ElementType.INT8, (31, 33), 0, 0, 1)
    shapes = [(33, 31), (31, 33)] * 1000
    steps = tuple(Step(op.Reshape((at,), shape), 0) for at, shape in enumerate(shapes))
    program = Program((spec,), (), steps, (Output("y", 1),))
    with pytest.raises(VerificationError, match="its views join more than 2097152 cells"):
        lower(program, [Interval(0, 1)] * 2001, {}, 1, 1)


def test_windows_without_end_are_refused() -> None:
    """2^11 places of 2^11 taps each, before any of them is written down."""
    spec = TensorSpec("x", ElementType.INT8, (1, 1, 2**11), 0, 0, 1)
    blobs = [blob_of([0] * 2**11, (1, 1, 2**11)), blob_of([0], (1,))]
    convolution = op.Convolution((0,), 0, 1, (1,), (1,), (2**11 - 1,), (0,), 1)
    refs = tuple(blob.ref() for blob in blobs)
    program = Program((spec,), refs, (Step(convolution, 0),), (Output("y", 1),))
    with pytest.raises(VerificationError, match="its views join more than 2097152 cells"):
        lower(program, [Interval(0, 1)] * 2, {}, 1, 1)


def test_merged_axes_cost_nothing() -> None:
    """They stay apart inside a composite axis: no cell is joined to another by a pair."""
    spec = TensorSpec("x", ElementType.INT8, (2, 3, 5), 0, 0, 1)
    steps = (Step(op.Reshape((0,), (6, 5)), 0), Step(op.Multiply((1, 1)), 0))
    program = Program((spec,), (), steps, (Output("y", 2),))
    relation = lower(program, [Interval(0, 1)] * 3, {}, 1, 3)
    factors = relation.products[0].factors
    assert factors is not None
    (_, read), *_ = factors[0].terms
    assert read.view == identity((3, 2, 3, 5))
