"""Views of a relation as the steps of a key blob: closed forms where a link has one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from avow.circuits.errors import CircuitError
from avow.circuits.sumcheck.steps import ONE, Run, Tape
from avow.verifier.relation.relation import Column, Fixed, Value
from avow.verifier.relation.views import Lengths, Link, View, bits

# Cells of an axis whose weights are made one by one.
_SHORT_AXIS = 32


@dataclass(frozen=True, slots=True)
class Corner:
    """eq(x, k) of so many variables."""

    x: int
    variables: int
    k: int


# A word, or what needs a step of its own.
Factor = int | Corner
# An axis: its first variable's word, its number of variables, its length.
Axis = tuple[int, int, int]


def axes(words: Sequence[int], lengths: Lengths) -> list[Axis]:
    """The axes of a point that is made of these words, those of one axis in succession."""
    found, start = [], 0
    for length in lengths:
        count = bits(length)
        part = words[start : start + count]
        first = part[0] if part else ONE
        if list(part) != list(range(first, first + count)):
            raise CircuitError("an axis is evaluated at challenges that do not stand together")
        found.append((first, count, length))
        start += count
    return found


def coefficient(tape: Tape, view: View, out_words: Sequence[int], in_words: Sequence[int]) -> int:
    """`View.coefficient` at two points."""
    outs, ins = axes(out_words, view.outs), axes(in_words, view.ins)
    factors: list[Factor] = [tape.eq(eq_pairs(view, out_words, in_words))]
    for link in view.links:
        if link.pairs is not None:
            factors += _joined(tape, link, [outs[k] for k in link.outs], [ins[k] for k in link.ins])
    return _times(tape, factors)


def _times(tape: Tape, factors: Sequence[Factor]) -> int:
    """The product, corners last: views that differ by them alone have the rest in common."""
    word = tape.product([factor for factor in factors if isinstance(factor, int)])
    for factor in factors:
        if isinstance(factor, Corner):
            word = tape.corner(factor.x, factor.variables, factor.k, word)
    return word


def eq_pairs(
    view: View, out_words: Sequence[int], in_words: Sequence[int]
) -> list[tuple[int, int]]:
    """The pairs that `coefficient` multiplies, so that short products can be made first."""
    outs, ins = axes(out_words, view.outs), axes(in_words, view.ins)
    pairs = []
    for link in view.links:
        if link.pairs is None:
            (x, count, _), (y, _, _) = outs[link.outs[0]], ins[link.ins[0]]
            pairs += [(y + k, x + k) for k in range(count)]
    return [(x, y) for y, x in sorted(pairs)]


def public(
    tape: Tape, column: Column, tensors: dict[int, int], view: View, words: Sequence[int]
) -> int:
    """`evaluate` of a view of a public column; `tensors` has the statement's number of each."""
    outs = axes(words, view.outs)
    match column.source:
        case Value(tensor=tensor):
            return _tensor(tape, tensors[tensor], view, outs)
        case Fixed(values=values):
            return _fixed(tape, values, view, outs)
        case _:
            raise CircuitError("a public column is neither fixed nor a tensor of the statement")


@dataclass(frozen=True, slots=True)
class _Line:
    """Cells start, start + step, ... of one axis, 2^`variables` of them or fewer."""

    low: int
    step: int
    variables: int
    high: int


def _line(start: int, step: int, count: int, length: int) -> _Line | None:
    """Such cells as an index of which some bits count and the others stand still."""
    variables = (count - 1).bit_length()
    if step < 1 or step & (step - 1):
        return None
    shift = step.bit_length() - 1
    low, rest = start % step, start >> shift
    if rest % 2**variables or variables + shift > bits(length):
        return None
    return _Line(low, shift, variables, rest >> variables)


def _fixed_bits(axis: Axis, line: _Line) -> list[Corner]:
    """eq of the variables before and after those that count, and where these stand."""
    first, count, _ = axis
    before = count - line.variables - line.step
    return [
        Corner(first, before, line.high),
        Corner(first + before + line.variables, line.step, line.low),
    ]


def _joined(tape: Tape, link: Link, outs: Sequence[Axis], ins: Sequence[Axis]) -> list[Factor]:
    """sum over the link's pairs of eq(out, o) eq(in, i), as the words of its factors."""
    pairs = link.pairs or ()
    if not pairs:
        return [tape.constant(0)]
    run = _progression(pairs)
    if run == len(pairs) and len(outs) < 2 and len(ins) < 2:
        (o, i), n = pairs[0], len(pairs)
        steps = (pairs[1][0] - o, pairs[1][1] - i) if n > 1 else (1, 1)
        lines = []
        for axis, start, step in ((outs, o, steps[0]), (ins, i, steps[1])):
            lines.append(_line(start, step, n, axis[0][2]) if axis else None)
        if outs and ins and lines[0] and lines[1]:
            return _same(tape, outs[0], lines[0], ins[0], lines[1], n)
        for axis, line, other in ((outs, lines[0], ins), (ins, lines[1], outs)):
            if axis and line and not other:
                first = axis[0][0] + axis[0][1] - line.variables - line.step
                return [*_fixed_bits(axis[0], line), tape.less(first, line.variables, n)]
    form, cells = _form(tape, link, outs, ins)
    sources = _vector(tape, ins)
    return [tape.dot(form, sources, cells)]


def _same(tape: Tape, out: Axis, at: _Line, source: Axis, of: _Line, n: int) -> list[Factor]:
    x = out[0] + out[1] - at.variables - at.step
    y = source[0] + source[1] - of.variables - of.step
    factors = [*_fixed_bits(out, at), *_fixed_bits(source, of)]
    return [*factors, tape.same(x, y, at.variables, n)]


def _progression(pairs: Sequence[tuple[int, int]]) -> int:
    """How many pairs from the first are an arithmetic progression."""
    if len(pairs) < 3:
        return len(pairs)
    step = (pairs[1][0] - pairs[0][0], pairs[1][1] - pairs[0][1])
    count = 2
    while count < len(pairs):
        found = (pairs[count][0] - pairs[count - 1][0], pairs[count][1] - pairs[count - 1][1])
        if found != step:
            break
        count += 1
    return count


def _runs(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int, int, int, int]]:
    """Pairs as progressions: (first, second, step of each, count)."""
    runs = []
    rest = list(pairs)
    while rest:
        count = _progression(rest)
        if count == 2:
            count = 1 if len(rest) > 2 else 2
        (a, b), (c, d) = rest[0], rest[1] if count > 1 else rest[0]
        runs.append((a, b, c - a, d - b, count))
        rest = rest[count:]
    return runs


def _vector(tape: Tape, parts: Sequence[Axis]) -> int:
    """eq(point, cell) for every cell of the axes together, row-major."""
    if not parts:
        return ONE
    *others, (first, count, length) = parts
    last = tape.table(first, count, length)
    if not others:
        return last
    rest = _vector(tape, others)
    cells = math.prod(n for _, _, n in others)
    return tape.convolve(rest, cells, last, length, length)


def _form(tape: Tape, link: Link, outs: Sequence[Axis], ins: Sequence[Axis]) -> tuple[int, int]:
    """The weight of each of the source's cells, as far as any has one, and how many these are."""
    cells = math.prod(n for _, _, n in ins)
    if link.pairs is None:
        return _vector(tape, outs), cells
    if len(outs) == 1 and len(ins) == 1 and link.pairs == tuple((k, k) for k in range(outs[0][2])):
        return _vector(tape, outs), outs[0][2]
    if len(outs) < 2:
        table = _vector(tape, outs)
        runs: list[Run] = [(ONE, table + o, i, p, q, n) for o, i, p, q, n in _runs(link.pairs)]
        return tape.form(cells, runs), cells
    convolved = _convolved(tape, link, outs, cells)
    if convolved is not None:
        return convolved, cells
    # Along the longest axis of the result, for every cell of the others.
    place = max(range(len(outs)), key=lambda k: outs[k][2])
    others = [axis for k, axis in enumerate(outs) if k != place]
    table, factors = _vector(tape, [outs[place]]), _vector(tape, others)
    after = math.prod(n for _, _, n in outs[place + 1 :])
    length = outs[place][2]
    groups: dict[int, list[tuple[int, int]]] = {}
    for o, i in link.pairs:
        before, rest = divmod(o, after * length)
        along, behind = divmod(rest, after)
        groups.setdefault(before * after + behind, []).append((along, i))
    runs = [
        (factors + other, table + o, i, p, q, n)
        for other, group in sorted(groups.items())
        for o, i, p, q, n in _runs(group)
    ]
    return tape.form(cells, runs), cells


def _convolved(tape: Tape, link: Link, outs: Sequence[Axis], cells: int) -> int | None:
    """Two axes that join the source's cell offset[k] + step * position: a convolution's.

    The positions' weights are products of those of their first and their last variables. These
    are joined with the first axis, which makes a short vector, and that with the others.
    """
    if len(outs) != 2:
        return None
    tap_axis, axis = sorted(outs, key=lambda one: one[2])
    taps, (first, count, positions) = tap_axis[2], axis
    pairs = link.pairs or ()
    if len(pairs) != taps * positions or len(dict(pairs)) != len(pairs) or positions < 2:
        return None
    inner = outs[1][2]
    joined = {divmod(o, inner) if axis == outs[1] else divmod(o, inner)[::-1]: i for o, i in pairs}
    offsets = [joined[tap, 0] for tap in range(taps)]
    step = joined[0, 1] - offsets[0]
    if step < 1 or any(i != offsets[tap] + step * at for (tap, at), i in joined.items()):
        return None
    least = min(offsets)
    spread = max(offsets) - least

    def cost(low: int) -> int:
        # A run costs as much as three of its cells, a step as much as ten.
        size = 1 << low
        return taps * size + (positions >> low) * (spread + step * (size - 1) + 4) + 10

    most = (positions & -positions).bit_length() - 1
    low = min(range(1, most + 1), key=cost, default=0)
    if not low or low == count or cost(low) >= taps * positions:
        low, part, length = count, tape.table(first, count, positions), positions
    else:
        part, length = tape.table(first + count - low, low, 1 << low), 1 << low
    factors = _vector(tape, [tap_axis])
    dilation = offsets[1] - offsets[0] if taps > 1 else 1
    if step == 1 and offsets == [least + k * dilation for k in range(taps)]:
        if low == count and (least or spread + length != cells):
            return None
        part = tape.convolve(factors, taps, part, length, dilation)
    elif low == count:
        return None
    else:
        runs = [(factors + k, part, at - least, 1, step, length) for k, at in enumerate(offsets)]
        part = tape.form(spread + step * (length - 1) + 1, runs)
    if low == count:
        return part
    length = spread + step * (length - 1) + 1
    outer = tape.table(first, count - low, positions >> low)
    if not least and (positions // 2**low - 1) * (step << low) + length == cells:
        return tape.convolve(outer, positions >> low, part, length, step << low)
    blocks = range(positions >> low)
    return tape.form(
        cells, [(outer + k, part, least + k * (step << low), 1, 1, length) for k in blocks]
    )


def _tensor(tape: Tape, number: int, view: View, outs: Sequence[Axis]) -> int:
    """sum over the source's cells of weight * element, group of axes by group of axes."""
    groups: list[tuple[int, int, int]] = []
    for link in sorted(view.links, key=lambda link: link.ins):
        if link.ins and list(link.ins) != list(range(link.ins[0], link.ins[-1] + 1)):
            raise CircuitError("a public tensor is read through axes that do not stand together")
        stride = math.prod(view.ins[link.ins[-1] + 1 :]) if link.ins else 1
        if _as_it_stands(link, outs, view.ins):
            groups += axis_groups(tape, outs[link.outs[0]], stride)
            continue
        ins = [(ONE, bits(view.ins[k]), view.ins[k]) for k in link.ins]
        weights, cells = _form(tape, link, [outs[k] for k in link.outs], ins)
        groups.append((weights, cells, stride))
    # The contract goes through the last group element by element.
    if not groups or groups[-1][2] != 1:
        groups.append((ONE, 1, 1))
    return tape.tensor(number, groups)


def _as_it_stands(link: Link, outs: Sequence[Axis], ins: Lengths) -> bool:
    """Whether a link joins every cell of one axis with the same cell of another."""
    if len(link.outs) != 1 or len(link.ins) != 1:
        return False
    length = outs[link.outs[0]][2]
    if length != ins[link.ins[0]]:
        return False
    return link.pairs is None or link.pairs == tuple((k, k) for k in range(length))


def axis_groups(tape: Tape, axis: Axis, stride: int) -> list[tuple[int, int, int]]:
    """One axis of a tensor as groups of a `tensor` step: a long one in two parts.

    Its weights are products then, and not all of them have to be made.
    """
    first, count, length = axis
    low = min(count // 2, (length & -length).bit_length() - 1)
    if length <= _SHORT_AXIS or low < 2:
        return [(tape.table(first, count, length), length, stride)]
    high = count - low
    return [
        (tape.table(first, high, length >> low), length >> low, stride << low),
        (tape.table(first + high, low, 1 << low), 1 << low, stride),
    ]


def _fixed(tape: Tape, values: Sequence[int], view: View, outs: Sequence[Axis]) -> int:
    """A view of integers that everybody knows."""
    factors: list[Factor] = []
    for link in view.links:
        axis = [outs[k] for k in link.outs]
        if not link.ins:
            factors += _joined(tape, link, axis, [])
        elif link.pairs is None and tuple(values) == tuple(range(len(values))):
            factors.append(tape.ramp(*axis[0]))
        elif link.pairs is None and values in range_columns(len(values)):
            words = tape.range_table(axis[0][0], axis[0][1])
            factors.append(words[range_columns(len(values)).index(tuple(values))])
        else:
            form, cells = _form(tape, link, axis, [(ONE, bits(n), n) for n in view.ins])
            numbers = tape.form(
                cells,
                [(tape.constant(value), ONE, k, 0, 0, 1) for k, value in enumerate(values[:cells])],
            )
            factors.append(tape.dot(form, numbers, cells))
    if not view.ins:
        factors.append(tape.constant(values[0]))
    return _times(tape, factors)


def range_columns(rows: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The two columns of a range table of so many rows."""
    tops = tuple(max(row, 1).bit_length() - 1 for row in range(rows))
    return tuple(max(row, 1) - 2**top for row, top in zip(range(rows), tops, strict=True)), tops
