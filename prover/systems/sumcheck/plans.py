"""A relation with every read numbered and every view made ready: what no proof changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
from numpy.typing import NDArray

from avow.prover.errors import Refused
from avow.prover.systems.sumcheck.folding import Folding, make_folding
from avow.prover.systems.sumcheck.forms import Claim, Form, make_forms
from avow.prover.systems.sumcheck.points import Positions
from avow.prover.systems.sumcheck.wiring import Cells, Wiring
from avow.verifier.relation.relation import (
    Axis,
    Bilinear,
    Digit,
    Expression,
    Fixed,
    Kind,
    Lookup,
    Read,
    Relation,
    Table,
)
from avow.verifier.relation.views import bits, identity, size
from avow.verifier.systems.sumcheck.frame import Frame
from avow.verifier.systems.sumcheck.stack import helpers

Axes = Sequence[Axis]

RANGES = 0
_WORD = 2**64


@dataclass(frozen=True, slots=True)
class Terms:
    """An expression over numbered reads; `variables` are those of its layout."""

    variables: int
    terms: tuple[tuple[int, int], ...]

    def cells(self, read: Callable[[int], Cells]) -> Cells:
        """The expression at every padded cell.

        Sums wrap round 2^64: every expression of an honest run fits 63 bits, its parts may not.
        """
        total: Cells | None = None
        for coefficient, number in self.terms:
            part = read(number)
            if part.dtype != object:
                coefficient = (coefficient + _WORD // 2) % _WORD - _WORD // 2
            if coefficient != 1:
                part = part * coefficient
            total = part if total is None else total + part
        return np.zeros(2**self.variables, np.int64) if total is None else total


@dataclass(frozen=True, slots=True)
class TablePlan:
    """A table; `lengths` are how many cells each of its coordinates can name."""

    components: tuple[Terms, ...]
    live: Terms
    multiplicity: int
    lengths: tuple[int, ...]

    @property
    def variables(self) -> int:
        """Of the table's own columns."""
        return self.live.variables


@dataclass(frozen=True, slots=True)
class LookupPlan:
    """A lookup; `width` is the j of a range check, None in the table of a blob."""

    table: int
    components: tuple[Terms, ...]
    live: Terms
    width: int | None

    @property
    def variables(self) -> int:
        """Of its helper column."""
        return self.live.variables


@dataclass(frozen=True, slots=True)
class ProductPlan:
    """left * right + rest = 0."""

    factors: tuple[Terms, Terms] | None
    rest: Terms


@dataclass(frozen=True, slots=True)
class FactorPlan:
    """One side of a bilinear: (coefficient, read), and where they are evaluated."""

    terms: tuple[tuple[int, int], ...]
    positions: Positions
    foldings: tuple[Folding, ...]


@dataclass(frozen=True, slots=True)
class BilinearPlan:
    """A bilinear over numbered reads.

    `point` is where the summed axes are evaluated, `lengths` their bits; `shared` has for each
    axis that is also one of the result's its number and the positions of the result's.
    """

    sides: tuple[FactorPlan, FactorPlan]
    point: Positions
    lengths: tuple[int, ...]
    shared: tuple[tuple[int, Positions], ...]


@dataclass(slots=True)
class Plan:
    """All of a relation by numbers.

    `leaves`, `claimed` and `factored` are the reads that are evaluated after the layers and the
    two sumchecks, `forms` those of all claims in their order, a batch's inputs and outputs last;
    `logstrip` is their strips' length. `evaluated` are the reads that are needed cell by cell.
    """

    frame: Frame
    reads: list[Wiring] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    tables: list[TablePlan] = field(default_factory=list)
    lookups: list[LookupPlan] = field(default_factory=list)
    products: list[ProductPlan] = field(default_factory=list)
    bilinears: list[BilinearPlan] = field(default_factory=list)
    digits: dict[int, Terms] = field(default_factory=dict)
    leaves: list[tuple[int, Positions]] = field(default_factory=list)
    claimed: list[tuple[int, Positions]] = field(default_factory=list)
    factored: list[tuple[int, Positions]] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    logstrip: int = 0
    evaluated: set[int] = field(default_factory=set)

    @property
    def relation(self) -> Relation:
        """What is proven."""
        return self.frame.relation

    def is_public(self, read: int) -> bool:
        """Whether the verifier evaluates that read itself."""
        return self.relation.columns[self.columns[read]].kind is Kind.PUBLIC

    def is_fixed(self, read: int) -> bool:
        """Whether the read is of a column that the program and the key fix."""
        column = self.relation.columns[self.columns[read]]
        return column.kind is Kind.KEY or isinstance(column.source, Fixed)


def make_plan(frame: Frame) -> Plan:
    """Number the reads of a relation and make every view ready."""
    relation = frame.relation
    plan = Plan(frame)
    known: dict[Read, int] = {}

    def number(read: Read) -> int:
        if read not in known:
            known[read] = len(plan.reads)
            plan.reads.append(Wiring(read.view))
            plan.columns.append(read.column)
        return known[read]

    def terms(expression: Expression) -> Terms:
        numbered = tuple((factor, number(read)) for factor, read in expression.terms)
        plan.evaluated.update(read for _, read in numbered)
        return Terms(expression.variables, numbered)

    def factor(bilinear: Bilinear, expression: Expression, axes: Axes, at: Positions) -> FactorPlan:
        numbered = tuple((coefficient, number(read)) for coefficient, read in expression.terms)
        foldings = tuple(
            make_folding(plan.reads[read], axes, at, bilinear.summed) for _, read in numbered
        )
        return FactorPlan(numbered, at, foldings)

    def claim(read: int, positions: Positions) -> Claim:
        column = plan.columns[read]
        in_key = relation.columns[column].kind is Kind.KEY
        return in_key, frame.starts[column], plan.reads[read], positions

    for table in relation.tables:
        plan.tables.append(_table(table, terms))
    for lookup in relation.lookups:
        plan.lookups.append(_lookup(lookup, relation, terms))
    for product in relation.products:
        factors = product.factors and (terms(product.factors[0]), terms(product.factors[1]))
        plan.products.append(ProductPlan(factors, terms(product.rest)))
    for bilinear in relation.bilinears:
        left, right = (
            factor(bilinear, expression, axes, positions)
            for (expression, positions), axes in zip(
                frame.sides(bilinear), (bilinear.left_axes, bilinear.right_axes), strict=True
            )
        )
        plan.bilinears.append(_bilinear(bilinear, frame, left, right))
    for at, column in enumerate(relation.columns):
        if isinstance(column.source, Digit):
            plan.digits[at] = terms(column.source.expression)
    plan.leaves = [(number(read), positions) for read, positions in frame.leaves()]
    plan.claimed = [(number(read), frame.tail(size(read.view.outs))) for read in relation.reads()]
    plan.factored = [(number(read), positions) for read, positions in frame.factors()]
    plan.evaluated.update(read for read, _ in (*plan.leaves, *plan.claimed))
    ends = frame.ends() if relation.batch > 1 else []
    plan.forms, plan.logstrip = make_forms(
        [
            *(claim(*spot) for spot in (*plan.leaves, *plan.claimed)),
            *(
                (False, frame.starts[helper], Wiring(identity((2**v,))), frame.tail(v))
                for helper, v in enumerate(helpers(relation), len(relation.columns))
            ),
            *(claim(*spot) for spot in plan.factored),
            *(claim(number(read), positions) for read, positions in ends),
        ],
        frame.stack.logrows,
        frame.stack.key_logrows,
    )
    return plan


def _table(table: Table, terms: Callable[[Expression], Terms]) -> TablePlan:
    components = tuple(terms(component) for component in table.components)
    lengths = tuple(prod(axes) for axes in table.live.layout)
    return TablePlan(components, terms(table.live), table.multiplicity, lengths)


def _lookup(lookup: Lookup, relation: Relation, terms: Callable[[Expression], Terms]) -> LookupPlan:
    components = tuple(terms(component) for component in lookup.components)
    width = None
    if lookup.table == RANGES:
        width = sum(factor for factor, _ in lookup.components[1].terms)
    elif len(relation.tables[lookup.table].components) != len(components):
        raise Refused("a lookup has other components than its table")
    return LookupPlan(lookup.table, components, terms(lookup.live), width)


def _bilinear(
    bilinear: Bilinear, frame: Frame, left: FactorPlan, right: FactorPlan
) -> BilinearPlan:
    tail = frame.layers + frame.variables
    result = frame.relation.columns[bilinear.result].lengths
    shared = []
    for summed, axis in bilinear.shared:
        start = tail - size(result[axis:])
        shared.append((summed, tuple(range(start, start + bits(result[axis])))))
    return BilinearPlan(
        (left, right),
        tuple(range(tail + frame.summed - size(bilinear.summed), tail + frame.summed)),
        tuple(bits(length) for length in bilinear.summed),
        tuple(shared),
    )


def row_of(components: Sequence[Cells], lengths: Sequence[int]) -> NDArray[np.int64]:
    """The padded row of a blob's table whose coordinates these are; -1 outside."""
    row = np.zeros(len(components[0]), np.int64)
    outside = np.zeros(len(row), bool)
    for coordinate, length in zip(components, lengths, strict=True):
        outside |= (coordinate < 0) | (coordinate >= length)
        row = (row << bits(length)) + coordinate
    row[outside] = -1
    return row
