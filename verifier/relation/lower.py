"""From a program to its relation: which columns are committed and which equations they obey.

Tensors are expressions over views of columns. A column is committed only where an operation is
not linear with a public structure; all else is rewritten, and costs the prover no commitment.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from avow.verifier.errors import VerificationError
from avow.verifier.program import operations as op
from avow.verifier.program.intervals import Interval
from avow.verifier.program.program import Program
from avow.verifier.relation.relation import (
    Axis,
    Bilinear,
    Column,
    Constant,
    Digit,
    Excess,
    Expression,
    Fixed,
    Kind,
    Layout,
    Lookup,
    Multiplicity,
    Product,
    Read,
    Relation,
    Remainder,
    Source,
    Table,
    Value,
    flat,
)
from avow.verifier.relation.views import Lengths, Link, Pairs, View, compose, identity

# An expression of more terms than this is committed as a column of its own.
MAX_TERMS = 16
RANGES = 0


@dataclass(frozen=True, slots=True)
class Remap:
    """An axis of a result: that axis of the source as it is, or cells of it joined by pairs."""

    source: int | None
    length: int = 0
    pairs: Pairs | None = None


def lower(
    program: Program,
    bounds: Sequence[Interval],
    gathers: dict[int, tuple[int, ...]],
    width: int,
    batch: int,
) -> Relation:
    """Return the relation that a proof of `batch` runs of the program establishes.

    `bounds` holds an interval for every tensor, `gathers` the elements of every blob that a
    `gather` names, `width` is the number of bits of the range table.
    """
    lowering = _Lowering(program, bounds, gathers, width, Relation(batch))
    lowering.run()
    return lowering.relation


@dataclass(slots=True)
class _Lowering:
    program: Program
    bounds: Sequence[Interval]
    gathers: dict[int, tuple[int, ...]]
    width: int
    relation: Relation
    tensors: list[Expression] = field(default_factory=list)
    known: dict[Column, int] = field(default_factory=dict)
    by_blob: dict[tuple[int, int], int] = field(default_factory=dict)
    ones: dict[Layout, Expression] = field(default_factory=dict)

    def run(self) -> None:
        """Lower inputs, operations and outputs, in the program's order."""
        shapes = self.program.shapes()
        self._range_table()
        for number, spec in enumerate(self.program.inputs):
            self.tensors.append(self._column(Kind.PUBLIC, self._plain(spec.shape), Value(number)))
        for step in self.program.steps:
            number = len(self.tensors)
            lowered = self._operation(step.operation, number, shapes)
            if len(lowered.terms) > MAX_TERMS:
                committed = self._column(Kind.WITNESS, lowered.layout, Value(number))
                self._zero(None, self._combine([(1, lowered), (-1, committed)]))
                lowered = committed
            self.tensors.append(lowered)
        for output in self.program.outputs:
            # A column of its own, so that every output has one place in the statement.
            layout = self._plain(shapes[output.tensor])
            public = self._column(Kind.PUBLIC, layout, Value(output.tensor))
            answer = self._arrange(self.tensors[output.tensor], layout)
            self._zero(None, self._combine([(1, answer), (-1, public)]))

    # Columns and expressions.

    def _plain(self, shape: op.Shape) -> Layout:
        return tuple((n,) if n > 1 else () for n in (self.relation.batch, *shape))

    def _number(self, column: Column) -> int:
        # Key and public columns may be named twice; they are kept once.
        number = self.known.get(column)
        if number is None:
            number = len(self.relation.columns)
            self.relation.columns.append(column)
            if not isinstance(column.source, Digit):
                self.known[column] = number
        return number

    def _column(self, kind: Kind, layout: Layout, source: Source) -> Expression:
        lengths = flat(layout)
        number = self._number(Column(kind, lengths, source))
        return Expression(layout, ((1, Read(number, identity(lengths))),))

    def _one(self, layout: Layout) -> Expression:
        """1 at every live cell."""
        if layout in self.ones:
            return self.ones[layout]
        number = self._number(Column(Kind.PUBLIC, (), Fixed((1,))))
        lengths = flat(layout)
        links = tuple(
            Link((axis,), (), tuple((o, 0) for o in range(n))) for axis, n in enumerate(lengths)
        )
        one = Expression(layout, ((1, Read(number, View(lengths, (), links))),))
        self.ones[layout] = one
        return one

    def _combine(self, parts: Sequence[tuple[int, Expression]], constant: int = 0) -> Expression:
        layout = parts[0][1].layout
        if constant:
            parts = [*parts, (constant, self._one(layout))]
        terms: dict[Read, int] = {}
        for coefficient, part in parts:
            for factor, read in self._arrange(part, layout).terms:
                terms[read] = terms.get(read, 0) + coefficient * factor
        return Expression(layout, tuple((factor, read) for read, factor in terms.items() if factor))

    def _through(self, expression: Expression, layout: Layout, view: View) -> Expression:
        terms = tuple(
            (factor, Read(read.column, compose(view, read.view)))
            for factor, read in expression.terms
        )
        return Expression(layout, terms)

    def _remap(
        self, expression: Expression, remaps: Sequence[Remap], summed: Sequence[int] = ()
    ) -> Expression:
        """Each axis of the result from one of the source or none; `summed` ones disappear."""
        starts = _starts(expression.layout)
        layout: list[Lengths] = []
        lengths: list[int] = []
        links: list[Link] = []
        for remap in remaps:
            ins = () if remap.source is None else starts[remap.source]
            if remap.pairs is None and remap.source is not None:
                axes = expression.layout[remap.source]
                links += [Link((len(lengths) + k,), (at,), None) for k, at in enumerate(ins)]
            else:
                axes = (remap.length,) if remap.length > 1 else ()
                outs = tuple(range(len(lengths), len(lengths) + len(axes)))
                if outs or ins or remap.pairs != ((0, 0),):
                    links.append(Link(outs, ins, remap.pairs or ()))
            layout.append(axes)
            lengths += axes
        for axis in summed:
            if starts[axis]:
                count = math.prod(expression.layout[axis])
                links.append(Link((), starts[axis], tuple((0, i) for i in range(count))))
        view = View(tuple(lengths), expression.lengths, tuple(links))
        return self._through(expression, tuple(layout), view)

    def _arrange(self, expression: Expression, layout: Layout) -> Expression:
        """The same tensor over other padded axes."""
        if expression.layout == layout:
            return expression
        ins, outs = _starts(expression.layout), _starts(layout)
        links: list[Link] = []
        for axis, (old, new) in enumerate(zip(expression.layout, layout, strict=True)):
            if old == new:
                links += [
                    Link((o,), (i,), None) for o, i in zip(outs[axis], ins[axis], strict=True)
                ]
            else:
                pairs = tuple((k, k) for k in range(math.prod(new)))
                links.append(Link(outs[axis], ins[axis], pairs))
        return self._through(
            expression, layout, View(flat(layout), expression.lengths, tuple(links))
        )

    def _live(self, expression: Expression, axis: int) -> Expression:
        """The same tensor, with the dead cells of one axis cut off."""
        lengths, starts = expression.lengths, _starts(expression.layout)
        links = [
            Link(
                (at,),
                (at,),
                tuple((k, k) for k in range(n)) if at in starts[axis] and n & (n - 1) else None,
            )
            for at, n in enumerate(lengths)
        ]
        return self._through(expression, expression.layout, View(lengths, lengths, tuple(links)))

    # Equations.

    def _zero(self, factors: tuple[Expression, Expression] | None, rest: Expression) -> None:
        self.relation.products.append(Product(factors, rest))

    def _table(self, components: tuple[Expression, ...]) -> int:
        layout, number = components[0].layout, len(self.relation.tables)
        column = self._number(Column(Kind.WITNESS, flat(layout), Multiplicity(number)))
        self.relation.tables.append(Table(components, self._one(layout), column))
        return number

    def _range_table(self) -> None:
        """Row 2^j + v holds (v, j) for every v below 2^j; row 0 repeats (0, 0)."""
        rows = 2 ** (self.width + 1)
        tops = [max(row, 1).bit_length() - 1 for row in range(rows)]
        values = tuple(max(row, 1) - 2**top for row, top in zip(range(rows), tops, strict=True))
        layout = ((rows,),)
        self._table(
            (
                self._column(Kind.PUBLIC, layout, Fixed(values)),
                self._column(Kind.PUBLIC, layout, Fixed(tuple(tops))),
            )
        )

    def _range(self, expression: Expression, largest: int) -> None:
        """Establish that every live cell lies in [0, 2^j), the smallest such with `largest`."""
        width = largest.bit_length()
        rest = expression
        for low in range(self.width, width, self.width):
            part = min(self.width, width - low)
            digit = self._column(Kind.WITNESS, expression.layout, Digit(expression, low, part))
            self._range(digit, 2**part - 1)
            rest = self._combine([(1, rest), (-(2**low), digit)])
        one = self._one(expression.layout)
        width = min(width, self.width)
        components = (rest, Expression(one.layout, ((width, one.terms[0][1]),) if width else ()))
        self.relation.lookups.append(Lookup(RANGES, components, one))

    # Operations.

    def _operation(
        self, operation: op.Operation, number: int, shapes: Sequence[op.Shape]
    ) -> Expression:
        of = [self.tensors[at] for at in operation.of]
        match operation:
            case op.Constant(blob=blob):
                return self._constant(blob, shapes[number])
            case op.Dense():
                return self._dense(operation, of[0], number)
            case op.Convolution():
                return self._convolution(operation, of[0], shapes[operation.of[0]], number)
            case op.Contract():
                return self._contract(of[0], of[1], number)
            case op.Multiply():
                result = self._column(Kind.WITNESS, of[0].layout, Value(number))
                factors = (of[0], self._arrange(of[1], of[0].layout))
                self._zero(factors, self._combine([(-1, result)]))
                return result
            case op.Affine(coefficients=coefficients, constant=constant):
                return self._combine(list(zip(coefficients, of, strict=True)), constant)
            case op.Rescale():
                return self._rescale(operation, of[0], number)
            case op.Divide():
                return self._divide(of[0], self._arrange(of[1], of[0].layout), number)
            case op.Maximum():
                return self._maximum(of[0], self._arrange(of[1], of[0].layout), number)
            case op.Table(blob=blob, first=first):
                result = self._column(Kind.WITNESS, of[0].layout, Value(number))
                row = self._combine([(1, of[0])], -first)
                self._lookup(self._blob_table(blob, ((self._count(blob),),)), (row, result))
                return result
            case op.LookupRow(blob=blob):
                return self._lookup_row(blob, of[0], number)
            case op.Sum(axes=axes):
                summed = [axis + 1 for axis in axes]
                kept = [axis for axis in range(len(of[0].layout)) if axis not in summed]
                return self._remap(of[0], [Remap(axis) for axis in kept], summed)
            case _:
                return self._view(operation, of, [shapes[at] for at in operation.of], number)

    def _count(self, blob: int) -> int:
        return self.program.blobs[blob].count

    def _constant(self, blob: int, shape: op.Shape) -> Expression:
        rest = self._plain(shape)[1:]
        column = self._column(Kind.KEY, rest, Constant(blob))
        repeated = [Remap(None, self.relation.batch, _repeat(self.relation.batch))]
        return self._remap(column, repeated + [Remap(axis) for axis in range(len(rest))])

    def _bilinear(
        self,
        layout: Layout,
        number: int,
        bias: Expression | None,
        left: tuple[Expression, tuple[Axis, ...]],
        right: tuple[Expression, tuple[Axis, ...]],
        summed: Lengths,
        shared: tuple[tuple[int, int], ...] = (),
    ) -> Expression:
        result = self._column(Kind.WITNESS, layout, Value(number))
        column = result.terms[0][1].column
        self.relation.bilinears.append(Bilinear(column, bias, *left, *right, summed, shared))
        return result

    def _bias(self, blob: int, layout: Layout, axis: int) -> Expression:
        """A bias along one axis, repeated over all others."""
        column = self._column(Kind.KEY, (layout[axis],), Constant(blob))
        remaps = [
            Remap(0) if at == axis else Remap(None, math.prod(axes), _repeat(math.prod(axes)))
            for at, axes in enumerate(layout)
        ]
        return self._arrange(self._remap(column, remaps), layout)

    def _dense(self, operation: op.Dense, x: Expression, number: int) -> Expression:
        outputs = self.program.blobs[operation.weight].shape[0]
        inner = x.layout[-1]
        out: Lengths = (outputs,) if outputs > 1 else ()
        layout = (*x.layout[:-1], out)
        before = len(flat(x.layout[:-1]))
        summed = tuple(Axis(True, k) for k in range(len(inner)))
        return self._bilinear(
            layout,
            number,
            self._bias(operation.bias, layout, len(layout) - 1),
            (x, (*(Axis(False, k) for k in range(before)), *summed)),
            (
                self._column(Kind.KEY, (out, inner), Constant(operation.weight)),
                (*(Axis(False, before + k) for k in range(len(out))), *summed),
            ),
            inner,
        )

    def _convolution(
        self, operation: op.Convolution, x: Expression, shape: op.Shape, number: int
    ) -> Expression:
        """Dense over a view of x with the axes (batch, B, group, channel, then place and tap)."""
        outputs, channels, *kernel = self.program.blobs[operation.weight].shape
        groups = operation.groups
        if groups > 1:
            plain = (*x.layout[:2], _subs(groups, channels), *x.layout[3:])
            x = self._arrange(x, plain)
        places: list[int] = []
        starts = _starts(x.layout)
        links = [Link((k,), (k,), None) for k in range(len(flat(x.layout[:3])))]
        lengths = list(flat(x.layout[:3]))
        axes = [Axis(False, k) for k in range(len(flat(x.layout[:2])))]
        group = (groups,) if groups > 1 else ()
        summed = list(flat(x.layout[2:3]))
        axes += [Axis(True, k) for k in range(len(summed))]
        out = _subs(groups, outputs // groups)
        result_axis = len(flat(x.layout[:2])) + len(out)
        for axis, taps in enumerate(kernel):
            length, stride = shape[2 + axis], operation.strides[axis]
            dilation, pad = operation.dilations[axis], operation.pads_before[axis]
            span = length + pad + operation.pads_after[axis] - dilation * (taps - 1) - 1
            count = span // stride + 1
            pairs = tuple(
                (place * taps + tap, spot)
                for place in range(count)
                for tap in range(taps)
                if 0 <= (spot := place * stride + tap * dilation - pad) < length
            )
            outs = []
            for n, is_tap in ((count, False), (taps, True)):
                if n > 1:
                    outs.append(len(lengths))
                    lengths.append(n)
                    axes.append(Axis(is_tap, len(summed) if is_tap else result_axis))
                    summed += [n] if is_tap else []
                    result_axis += not is_tap
            links.append(Link(tuple(outs), starts[3 + axis], pairs))
            places.append(count)
        view = View(tuple(lengths), x.lengths, tuple(links))
        left = self._through(x, tuple((n,) for n in lengths), view)
        layout = (*x.layout[:2], out, *((n,) if n > 1 else () for n in places))
        first = len(flat(x.layout[:2]))
        weights = (group, out[len(group) :], tuple(summed[len(group) :]))
        right_axes = (
            *(Axis(True, k) for k in range(len(group))),
            *(Axis(False, first + k) for k in range(len(group), len(out))),
            *(Axis(True, k) for k in range(len(group), len(summed))),
        )
        return self._bilinear(
            layout,
            number,
            self._bias(operation.bias, layout, 2),
            (left, tuple(axes)),
            (self._column(Kind.KEY, weights, Constant(operation.weight)), right_axes),
            tuple(summed),
            tuple((k, first + k) for k in range(len(group))),
        )

    def _contract(self, a: Expression, b: Expression, number: int) -> Expression:
        # The batch and the leading axes are shared; dead cells of the inner axis must not count.
        a = self._live(a, len(a.layout) - 1)
        b = self._arrange(b, (*a.layout[:-2], a.layout[-1], b.layout[-1]))
        shared, rows, inner, columns = flat(a.layout[:-2]), *a.layout[-2:], b.layout[-1]
        layout = (*a.layout[:-2], rows, columns)
        summed = (*shared, *inner)
        common = tuple(Axis(True, k) for k in range(len(shared)))
        deep = tuple(Axis(True, len(shared) + k) for k in range(len(inner)))
        first = len(shared)
        a_axes = (*common, *(Axis(False, first + k) for k in range(len(rows))), *deep)
        last = first + len(rows)
        b_axes = (*common, *deep, *(Axis(False, last + k) for k in range(len(columns))))
        pairs = tuple((k, k) for k in range(len(shared)))
        return self._bilinear(layout, number, None, (a, a_axes), (b, b_axes), summed, pairs)

    def _rescale(self, operation: op.Rescale, a: Expression, number: int) -> Expression:
        """t + above - below is the rounded quotient; the two are only non-zero at a clamp."""
        half = 2 ** (operation.bits - 1) if operation.bits else 0
        before, after = self.bounds[operation.of[0]], self.bounds[number]
        raw_low, raw_high = ((x + half) >> operation.bits for x in (before.low, before.high))
        low, high = operation.low, operation.high
        below = self._excess(number, a.layout, False) if low is not None and raw_low < low else None
        above = (
            self._excess(number, a.layout, True) if high is not None and raw_high > high else None
        )
        excess = [(1, above)] if above else []
        excess += [(-1, below)] if below else []
        if operation.bits:
            t = self._column(Kind.WITNESS, a.layout, Value(number))
            parts = [(-(2**operation.bits) * sign, part) for sign, part in [(1, t), *excess]]
            self._range(self._combine([(1, a), *parts], half), 2**operation.bits - 1)
        else:
            t = self._combine([(1, a), *((-sign, part) for sign, part in excess)])
        lowest = low if below and low is not None else after.low
        highest = high if above and high is not None else after.high
        from_low = self._combine([(1, t)], -lowest)
        to_high = self._combine([(-1, t)], highest)
        exact = (highest - lowest + 1) & (highest - lowest) == 0
        if excess or operation.bits:
            if below or exact or not above:
                self._range(from_low, highest - lowest)
            if above and not exact:
                self._range(to_high, highest - lowest)
        if below:
            self._range(below, lowest - raw_low)
            self._zero((below, from_low), Expression(a.layout, ()))
        if above:
            self._range(above, raw_high - highest)
            self._zero((above, to_high), Expression(a.layout, ()))
        return t

    def _excess(self, number: int, layout: Layout, above: bool) -> Expression:
        return self._column(Kind.WITNESS, layout, Excess(number, above))

    def _divide(self, n: Expression, d: Expression, number: int) -> Expression:
        divisor = self.bounds[self.program.steps[number - len(self.program.inputs)].operation.of[1]]
        after = self.bounds[number]
        quotient = self._column(Kind.WITNESS, n.layout, Value(number))
        rest = self._column(Kind.WITNESS, n.layout, Remainder(number))
        self._range(self._combine([(1, quotient)], -after.low), after.high - after.low)
        self._range(rest, divisor.high - 1)
        self._range(self._combine([(1, d), (-1, rest)], -1), divisor.high - 1)
        self._zero((quotient, d), self._combine([(1, rest), (-1, n)]))
        return quotient

    def _maximum(self, a: Expression, b: Expression, number: int) -> Expression:
        result = self._column(Kind.WITNESS, a.layout, Value(number))
        above_a = self._combine([(1, result), (-1, a)])
        above_b = self._combine([(1, result), (-1, b)])
        of = self.program.steps[number - len(self.program.inputs)].operation.of
        for above, at in ((above_a, of[0]), (above_b, of[1])):
            self._range(above, self.bounds[number].high - self.bounds[at].low)
        self._zero((above_a, above_b), Expression(a.layout, ()))
        return result

    def _blob_table(self, blob: int, layout: Layout) -> int:
        """The table of a blob: one coordinate for each of its axes, then its element."""
        key = (blob, len(layout))
        if key not in self.by_blob:
            layout = tuple(tuple(n for n in axes if n > 1) for axes in layout)
            coordinates = [self._coordinate(layout, axis) for axis in range(len(layout))]
            value = self._column(Kind.KEY, layout, Constant(blob))
            self.by_blob[key] = self._table((*coordinates, value))
        return self.by_blob[key]

    def _coordinate(self, layout: Layout, axis: int) -> Expression:
        """The position along one axis, repeated over all others."""
        count = math.prod(layout[axis])
        column = self._column(Kind.PUBLIC, (layout[axis],), Fixed(tuple(range(count))))
        remaps = [
            Remap(0) if at == axis else Remap(None, math.prod(axes), _repeat(math.prod(axes)))
            for at, axes in enumerate(layout)
        ]
        return self._arrange(self._remap(column, remaps), layout)

    def _lookup(self, table: int, components: tuple[Expression, ...]) -> None:
        live = self._one(components[0].layout)
        self.relation.lookups.append(Lookup(table, components, live))

    def _lookup_row(self, blob: int, token: Expression, number: int) -> Expression:
        rows, width = self.program.blobs[blob].shape
        kept = [Remap(axis) for axis in range(len(token.layout))]
        token = self._remap(token, [*kept, Remap(None, width, _repeat(width))])
        result = self._column(Kind.WITNESS, token.layout, Value(number))
        column = self._coordinate(token.layout, len(token.layout) - 1)
        self._lookup(self._blob_table(blob, ((rows,), (width,))), (token, column, result))
        return result

    # Views.

    def _view(
        self,
        operation: op.Operation,
        of: Sequence[Expression],
        shapes: Sequence[op.Shape],
        number: int,
    ) -> Expression:
        x, shape = of[0], shapes[0]
        match operation:
            case op.Reshape(shape=target):
                return self._reshape(x, target)
            case op.Transpose(axes=axes):
                return self._remap(x, [Remap(0), *(Remap(axis + 1) for axis in axes)])
            case op.Slice(starts=starts, steps=steps, sizes=sizes):
                return self._select(
                    x,
                    [
                        (n, tuple((o, start + o * step) for o in range(count)))
                        for n, start, step, count in zip(shape, starts, steps, sizes, strict=True)
                    ],
                    sizes,
                )
            case op.Pad(before=before, after=after, between=between, value=value):
                result = tuple(
                    front + n + (n - 1) * gap + back
                    for n, front, gap, back in zip(shape, before, between, after, strict=True)
                )
                pairs = [
                    (n, tuple((front + i * (gap + 1), i) for i in range(n)))
                    for n, front, gap in zip(shape, before, between, strict=True)
                ]
                padded = self._select(x, pairs, result)
                if not value:
                    return padded
                inside = self._select(self._one(x.layout), pairs, result)
                everywhere = self._one(padded.layout)
                parts = [(1, padded), (value, everywhere), (-value, inside)]
                return self._combine(parts)
            case op.Concat(axis=axis):
                total, parts = sum(shape[axis] for shape in shapes), []
                at = 0
                for operand, own in zip(of, shapes, strict=True):
                    joined = tuple((at + i, i) for i in range(own[axis]))
                    keep = [(n, tuple((i, i) for i in range(n))) for n in own]
                    keep[axis] = (own[axis], joined)
                    result = (*own[:axis], total, *own[axis + 1 :])
                    parts.append((1, self._select(operand, keep, result)))
                    at += own[axis]
                return self._combine(parts)
            case op.Broadcast(shape=target):
                remaps = [
                    Remap(at + 1) if n == m else Remap(at + 1, m, _repeat(m))
                    for at, (n, m) in enumerate(zip(shape, target, strict=True))
                ]
                return self._remap(x, [Remap(0), *remaps])
            case op.Gather(axis=axis, indices=blob):
                chosen = self.gathers[blob]
                keep = [(n, tuple((i, i) for i in range(n))) for n in shape]
                keep[axis] = (shape[axis], tuple(enumerate(chosen)))
                return self._select(x, keep, (*shape[:axis], len(chosen), *shape[axis + 1 :]))
            case _:
                raise VerificationError("program", f"{type(operation).__name__} has no relation")

    def _select(
        self, x: Expression, pairs: Sequence[tuple[int, Pairs]], shape: op.Shape
    ) -> Expression:
        """Along every axis the pairs (result, source); the source's length stands beside them."""
        remaps = [Remap(0)]
        for axis, ((length, joined), result) in enumerate(zip(pairs, shape, strict=True)):
            whole = length == result and joined == tuple((i, i) for i in range(length))
            remaps.append(Remap(axis + 1) if whole else Remap(axis + 1, result, joined))
        return self._remap(x, remaps)

    def _reshape(self, x: Expression, shape: op.Shape) -> Expression:
        """Axes that are merged stay apart inside a composite one; others are joined by cells."""
        old, starts = x.lengths, _starts(x.layout)
        layout: list[Lengths] = [x.layout[0], *(() for _ in shape)]
        at = len(starts[0])
        groups: list[tuple[list[int], list[int]]] = []
        axes: list[int] = []
        ins: list[int] = []
        wanted = filled = 1
        for axis, n in enumerate(shape, 1):
            if n == 1:
                continue
            axes.append(axis)
            wanted *= n
            while filled < wanted:
                ins.append(at)
                filled *= old[at]
                at += 1
            if filled == wanted:
                groups.append((axes, ins))
                merged = len(axes) == 1
                for each in axes:
                    layout[each] = tuple(old[i] for i in ins) if merged else (shape[each - 1],)
                axes, ins, wanted, filled = [], [], 1, 1
        outs = _starts(tuple(layout))
        links = [Link((k,), (k,), None) for k in starts[0]]
        for axes, ins in groups:
            if len(axes) == 1:
                links += [Link((o,), (i,), None) for o, i in zip(outs[axes[0]], ins, strict=True)]
            else:
                count = math.prod(shape[axis - 1] for axis in axes)
                all_outs = tuple(o for axis in axes for o in outs[axis])
                links.append(Link(all_outs, tuple(ins), tuple((k, k) for k in range(count))))
        view = View(flat(tuple(layout)), old, tuple(links))
        return self._through(x, tuple(layout), view)


def _starts(layout: Layout) -> list[tuple[int, ...]]:
    """The positions of every axis's padded axes."""
    positions, at = [], 0
    for axes in layout:
        positions.append(tuple(range(at, at + len(axes))))
        at += len(axes)
    return positions


def _repeat(length: int) -> Pairs:
    return tuple((o, 0) for o in range(length))


def _subs(groups: int, length: int) -> Lengths:
    return tuple(n for n in (groups, length) if n > 1)
