"""Operations that are sums of products: one bilinear equation each.

result = bias + sum over some axes of left * right holds at every cell. The summed axes of the left
factor are cut to live cells, so a result's live cell depends on live cells alone, even if a key
has weights where none belong.
"""

import math
from collections.abc import Sequence

from avow.verifier.program.operations import Convolution, Dense, Shape
from avow.verifier.relation.relation import Axis, Bilinear, Expression, flat
from avow.verifier.relation.sheet import Sheet, axes_of, starts
from avow.verifier.relation.views import Lengths, Link, View

Names = tuple[str, ...]


def _names(name: str, axes: Lengths) -> Names:
    return tuple(f"{name}{k}" for k in range(len(axes)))


def _starting(names: Sequence[str], start: str) -> Names:
    return tuple(name for name in names if name.startswith(start))


def _bilinear(
    sheet: Sheet,
    bias: Expression | None,
    left: tuple[Expression, Names],
    right: tuple[Expression, Names],
    result: tuple[Expression, Names],
) -> Expression:
    """Axes of one name are one axis: shared by all three, or summed where the result has none."""
    (a, a_names), (b, b_names), (y, y_names) = left, right, result
    shared = [name for name in a_names if name in b_names and name in y_names]
    summed = [*shared, *(name for name in a_names if name not in y_names)]

    def axes(names: Names) -> tuple[Axis, ...]:
        return tuple(
            Axis(name in summed, (summed if name in summed else y_names).index(name))
            for name in names
        )

    sheet.relation.bilinears.append(
        Bilinear(
            y.terms[0][1].column,
            bias,
            a,
            axes(a_names),
            b,
            axes(b_names),
            tuple(a.lengths[a_names.index(name)] for name in summed),
            tuple((k, y_names.index(name)) for k, name in enumerate(shared)),
        )
    )
    return y


def dense(sheet: Sheet, operation: Dense, x: Expression, outputs: int, number: int) -> Expression:
    """y[..., n] = bias[n] + sum_k weight[n, k] x[..., k]."""
    *rows, inner = x.layout
    out = axes_of((outputs,))
    m, k, n = _names("row", flat(tuple(rows))), _names("in", inner), _names("out", out)
    y = sheet.result((*rows, out), number)
    bias = sheet.key((out,), operation.bias)
    weight = sheet.key((out, inner), operation.weight)
    return _bilinear(
        sheet,
        sheet.along(bias, y.layout, len(rows)),
        (sheet.live(x, len(rows)), m + k),
        (weight, n + k),
        (y, m + n),
    )


def contract(sheet: Sheet, a: Expression, b: Expression, number: int) -> Expression:
    """y[g, m, n] = sum_k a[g, m, k] b[g, k, n]; the batch is one of the shared axes g."""
    *groups, rows, inner = a.layout
    columns = b.layout[-1]
    b = sheet.arrange(b, (*groups, inner, columns))
    y = sheet.result((*groups, rows, columns), number)
    g, m = _names("group", flat(tuple(groups))), _names("row", rows)
    k, n = _names("in", inner), _names("column", columns)
    a = sheet.live(a, len(groups) + 1)
    return _bilinear(sheet, None, (a, g + m + k), (b, g + k + n), (y, g + m + n))


def convolution(
    sheet: Sheet, operation: Convolution, x: Expression, weight: Shape, places: Shape, number: int
) -> Expression:
    """Dense over windows of x: axes batch, B, group, channel, then place and tap in turn.

    A tap outside x is joined to no cell. `places` are the result's spatial axes.
    """
    outputs, channels, *kernel = weight
    groups = axes_of((operation.groups,))
    if groups:
        x = sheet.arrange(x, (*x.layout[:2], axes_of((*groups, channels)), *x.layout[3:]))
    x = sheet.live(x, 2)
    samples, inner = flat(x.layout[:2]), x.layout[2][len(groups) :]
    out = axes_of((outputs // operation.groups,))
    b, g, c = _names("sample", samples), _names("group", groups), _names("channel", inner)
    names, lengths = [*b, *g, *c], [*samples, *groups, *inner]
    links = [Link((k,), (k,), None) for k in range(len(lengths))]
    for axis, (count, taps) in enumerate(zip(places, kernel, strict=True)):
        stride, dilation = operation.strides[axis], operation.dilations[axis]
        pad, length = operation.pads_before[axis], math.prod(x.layout[3 + axis])
        sheet.budget.spend(count * taps)
        pairs = tuple(
            (place * taps + tap, at)
            for place in range(count)
            for tap in range(taps)
            if 0 <= (at := place * stride + tap * dilation - pad) < length
        )
        own = [(f"{name}{axis}", n) for name, n in (("place", count), ("tap", taps)) if n > 1]
        outs = tuple(range(len(lengths), len(lengths) + len(own)))
        links.append(Link(outs, starts(x.layout)[3 + axis], pairs))
        names += [name for name, _ in own]
        lengths += [n for _, n in own]
    view = View(tuple(lengths), x.lengths, tuple(links))
    windows = sheet.through(x, tuple((n,) for n in lengths), view)
    y = sheet.result((*x.layout[:2], groups + out, *(axes_of((n,)) for n in places)), number)
    key = (groups, out, inner, *(axes_of((n,)) for n in kernel))
    bias = sheet.key((groups + out,), operation.bias)
    o = _names("out", out)
    return _bilinear(
        sheet,
        sheet.along(bias, y.layout, 2),
        (windows, tuple(names)),
        (sheet.key(key, operation.weight), g + o + c + _starting(names, "tap")),
        (y, b + g + o + _starting(names, "place")),
    )
