"""matplotlib, where it is installed: an extra that only pictures need."""

from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

from avow.api.errors import ApiError
from avow.api.local.output import write_output

FORMATS = (".png", ".svg", ".pdf")


def figure_of_matplotlib(path: Path) -> Any:
    """matplotlib's Figure, once the file's ending is one that it can draw."""
    if path.suffix.lower() not in FORMATS:
        raise ApiError(f"--plot: expected a file ending in {', '.join(FORMATS)}, got {path.name!r}")
    try:
        # Without pyplot there is no window system to look for.
        return import_module("matplotlib.figure").Figure
    except ImportError as error:
        raise ApiError("drawing needs matplotlib: pip install 'avow[plot]'") from error


def save(figure: Any, path: Path) -> None:
    """Write the whole picture, or leave what was there; its kind is that of the file's ending."""
    drawn = BytesIO()
    figure.savefig(drawn, format=path.suffix.lower().removeprefix("."))
    write_output(path, drawn.getvalue())
