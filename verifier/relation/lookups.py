"""Operations that are not polynomials: what is committed is pinned by lookups and products.

Each docstring says why the equations leave one result at most, in the field and not only among
the integers: operands may be any field elements. No range is wider than 2^63, so both sides of
every equation stay below 2^128 in magnitude, and what holds modulo the group order holds.
"""

import math
from functools import lru_cache

from avow.verifier.program.intervals import Interval
from avow.verifier.program.operations import LookupRow, Rescale, Table
from avow.verifier.relation.relation import (
    Digit,
    Excess,
    Expression,
    Fixed,
    Kind,
    Layout,
    Remainder,
)
from avow.verifier.relation.sheet import Remap, Sheet, axes_of, repeated

RANGES = 0


def range_table(sheet: Sheet) -> None:
    """Row 2^j + v holds (v, j) for every v below 2^j; row 0 repeats (0, 0)."""
    values, tops = _ranges(sheet.width)
    layout = ((len(values.values),),)
    sheet.table(tuple(sheet.column(Kind.PUBLIC, layout, fixed) for fixed in (values, tops)))


@lru_cache(maxsize=8)
def _ranges(width: int) -> tuple[Fixed, Fixed]:
    rows = range(2 ** (width + 1))
    tops = tuple(max(row, 1).bit_length() - 1 for row in rows)
    values = tuple(max(row, 1) - 2**top for row, top in zip(rows, tops, strict=True))
    return Fixed(values), Fixed(tops)


def in_range(sheet: Sheet, expression: Expression, largest: int) -> None:
    """Establish that every live cell lies in [0, 2^j), the smallest such that holds `largest`.

    All digits but the lowest are columns, looked up themselves; the lowest is what remains.
    """
    bits = largest.bit_length()
    rest = expression
    for low in range(sheet.width, bits, sheet.width):
        part = min(sheet.width, bits - low)
        digit = sheet.column(Kind.WITNESS, expression.layout, Digit(expression, low, part))
        in_range(sheet, digit, 2**part - 1)
        rest = sheet.combine([(1, rest), (-(2**low), digit)])
    j = min(bits, sheet.width)
    sheet.lookup(RANGES, (rest, sheet.combine([(j, sheet.one(expression.layout))])))


def rescale(
    sheet: Sheet, operation: Rescale, a: Expression, before: Interval, after: Interval, number: int
) -> Expression:
    """a + 2^(bits-1) = 2^bits (t + above - below) + remainder.

    The remainder is an expression, looked up in [0, 2^bits), so t + above - below is the rounded
    quotient: no other has a remainder in that range. `above` and `below` are looked up to be at
    least 0, and non-zero only where t is at the bound that they stand for. A bound that the
    interval of `a` cannot pass needs neither. t is looked up to lie between the stated bounds, even
    those: a range whose length is a power of two says it at once, any other is looked up from each
    end. So an interval that is too narrow can only make answers unprovable.
    """
    bits, low, high = operation.bits, operation.low, operation.high
    half = 2 ** (bits - 1) if bits else 0
    first, last = ((end + half) >> bits for end in (before.low, before.high))
    below = above = None
    parts = [(1, a)]
    if low is not None and first < low:
        below = sheet.column(Kind.WITNESS, a.layout, Excess(number, False))
        parts.append((2**bits, below))
    if high is not None and last > high:
        above = sheet.column(Kind.WITNESS, a.layout, Excess(number, True))
        parts.append((-(2**bits), above))
    if not bits and low is None and high is None:
        return a
    if bits:
        t = sheet.result(a.layout, number)
        remainder = sheet.combine([*parts, (-(2**bits), t)], half)
        in_range(sheet, remainder, 2**bits - 1)
    else:
        t = sheet.combine(parts)
    # Where there is an excess, the interval ends at that bound.
    span = after.high - after.low
    from_low = sheet.combine([(1, t)], -after.low)
    to_high = sheet.combine([(-1, t)], after.high)
    reach = 2 ** span.bit_length() - 1
    upward = below or not above or reach == span
    if upward:
        in_range(sheet, from_low, span)
        if high is not None and not above and after.low + reach > high:
            in_range(sheet, sheet.combine([(-1, t)], high), high - after.low)
    if above and reach != span:
        in_range(sheet, to_high, span)
        if low is not None and not upward and after.high - reach < low:
            in_range(sheet, sheet.combine([(1, t)], -low), after.high - low)
    if below:
        in_range(sheet, below, after.low - first)
        sheet.product(below, from_low)
    if above:
        in_range(sheet, above, last - after.high)
        sheet.product(above, to_high)
    return t


def divide(
    sheet: Sheet, n: Expression, d: Expression, divisor: Interval, after: Interval, number: int
) -> Expression:
    """n = q d + r with r and d - 1 - r at least 0, and q in a range.

    So d is a positive integer, and only one q leaves a remainder in [0, d).
    """
    d = sheet.arrange(d, n.layout)
    q = sheet.result(n.layout, number)
    r = sheet.column(Kind.WITNESS, n.layout, Remainder(number))
    in_range(sheet, sheet.combine([(1, q)], -after.low), after.high - after.low)
    in_range(sheet, r, divisor.high - 1)
    in_range(sheet, sheet.combine([(1, d), (-1, r)], -1), divisor.high - 1)
    sheet.product(q, d, sheet.combine([(1, r), (-1, n)]))
    return q


def maximum(
    sheet: Sheet, a: Expression, b: Expression, lows: tuple[int, int], high: int, number: int
) -> Expression:
    """(m - a) (m - b) = 0, and neither difference is negative.

    If a and b both could be m, a - b and b - a would both be non-negative: a = b.
    """
    m = sheet.result(a.layout, number)
    differences = sheet.combine([(1, m), (-1, a)]), sheet.combine([(1, m), (-1, b)])
    for difference, low in zip(differences, lows, strict=True):
        in_range(sheet, difference, high - low)
    sheet.product(*differences)
    return m


def table(sheet: Sheet, operation: Table, t: Expression, rows: int, number: int) -> Expression:
    """(t - first, y) is a row of the blob's table: no two rows have one position."""
    row = sheet.combine([(1, t)], -operation.first)
    return _rows_of(sheet, operation.blob, (rows,), (row,), number)


def lookup_row(
    sheet: Sheet, operation: LookupRow, t: Expression, shape: tuple[int, int], number: int
) -> Expression:
    """(t, d, y) is a row of the blob's table; d, the column, is known to everybody."""
    width = shape[1]
    kept = [Remap(axis) for axis in range(len(t.layout))]
    t = sheet.remap(t, [*kept, Remap(None, axes_of((width,)), repeated(width))])
    d = _coordinate(sheet, t.layout, len(t.layout) - 1)
    return _rows_of(sheet, operation.blob, shape, (t, d), number)


def _rows_of(
    sheet: Sheet, blob: int, shape: tuple[int, ...], at: tuple[Expression, ...], number: int
) -> Expression:
    """Look up the elements at these coordinates in the table of a blob of that shape."""
    layout = tuple(axes_of((n,)) for n in shape)
    value = sheet.key(layout, blob)
    column = value.terms[0][1].column
    if column not in sheet.tables:
        coordinates = [_coordinate(sheet, layout, axis) for axis in range(len(layout))]
        sheet.tables[column] = sheet.table((*coordinates, value))
    y = sheet.result(at[0].layout, number)
    sheet.lookup(sheet.tables[column], (*at, y))
    return y


def _coordinate(sheet: Sheet, layout: Layout, axis: int) -> Expression:
    """The position along one axis, repeated over all others."""
    positions = Fixed(tuple(range(math.prod(layout[axis]))))
    return sheet.along(sheet.column(Kind.PUBLIC, (layout[axis],), positions), layout, axis)
