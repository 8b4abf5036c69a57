"""The relation as it grows: naming columns, combining and re-indexing expressions, equations.

Every equation is kept at dead cells too, where honest columns are zero, but nothing depends on
that: at a live cell a view reads live cells only. So the live cells of all columns satisfy their
equations whatever the dead ones hold.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from avow.verifier.errors import VerificationError
from avow.verifier.program.operations import Shape
from avow.verifier.relation.relation import (
    Column,
    Constant,
    Digit,
    Expression,
    Fixed,
    Kind,
    Layout,
    Lookup,
    Multiplicity,
    Product,
    Read,
    Relation,
    Source,
    Table,
    Value,
    flat,
)
from avow.verifier.relation.views import (
    MAX_PAIRS,
    Budget,
    Lengths,
    Link,
    Pairs,
    View,
    compose,
    identity,
)


@dataclass(frozen=True, slots=True)
class Remap:
    """An axis of a result: that axis of the source as it is, or cells of it joined by pairs."""

    source: int | None
    axes: Lengths = ()
    pairs: Pairs | None = None


def same(count: int) -> Pairs:
    """Every cell of an axis joined to the same one."""
    if count > MAX_PAIRS:
        raise VerificationError("program", f"a view joins {count} cells, more than {MAX_PAIRS}")
    return tuple((k, k) for k in range(count))


def repeated(count: int) -> Pairs:
    """One cell of the source at every cell of the result."""
    return tuple((o, 0) for o, _ in same(count))


def axes_of(lengths: Iterable[int]) -> Lengths:
    """The padded axes that these lengths need: an axis of length 1 needs none."""
    return tuple(n for n in lengths if n > 1)


def starts(layout: Layout) -> list[tuple[int, ...]]:
    """The positions of every axis's padded axes."""
    positions, at = [], 0
    for axes in layout:
        positions.append(tuple(range(at, at + len(axes))))
        at += len(axes)
    return positions


@dataclass(slots=True)
class Sheet:
    """A relation under construction.

    `width` is the number of bits of its range table, `tables` has the table of a key's column.
    """

    relation: Relation
    width: int
    known: dict[Column, int] = field(default_factory=dict)
    ones: dict[Layout, Expression] = field(default_factory=dict)
    tables: dict[int, int] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)

    def plain(self, shape: Shape) -> Layout:
        """The layout of a tensor of the program without composite axes."""
        return tuple(axes_of((n,)) for n in (self.relation.batch, *shape))

    # Columns and expressions.

    def number(self, column: Column) -> int:
        """The number of a column; one that has two uses is kept once."""
        number = self.known.get(column)
        if number is None:
            number = len(self.relation.columns)
            self.relation.columns.append(column)
            if not isinstance(column.source, Digit):
                self.known[column] = number
        return number

    def column(self, kind: Kind, layout: Layout, source: Source) -> Expression:
        """A column as it stands."""
        lengths = flat(layout)
        number = self.number(Column(kind, lengths, source))
        return Expression(layout, ((1, Read(number, identity(lengths))),))

    def end(self, shape: Shape, number: int) -> Expression:
        """An input or output: everybody's in a proof of one sample, the prover's in a batch."""
        kind = Kind.PUBLIC if self.relation.batch == 1 else Kind.WITNESS
        column = self.column(kind, self.plain(shape), Value(number))
        self.relation.ends.append(column.terms[0][1].column)
        return column

    def key(self, layout: Layout, blob: int) -> Expression:
        """A constant of the program, over axes without the batch."""
        return self.column(Kind.KEY, layout, Constant(blob))

    def result(self, layout: Layout, number: int) -> Expression:
        """That tensor of the program, committed by the prover."""
        return self.column(Kind.WITNESS, layout, Value(number))

    def one(self, layout: Layout) -> Expression:
        """1 at every live cell."""
        if layout not in self.ones:
            number = self.number(Column(Kind.PUBLIC, (), Fixed((1,))))
            lengths = flat(layout)
            self.budget.spend(sum(lengths))
            links = tuple(Link((axis,), (), repeated(n)) for axis, n in enumerate(lengths))
            read = Read(number, View(lengths, (), links))
            self.ones[layout] = Expression(layout, ((1, read),))
        return self.ones[layout]

    def combine(self, parts: Sequence[tuple[int, Expression]], constant: int = 0) -> Expression:
        """sum of coefficient * expression, plus the constant at every live cell."""
        layout = parts[0][1].layout
        if constant:
            parts = [*parts, (constant, self.one(layout))]
        terms: dict[Read, int] = {}
        for coefficient, part in parts:
            for factor, read in self.arrange(part, layout).terms:
                terms[read] = terms.get(read, 0) + coefficient * factor
        return Expression(layout, tuple((factor, read) for read, factor in terms.items() if factor))

    def through(self, expression: Expression, layout: Layout, view: View) -> Expression:
        """A view of an expression."""
        self.budget.spend(view.pairs)
        terms = tuple(
            (factor, Read(read.column, compose(view, read.view, self.budget)))
            for factor, read in expression.terms
        )
        return Expression(layout, terms)

    def remap(
        self, expression: Expression, remaps: Sequence[Remap], summed: Sequence[int] = ()
    ) -> Expression:
        """Each axis of the result from one of the source or none; `summed` ones disappear."""
        at = starts(expression.layout)
        layout: list[Lengths] = []
        links: list[Link] = []
        for remap in remaps:
            ins = () if remap.source is None else at[remap.source]
            whole = remap.pairs is None and remap.source is not None
            axes = expression.layout[remap.source or 0] if whole else remap.axes
            first = len(flat(tuple(layout)))
            outs = tuple(range(first, first + len(axes)))
            if whole:
                links += [Link((o,), (i,), None) for o, i in zip(outs, ins, strict=True)]
            elif outs or ins or remap.pairs != ((0, 0),):
                links.append(Link(outs, ins, remap.pairs or ()))
            layout.append(axes)
        for axis in summed:
            if at[axis]:
                count = math.prod(expression.layout[axis])
                links.append(Link((), at[axis], tuple((0, i) for i, _ in same(count))))
        view = View(flat(tuple(layout)), expression.lengths, tuple(links))
        return self.through(expression, tuple(layout), view)

    def along(self, column: Expression, layout: Layout, axis: int) -> Expression:
        """A column over one axis of a layout, repeated over all others."""
        remaps = [
            Remap(0) if at == axis else Remap(None, axes, repeated(math.prod(axes)))
            for at, axes in enumerate(layout)
        ]
        return self.remap(column, remaps)

    def arrange(self, expression: Expression, layout: Layout) -> Expression:
        """The same tensor over other padded axes."""
        if expression.layout == layout:
            return expression
        remaps = [
            Remap(at) if old == new else Remap(at, new, same(math.prod(new)))
            for at, (old, new) in enumerate(zip(expression.layout, layout, strict=True))
        ]
        return self.remap(expression, remaps)

    def live(self, expression: Expression, axis: int) -> Expression:
        """The same tensor, with the dead cells of one axis cut off.

        A bilinear sums over dead cells too. Cut off, they count for nothing, whatever stands in
        the dead cells of the other factor.
        """
        cut = starts(expression.layout)[axis]
        links = tuple(
            Link((i,), (i,), same(n) if i in cut and n.bit_count() > 1 else None)
            for i, n in enumerate(expression.lengths)
        )
        view = View(expression.lengths, expression.lengths, links)
        return self.through(expression, expression.layout, view)

    # Equations.

    def zero(self, rest: Expression) -> None:
        """rest = 0."""
        self.relation.products.append(Product(None, rest))

    def product(self, left: Expression, right: Expression, rest: Expression | None = None) -> None:
        """left * right + rest = 0."""
        rest = rest or Expression(left.layout, ())
        self.relation.products.append(Product((left, right), rest))

    def table(self, components: tuple[Expression, ...]) -> int:
        """Another table; its number."""
        layout, number = components[0].layout, len(self.relation.tables)
        column = self.number(Column(Kind.WITNESS, flat(layout), Multiplicity(number)))
        self.relation.tables.append(Table(components, self.one(layout), column))
        return number

    def lookup(self, table: int, components: tuple[Expression, ...]) -> None:
        """At every live cell the components are a live row of the table."""
        live = self.one(components[0].layout)
        self.relation.lookups.append(Lookup(table, components, live))
