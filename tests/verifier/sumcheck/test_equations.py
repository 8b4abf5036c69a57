"""What the sumchecks sum up: zero for an honest run, cell by cell, and for no other."""

from dataclasses import replace
from itertools import product
from random import Random
from typing import Any

import numpy as np
import pytest

from avow.verifier.argument.proof import R
from avow.verifier.relation.publics import evaluate
from avow.verifier.relation.relation import Kind
from avow.verifier.relation.views import Point, eq
from avow.verifier.systems.sumcheck.equations import bilinear_at, bilinear_claim, identities_at
from avow.verifier.systems.sumcheck.frame import Frame, Spot, frame
from avow.verifier.systems.sumcheck.values import Values, Work
from tests.programs.builder import random_inputs, random_program
from tests.relation.evaluation import Run, apply, honest_run
from tests.soundness.reference import value_at
from tests.verifier.sumcheck.example import small_case

Field = Any


class Table:
    """The columns of a run and the helpers that belong to them, as tables of field elements."""

    def __init__(self, run: Run, seed: int = 0) -> None:
        rng = Random(seed)
        self.run = run
        self.frame: Frame = frame(run.relation, 5)
        self.alpha, self.fingerprint, self.gamma, self.theta = (rng.randrange(R) for _ in range(4))
        self.rho = self.point(rng, self.frame.variables)
        self.helpers = self._helpers()

    @staticmethod
    def point(rng: Random, variables: int) -> Point:
        """A random one."""
        return tuple(rng.randrange(R) for _ in range(variables))

    def _helpers(self) -> list[Field]:
        relation, found = self.run.relation, []
        for group in (*relation.tables, *relation.lookups):
            row = self.alpha
            for power, component in enumerate(group.components):
                row = row + pow(self.fingerprint, power, R) * self.run.value(component)
            count = self.run.value(group.live)
            if group in relation.tables:
                count = count * self.run.cells[group.multiplicity]  # type: ignore[union-attr]
            found.append(
                np.array([int(a) * pow(int(b), -1, R) % R for a, b in zip(count, row, strict=True)])
            )
        return found

    def publics(self) -> dict[int, list[int]]:
        """The live cells of the public columns."""
        found = {}
        for number, column in enumerate(self.run.relation.columns):
            if column.kind is Kind.PUBLIC:
                padded = self.run.cells[number].reshape(
                    [2 ** (n - 1).bit_length() for n in column.lengths]
                )
                found[number] = [
                    int(v) for v in padded[tuple(map(slice, column.lengths))].reshape(-1)
                ]
        return found

    def values(self, spots: list[Spot], challenges: Point) -> Values:
        """All of them evaluated honestly."""
        sent = {}
        for read, positions in spots:
            count = len(self.run.cells)
            cells = (
                self.helpers[read.column - count]
                if read.column >= count
                else self.run.cells[read.column]
            )
            point = [challenges[at] for at in positions]
            sent[read, positions] = value_at(apply(read.view, cells) % R, point)
        return Values(self.publics(), sent, challenges, Work())

    def identities(self) -> int:
        """Their sum over the cube."""
        total = 0
        for corner in product((0, 1), repeat=self.frame.variables):
            values = self.values(self.frame.reads(), corner)
            total += identities_at(
                self.frame, values, self.alpha, self.fingerprint, self.gamma, eq(self.rho, corner)
            )
        return total % R

    def bilinear_difference(self) -> int:
        """What the results claim at a random point, less the sum over the cube."""
        r = self.point(Random(1), self.frame.variables)
        claim = bilinear_claim(self.frame, self.values(self.frame.reads(), r), self.theta)
        for corner in product((0, 1), repeat=self.frame.summed):
            values = self.values(self.frame.factors(), r + corner)
            claim -= bilinear_at(self.frame, values, self.theta)
        return claim % R


def small_run() -> Run:
    """A fresh one that a test may damage."""
    return small_case().run()


@pytest.mark.parametrize("seed", [2, 4, 7, 12, 14, 31, 34, 57])
def test_both_sums_of_an_honest_run_are_right(seed: int) -> None:
    program, blobs = random_program(seed, 4)
    inputs = random_inputs(program, Random(seed))
    arrays = [
        np.array(tensor.values, np.int64).reshape(1, *spec.shape)
        for tensor, spec in zip(inputs, program.inputs, strict=True)
    ]
    table = Table(honest_run(program, blobs, arrays, 3), seed)
    assert table.frame.variables <= 8
    assert table.identities() == 0
    assert table.bilinear_difference() == 0


def test_the_small_run_has_every_kind_of_equation_and_is_right() -> None:
    table = Table(small_run())
    relation = table.run.relation
    assert len(relation.tables) == 2 and relation.lookups and relation.products
    assert any(bilinear.shared for bilinear in relation.bilinears)
    assert any(bilinear.bias for bilinear in relation.bilinears)
    assert table.identities() == 0
    assert table.bilinear_difference() == 0


WITNESS = [
    number
    for number, column in enumerate(small_run().relation.columns)
    if column.kind is Kind.WITNESS
]


@pytest.mark.parametrize("number", WITNESS)
def test_a_change_in_any_witness_column_is_seen(number: int) -> None:
    run = small_run()
    run.cells[number] = run.cells[number].copy()
    run.cells[number][0] += 1
    table = Table(run)
    assert (table.identities(), table.bilinear_difference()) != (0, 0)


def test_a_multiplicity_is_seen() -> None:
    for number in (0, 1):
        run = small_run()
        column = run.relation.tables[number].multiplicity
        run.cells[column] = run.cells[column].copy()
        run.cells[column][1] += 1
        assert Table(run).identities() != 0


def test_every_table_has_a_sum_of_its_own() -> None:
    # Rows that are looked up in one table and counted in the other: all sums together are right.
    run = small_run()
    run.relation.lookups[0] = replace(run.relation.lookups[0], table=1)
    table = Table(run)
    assert table.identities() != 0
    table.gamma = 1
    assert table.identities() == 0


def test_a_helper_at_a_dead_cell_is_seen() -> None:
    # Every helper with a dead cell, one after the other.
    count = 0
    for number in range(len(Table(small_run()).helpers)):
        table = Table(small_run())
        relation = table.run.relation
        group = [*relation.tables, *relation.lookups][number]
        dead = np.flatnonzero(table.run.value(group.live) == 0)
        if len(dead):
            count += 1
            table.helpers[number][dead[0]] = 1
            assert table.identities() != 0
    assert count > 3


@pytest.mark.parametrize("seed", range(12))
def test_public_columns_are_evaluated_as_their_padded_cells_are(seed: int) -> None:
    program, blobs = random_program(seed)
    inputs = random_inputs(program, Random(seed))
    arrays = [
        np.array(tensor.values, np.int64).reshape(1, *spec.shape)
        for tensor, spec in zip(inputs, program.inputs, strict=True)
    ]
    run = honest_run(program, blobs, arrays, 3)
    publics, rng = Table(run).publics(), Random(seed)
    relation, checked = run.relation, 0
    expressions = [c for group in (*relation.tables, *relation.lookups) for c in group.components]
    expressions += [product.rest for product in relation.products]
    expressions += [bilinear.left for bilinear in relation.bilinears]
    for read in {read for expression in expressions for _, read in expression.terms}:
        if read.column in publics:
            point = Table.point(rng, len(apply(read.view, run.cells[read.column])).bit_length() - 1)
            dense = value_at(apply(read.view, run.cells[read.column]) % R, point)
            assert evaluate(read.view, publics[read.column], point) == dense
            checked += 1
    assert checked
