"""`avow model compile`, and what `avow model show` tells of a model's exact integer program."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from avow.models.program.layers import Layer
    from avow.models.programs import KeptProgram
    from avow.models.store import StoredModel


@click.command(name="compile")
@click.argument("argument", metavar="MODEL")
@click.option(
    "--bits",
    type=click.Choice(["8", "12", "16"]),
    help="Width of the program's numbers; by default the cheapest that keeps fidelity.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole report as JSON.")
def compile_program(argument: str, bits: str | None, as_json: bool) -> None:
    """Compile MODEL to its exact integer program and measure how faithful it is.

    The same ONNX file, calibration rows and width give the same `program_digest` on every
    machine. Fidelity is measured against the float model on all held-out rows.
    """
    from avow.models.catalogue import resolve
    from avow.models.compiler.stored import compile_stored
    from avow.models.programs import keep_program
    from avow.models.store import ModelStore
    from avow.prover.config import from_environment

    home = from_environment().home
    stored = resolve(ModelStore.at(home), argument)
    began = time.monotonic()

    def report(what: str) -> None:
        click.echo(f"  {time.monotonic() - began:7.1f} s  {what}", err=True)

    compiled = compile_stored(stored, None if bits is None else int(bits), report)
    seconds = time.monotonic() - began
    kept = keep_program(home, stored.digest, compiled.program, compiled.blobs, compiled.report)
    if as_json:
        head = {
            "model": f"0x{stored.digest.hex()}",
            "folder": str(kept.folder),
            "compile_seconds": round(seconds, 3),
        }
        click.echo(json.dumps(head | kept.report, indent=2))
        return
    click.echo(f"0x{stored.digest.hex()}  {stored.record.name}@{stored.record.version}")
    for line in _summary(kept):
        click.echo(f"  {line}")
    click.echo(f"  seconds         {seconds:.2f}")


def program_json(home: Path, stored: StoredModel) -> dict[str, Any]:
    """What `avow model show --json` adds for a model that has a program; else nothing."""
    from avow.models.program.layers import layers
    from avow.models.programs import kept_program

    kept = kept_program(home, stored.digest)
    if kept is None:
        return {}
    program, _ = kept.load()
    rows = [
        told | {"elements": layer.elements, "constant_bytes": layer.constants}
        for told, layer in zip(kept.report["operations"], layers(program, kept.report), strict=True)
    ]
    return {"program": kept.report | {"folder": str(kept.folder), "operations": rows}}


def print_program(home: Path, stored: StoredModel) -> None:
    """Print summary and table of the model's program, or how to get one."""
    from avow.models.program.layers import layers
    from avow.models.programs import kept_program

    kept = kept_program(home, stored.digest)
    if kept is None:
        click.echo(f"  program  none yet: avow model compile {stored.record.name}")
        return
    click.echo("  program")
    for line in _summary(kept):
        click.echo(f"    {line}")
    program, _ = kept.load()
    for line in _table(layers(program, kept.report)):
        click.echo(f"    {line}")
    rows = "held-out" if kept.report["layers_measured_on"] == "held-out" else "calibration"
    click.echo(
        f"    errors in real units; max and mean are measured on {rows} rows against the float "
        "model, the bound is derived and holds where nothing saturates"
    )
    for one in kept.report["saturation"]:
        if one["hits"]:
            where = one["node"] or "an input"
            click.echo(f"    saturated: {one['hits']} of {one['values']} values at {where}")


def plot_program(home: Path, stored: StoredModel, path: Path) -> None:
    """Draw float against integer outputs and the error per layer; raises `ModelError`."""
    from avow.api.cli.program_plot import draw_program
    from avow.models.errors import ModelError
    from avow.models.programs import kept_program

    kept = kept_program(home, stored.digest)
    if kept is None:
        name = stored.record.name
        raise ModelError(f"{name} has no program to draw; first: avow model compile {name}")
    draw_program(stored, kept, path)
    click.echo(f"wrote {path}", err=True)


def _summary(kept: KeptProgram) -> list[str]:
    report = kept.report
    lines = [
        f"program_digest  0x{kept.digest.hex()}",
        f"folder          {kept.folder}",
        f"bits            {report['reason']}",
        f"fidelity        {_fidelity(report['fidelity'])}",
    ]
    lines += [
        f"tried           {one['bits']} bits: {_fidelity(one)}" for one in report["tried"][:-1]
    ]
    lines.append(
        f"size            {len(report['operations'])} operations, "
        f"{report['multiplications']:,} multiplications, {report['program_bytes']:,} bytes and "
        f"{report['blob_bytes']:,} bytes of constants"
    )
    return lines


def _fidelity(told: dict[str, Any] | None) -> str:
    if told is None:
        return "insufficient: there are no held-out rows"
    agreement = (
        "" if told["agreement"] is None else f"top-1 agreement {100 * told['agreement']:.2f} %, "
    )
    return (
        f"{told['verdict']}: {told['rows']} held-out rows, {agreement}error at most "
        f"{told['max_error']:.3g}, {told['mean_error']:.3g} on average (outputs span "
        f"{told['output_range']:.3g})"
    )


_TITLES = ("#", "operation", "shape", "bytes", "mults", "scale", "max", "mean", "bound", "node")
_LEFT = ("operation", "shape", "node")


def _table(rows: list[Layer]) -> list[str]:
    cells = [list(_TITLES)]
    cells += [
        [
            str(row.tensor),
            row.kind,
            "x".join(map(str, row.shape)) or "1",
            f"{row.constants:,}" if row.constants else "",
            f"{row.multiplications:,}" if row.multiplications else "",
            f"2^{row.scale}",
            _figure(row.max_error),
            _figure(row.mean_error),
            _figure(row.bound),
            row.node,
        ]
        for row in rows
    ]
    widths = [max(len(line[at]) for line in cells) for at in range(len(_TITLES))]
    return [
        "  ".join(
            cell.ljust(width) if title in _LEFT else cell.rjust(width)
            for cell, width, title in zip(line, widths, _TITLES, strict=True)
        ).rstrip()
        for line in cells
    ]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"
