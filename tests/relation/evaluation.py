"""A relation on integers: fill its columns from a run, apply its views, and say what is broken.

Written from the docstrings of views and relation alone, cell by cell, so that it can disagree with
`View.coefficient`, with the lowering and with every prover.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from avow.models.program.blobs import integers
from avow.models.program.reference import Reference
from avow.verifier.program import operations as op
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program, check
from avow.verifier.relation.lower import lower
from avow.verifier.relation.relation import (
    Bilinear,
    Column,
    Constant,
    Digit,
    Excess,
    Expression,
    Fixed,
    Lookup,
    Multiplicity,
    Relation,
    Remainder,
    Table,
    Value,
)
from avow.verifier.relation.views import Lengths, View, bits

# Python integers, one for each padded cell, row-major.
Cells = NDArray[np.object_]


def padded(lengths: Lengths) -> tuple[int, ...]:
    """The padded lengths of axes."""
    return tuple(2 ** bits(n) for n in lengths)


def is_live(lengths: Lengths) -> NDArray[np.bool_]:
    """Which padded cells are live."""
    mask = np.zeros(padded(lengths), bool)
    mask[tuple(slice(n) for n in lengths)] = True
    return mask.reshape(-1)


def pad(values: NDArray[np.int64], lengths: Lengths) -> Cells:
    """The cells of a column whose live ones hold these values."""
    cells = np.zeros(padded(lengths), object)
    cells[tuple(slice(n) for n in lengths)] = values.astype(object).reshape(lengths)
    return cells.reshape(-1)


@cache
def joined(view: View) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All pairs (padded cell of the result, padded cell of the source) that a view joins."""
    outs, ins = padded(view.outs), padded(view.ins)
    links = []
    for link in view.links:
        if link.pairs is None:
            count = outs[link.outs[0]]
            assert view.outs[link.outs[0]] == view.ins[link.ins[0]]
            links.append([({link.outs[0]: k}, {link.ins[0]: k}) for k in range(count)])
        else:
            links.append(
                [(_at(o, link.outs, view.outs), _at(i, link.ins, view.ins)) for o, i in link.pairs]
            )
    pairs = []
    for chosen in itertools.product(*links):
        o = {axis: k for result, _ in chosen for axis, k in result.items()}
        i = {axis: k for _, source in chosen for axis, k in source.items()}
        assert (len(o), len(i)) == (len(outs), len(ins)), "an axis without a link"
        pairs.append((_flat(o, outs), _flat(i, ins)))
    both = np.array(pairs, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _at(index: int, axes: tuple[int, ...], lengths: Lengths) -> dict[int, int]:
    shape = tuple(lengths[axis] for axis in axes)
    assert 0 <= index < math.prod(shape)
    return dict(zip(axes, map(int, np.unravel_index(index, shape)), strict=True)) if axes else {}


def _flat(at: dict[int, int], shape: tuple[int, ...]) -> int:
    place = 0
    for axis, n in enumerate(shape):
        place = place * n + at[axis]
    return place


def apply(view: View, cells: Cells) -> Cells:
    """The cells of a view of a column."""
    result = np.zeros(math.prod(padded(view.outs)), object)
    outs, ins = joined(view)
    np.add.at(result, outs, cells[ins])
    return result


@dataclass
class Run:
    """A relation and the cells of all its columns; equations are meant modulo `modulus`, if any."""

    relation: Relation
    cells: list[Cells]
    modulus: int | None = None
    cut: list[str] = field(default_factory=list)

    def value(self, expression: Expression) -> Cells:
        """The cells of an expression."""
        total = np.zeros(math.prod(padded(expression.lengths)), object)
        for factor, read in expression.terms:
            assert read.view.outs == expression.lengths
            assert read.view.ins == self.relation.columns[read.column].lengths
            total += factor * apply(read.view, self.cells[read.column])
        return self._reduced(total)

    def _reduced(self, cells: Cells) -> Cells:
        return cells if self.modulus is None else cells % self.modulus

    def broken(self) -> list[str]:
        """Every equation that does not hold, at dead cells too."""
        return [*self._lookups(), *self._products(), *self._bilinears()]

    def rows(self, group: Table | Lookup) -> list[tuple[int, ...]]:
        """The components at the live cells."""
        live = self.value(group.live)
        assert np.array_equal(live, is_live(group.live.lengths).astype(object))
        components = [self.value(component) for component in group.components]
        return [tuple(c[k] for c in components) for k in np.flatnonzero(live)]

    def _lookups(self) -> Iterator[str]:
        tables = [set(self.rows(table)) for table in self.relation.tables]
        for number, lookup in enumerate(self.relation.lookups):
            missing = set(self.rows(lookup)) - tables[lookup.table]
            if missing:
                yield f"lookup {number} misses {sorted(missing)[:3]}"

    def _products(self) -> Iterator[str]:
        for number, product in enumerate(self.relation.products):
            total = self.value(product.rest)
            if product.factors:
                left, right = product.factors
                total = self._reduced(total + self.value(left) * self.value(right))
            if total.any():
                yield f"product {number} is {total[np.flatnonzero(total)[0]]}"

    def _bilinears(self) -> Iterator[str]:
        for number, bilinear in enumerate(self.relation.bilinears):
            difference = self.bilinear(bilinear) - self.cells[bilinear.result]
            if self._reduced(difference).any():
                yield f"bilinear {number} is wrong"

    def bilinear(self, bilinear: Bilinear) -> Cells:
        """bias + sum of left * right at every cell."""
        lengths = self.relation.columns[bilinear.result].lengths
        shared = dict(bilinear.shared)
        labels = []
        factors = []
        for expression, axes in (
            (bilinear.left, bilinear.left_axes),
            (bilinear.right, bilinear.right_axes),
        ):
            names = []
            for axis, length in zip(axes, expression.lengths, strict=True):
                if axis.summed and axis.number not in shared:
                    assert bilinear.summed[axis.number] == length
                    names.append(len(lengths) + axis.number)
                else:
                    name = shared[axis.number] if axis.summed else axis.number
                    assert lengths[name] == length
                    names.append(name)
            assert len(set(names)) == len(names)
            labels.append(names)
            factors.append(self.value(expression).reshape(padded(expression.lengths)))
        # At a random point, an axis of the result that both factors have must be summed with eq,
        # and any other must be an axis of exactly one.
        result = list(range(len(lengths)))
        both = set(labels[0]) & set(labels[1]) & set(result)
        assert both == set(shared.values())
        assert set(labels[0]) | set(labels[1]) >= set(result)
        products = np.einsum(factors[0], labels[0], factors[1], labels[1], result)
        total = np.asarray(products, object).reshape(-1)
        return total if bilinear.bias is None else total + self.value(bilinear.bias)


def relation_of(program: Program, blobs: Sequence[Blob], width: int, batch: int) -> Relation:
    """The relation of a program, with the intervals that follow from its blobs."""
    gathers = {
        step.operation.indices: tuple(blobs[step.operation.indices].values())
        for step in program.steps
        if isinstance(step.operation, op.Gather)
    }
    return lower(program, check(program, blobs), gathers, width, batch)


def honest_run(
    program: Program, blobs: Sequence[Blob], inputs: Sequence[NDArray[np.int64]], width: int
) -> Run:
    """The columns of an honest prover; inputs are arrays (batch, *shape)."""
    trace = Reference(program, blobs).trace(inputs)
    return fill(relation_of(program, blobs, width, len(inputs[0])), program, blobs, trace)


def fill(
    relation: Relation,
    program: Program,
    blobs: Sequence[Blob],
    trace: Sequence[NDArray[np.int64]],
) -> Run:
    """The columns of a run whose tensors are known."""
    run = Run(relation, [])
    counts: list[Counter[tuple[int, ...]]] = []
    for column in relation.columns:
        # A digit stands behind the columns of its expression; multiplicities wait.
        run.cells.append(_cells(run, column, program, blobs, trace))
    for number, _ in enumerate(relation.tables):
        counts.append(Counter())
        for lookup in relation.lookups:
            if lookup.table == number:
                counts[number].update(run.rows(lookup))
    for at, column in enumerate(relation.columns):
        if isinstance(column.source, Multiplicity):
            table = relation.tables[column.source.table]
            values = [counts[column.source.table].pop(row, 0) for row in run.rows(table)]
            run.cells[at] = pad(np.array(values), column.lengths)
    return run


def _cells(
    run: Run,
    column: Column,
    program: Program,
    blobs: Sequence[Blob],
    trace: Sequence[NDArray[np.int64]],
) -> Cells:
    def operation(tensor: int) -> op.Operation:
        return program.steps[tensor - len(program.inputs)].operation

    match column.source:
        case Value(tensor):
            return pad(trace[tensor], column.lengths)
        case Constant(blob):
            return pad(integers(blobs[blob]), column.lengths)
        case Fixed(values):
            return pad(np.array(values), column.lengths)
        case Excess(tensor, above):
            rescale = operation(tensor)
            assert isinstance(rescale, op.Rescale)
            half = 2 ** (rescale.bits - 1) if rescale.bits else 0
            rounded = (trace[rescale.of[0]] + half) >> rescale.bits
            difference = rounded - trace[tensor] if above else trace[tensor] - rounded
            return pad(np.maximum(difference, 0), column.lengths)
        case Remainder(tensor):
            n, d = operation(tensor).of
            return pad(trace[n] - trace[tensor] * trace[d], column.lengths)
        case Digit(expression, low, width):
            return np.array([(v >> low) % 2**width for v in run.value(expression)], object)
        case Multiplicity():
            return pad(np.zeros(column.lengths, np.int64), column.lengths)
