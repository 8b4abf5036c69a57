"""A picture of a program: its outputs against the float model's, and the error of every layer."""

from pathlib import Path
from typing import Any

import numpy as np

from avow.api.figures import figure_of_matplotlib, save
from avow.api.local.output import check_output
from avow.models.compiler.stored import both_outputs
from avow.models.program.layers import Layer, layers
from avow.models.programs import KeptProgram
from avow.models.store import StoredModel

_ROWS = 256
# More labels than this cannot be read.
_LABELS = 40
_FLOAT, _MEAN, _WORST = "#4c72b0", "#55a868", "#c44e52"


def draw_program(stored: StoredModel, kept: KeptProgram, path: Path) -> None:
    """Draw into a new file, its kind taken from its ending.

    Raises `ApiError` where matplotlib is missing or the ending is another.
    """
    figure_class = figure_of_matplotlib(path)
    check_output(path)
    program, _ = kept.load()
    measured = [
        layer for layer in layers(program, kept.report) if layer.max_error and layer.mean_error
    ]
    height = 5.2 if len(measured) > _LABELS else min(10.0, max(4.8, 1.6 + 0.3 * len(measured)))
    figure = figure_class(figsize=(12.5, height), layout="constrained", dpi=130)
    bits, name = kept.report["bits"], f"{stored.record.name}@{stored.record.version}"
    figure.suptitle(
        f"{name} at {bits} bits, program 0x{kept.digest.hex()[:16]}…", fontweight="bold"
    )
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    _outputs(left, stored, kept)
    _errors(right, measured, kept.report["layers_measured_on"])
    save(figure, path)


def _outputs(axes: Any, stored: StoredModel, kept: KeptProgram) -> None:
    real, exact, source = both_outputs(stored, kept, _ROWS)
    low, high = float(min(real.min(), exact.min())), float(max(real.max(), exact.max()))
    edge = 0.04 * (high - low) or 1.0
    ends = (low - edge, high + edge)
    axes.plot(ends, ends, color="0.35", linewidth=0.9, label="equal", zorder=1)
    axes.scatter(
        real.reshape(-1),
        exact.reshape(-1),
        s=9,
        alpha=0.35,
        color=_FLOAT,
        linewidths=0,
        label=f"{real.size:,} outputs of {len(real)} {source} rows",
        # A hundred thousand points would make a vector file unreadable.
        rasterized=True,
        zorder=2,
    )
    axes.set(
        xlim=ends,
        ylim=ends,
        xlabel="float model (onnxruntime float32)",
        ylabel="integer program, integer / 2^scale",
        title=f"Outputs; error at most {np.abs(real - exact).max():.3g}",
    )
    axes.set_aspect("equal")
    axes.grid(alpha=0.25)
    axes.legend(loc="upper left", framealpha=0.9)


def _errors(axes: Any, measured: list[Layer], source: str) -> None:
    axes.set_title(f"Error against the float model, layer by layer ({source} rows)")
    if not measured:
        axes.text(0.5, 0.5, "no layer has an error to show", ha="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    unit = "error in the layer's real units"
    at = np.arange(len(measured))
    worst = np.array([layer.max_error for layer in measured])
    mean = np.array([layer.mean_error for layer in measured])
    if len(measured) > _LABELS:
        tensors = [layer.tensor for layer in measured]
        axes.plot(tensors, worst, color=_WORST, linewidth=1.0, marker=".", label="largest")
        axes.plot(tensors, mean, color=_MEAN, linewidth=1.0, marker=".", label="mean")
        axes.set(
            xlabel="tensor of the program, numbered as in the table",
            ylabel=unit,
        )
        axes.set_yscale("log")
        axes.grid(alpha=0.25)
    else:
        axes.hlines(at, mean, worst, color="0.75", linewidth=2.2, zorder=1)
        axes.scatter(worst, at, color=_WORST, s=34, label="largest", zorder=2)
        axes.scatter(mean, at, color=_MEAN, s=34, label="mean", zorder=2)
        axes.set_yticks(at, [_label(layer) for layer in measured], fontsize=8)
        axes.invert_yaxis()
        axes.set(xlabel=unit)
        axes.set_xscale("log")
        axes.grid(axis="x", alpha=0.25)
    axes.legend(loc="best", framealpha=0.9)


def _label(layer: Layer) -> str:
    parts = [part for part in layer.node.split("/") if part]
    return f"{layer.tensor}  {'/'.join(parts[-2:])} ({layer.kind})"
