"""A handwritten digit as text."""

from collections.abc import Sequence

_SHADES = " .:-=+*#%@"


def draw(pixels: Sequence[float], width: int) -> list[str]:
    """Lines of text for `width` pixels a row, each in [0, 1]; a pixel is two characters wide."""
    shades = [_SHADES[min(len(_SHADES) - 1, int(value * len(_SHADES)))] * 2 for value in pixels]
    return ["".join(shades[at : at + width]).rstrip() for at in range(0, len(shades), width)]
