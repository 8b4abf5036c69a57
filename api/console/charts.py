"""Charts as SVG made here: drawn in classes of the style sheet, with a text for who cannot see.

The page gives the same numbers in a table, so that a chart's text only says what it shows.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

_WIDTH, _ROW = 440, 24
Shown = Callable[[float], str]


def significant(value: float) -> str:
    """Four significant digits."""
    return f"{value:.4g}"


def bars(
    values: Sequence[tuple[str, float]],
    title: str,
    shown: Shown = significant,
    stress: bool = True,
    width: int = _WIDTH,
) -> Markup:
    """Horizontal bars from a common zero, one row for each labelled value, the largest stressed."""
    label, number = 52, 72
    finite = [value for _, value in values if math.isfinite(value)]
    low, high = min([0.0, *finite]), max([0.0, *finite])
    span, room = (high - low) or 1.0, width - label - number

    def at(value: float) -> float:
        return round(label + room * (value - low) / span, 2)

    best = max(range(len(values)), key=lambda place: values[place][1]) if stress else -1
    rows = []
    for place, (name, value) in enumerate(values):
        middle = place * _ROW + _ROW / 2
        start, end = sorted((at(0.0), at(value if math.isfinite(value) else 0.0)))
        chosen = " best" if place == best else ""
        rows.append(_text("label", label - 10, middle + 4, name))
        rows.append(
            Markup('<rect class="bar{}" x="{}" y="{}" width="{}" height="14" rx="2"/>').format(
                chosen, start, middle - 7, max(round(end - start, 2), 1)
            )
        )
        rows.append(_text(f"number{chosen}", width, middle + 4, shown(value)))
    height = _ROW * len(values)
    return _svg(height, title, [_line("axis", at(0.0), 0, at(0.0), height), *rows], width)


@dataclass(frozen=True, slots=True)
class Span:
    """A row of `spans`: two numbers that are not negative, the second not below the first."""

    label: str
    low: float
    high: float


def spans(rows: Sequence[Span], title: str) -> Markup:
    """A line from low to high for each row, on one logarithmic scale of powers of ten.

    A number of zero has no place on it and is left out.
    """
    label, right, foot = 132, 16, 24
    positive = [value for row in rows for value in (row.low, row.high) if value > 0]
    if not positive:
        return Markup("")
    first = math.floor(math.log10(min(positive)))
    last = max(math.ceil(math.log10(max(positive))), first + 1)
    room = _WIDTH - label - right

    def at(value: float) -> float:
        return round(label + room * (math.log10(value) - first) / (last - first), 2)

    height = _ROW * len(rows)
    drawn = []
    step = max(1, (last - first) // 6)
    for power in range(first, last + 1, step):
        x = at(10.0**power)
        drawn.append(_line("grid", x, 0, x, height))
        drawn.append(_text("tick-label", x, height + 17, _power(power)))
    for place, row in enumerate(rows):
        middle = place * _ROW + _ROW / 2
        drawn.append(_text("label", label - 10, middle + 4, row.label[:18]))
        if row.low > 0 and row.high > 0:
            drawn.append(_line("span", at(row.low), middle, at(row.high), middle))
        if row.low > 0:
            drawn.append(
                Markup('<circle class="low" cx="{}" cy="{}" r="4"/>').format(at(row.low), middle)
            )
        if row.high > 0:
            x = at(row.high)
            drawn.append(
                Markup('<rect class="high" x="{}" y="{}" width="8" height="8"/>').format(
                    x - 4, middle - 4
                )
            )
    return _svg(height + foot, title, drawn)


def columns(values: Sequence[float], title: str, shown: Shown = significant) -> Markup:
    """Upright columns from zero in the order given; the scale's top is the largest value."""
    height, foot, left = 96, 8, 64
    top = max(values) or 1.0
    width = min(28.0, (_WIDTH - left) / len(values))
    drawn = [
        _line("grid", left, 8, _WIDTH, 8),
        _line("axis", left, height, _WIDTH, height),
        _text("label", left - 10, 12, shown(top)),
        _text("label", left - 10, height + 4, "0"),
    ]
    for place, value in enumerate(values):
        tall = round((height - 8) * value / top, 2)
        drawn.append(
            Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}" rx="1"/>').format(
                round(left + place * width + 1, 2), height - tall, round(width - 2, 2), max(tall, 1)
            )
        )
    return _svg(height + foot, title, drawn)


def _power(power: int) -> str:
    if -4 <= power <= 4:
        return f"{10.0**power:g}"
    return "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _text(kind: str, x: float, y: float, text: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(kind, x, y, text)


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(kind, x1, y1, x2, y2)


def _svg(height: float, title: str, inside: Sequence[Markup], width: int = _WIDTH) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(width, height, title, Markup("").join(inside))
