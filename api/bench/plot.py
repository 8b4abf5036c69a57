"""A bar chart of the medians as SVG, without a plotting library."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

_COLUMNS = (("setup_s", "setup"), ("prove_s", "prove"), ("verify_s", "verify"))
_COLOURS = ("#8da0cb", "#fc8d62", "#66c2a5")
_LABEL, _WIDTH, _BAR, _GAP = 220, 480, 16, 18


def chart(rows: Sequence[dict[str, object]]) -> str:
    """Seconds of setup, proof and verification for each row."""
    values = [[float(str(row[key])) for key, _ in _COLUMNS] for row in rows]
    longest = max((value for line in values for value in line), default=0.0) or 1.0
    parts = []
    at = _GAP
    for row, line in zip(rows, values, strict=True):
        name = escape(f"{row['model']} ({row['system']})")
        parts.append(f'<text x="8" y="{at + 2 * _BAR}">{name}</text>')
        for value, (_, label), colour in zip(line, _COLUMNS, _COLOURS, strict=True):
            width = max(1.0, _WIDTH * value / longest)
            parts.append(
                f'<rect x="{_LABEL}" y="{at}" width="{width:.1f}" height="{_BAR - 2}" '
                f'fill="{colour}"/>'
                f'<text x="{_LABEL + width + 6:.1f}" y="{at + _BAR - 5}">'
                f"{label} {value:.3g} s</text>"
            )
            at += _BAR
        at += _GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LABEL + _WIDTH + 160}" height="{at}" '
        f'font-family="sans-serif" font-size="12">{"".join(parts)}</svg>\n'
    )
