"""`avow model`: taking in, exporting, listing and showing models."""

import json
from pathlib import Path
from typing import Any

import click

from avow.api.cli.model_check import check
from avow.api.cli.model_input import write_input
from avow.api.cli.model_sign import sign
from avow.api.cli.model_split import split
from avow.api.cli.program import compile_program, plot_program, print_program, program_json
from avow.api.local.output import check_output, write_output
from avow.circuits.placing import recover
from avow.models.catalogue import (
    add_zoo_model,
    built_in_names,
    resolve,
    zoo_card,
    zoo_names,
)
from avow.models.errors import ModelError
from avow.models.export import export_class, parse_input_shape
from avow.models.files import read_bounded
from avow.models.infer import Evaluation, evaluate
from avow.models.intake import Intake, Source, take_in
from avow.models.schema import Identity, parse_range
from avow.models.store import ModelStore, StoredModel
from avow.prover.config import from_environment
from avow.verifier.canonical import Json, parse
from avow.verifier.errors import VerificationError
from avow.verifier.fields import parse_hex
from avow.verifier.limits import LIMITS
from avow.verifier.records import NO_OWNER, Fidelity, parse_system_record
from avow.verifier.tensor import TensorSpec

FILE = click.Path(path_type=Path)


@click.group()
def model() -> None:
    """Add, export, compile, split, list and check models."""


@model.command()
@click.argument("source", metavar="MODEL.onnx|ZOO_NAME")
@click.option("--calibration", type=FILE, help="npz with rows that fix scale and range.")
@click.option("--heldout", type=FILE, help="npz with other rows to measure on; `labels` optional.")
@click.option("--name", help="Name in the record; by default the file's.")
@click.option("--version", help="Version in the record; by default 1.0.0.")
@click.option("--licence", help="Licence in the record; by default `unspecified`.")
@click.option("--owner", help="0x address that is paid for the model's use; by default nobody.")
@click.option(
    "--range",
    "ranges",
    multiple=True,
    metavar="[INPUT=]LO:HI",
    help="Real values that clients may send; by default what calibration shows and 25 % more.",
)
@click.option("--scale", type=int, help="Integers are reals times 2^SCALE; by default chosen.")
@click.option("--json", "as_json", is_flag=True, help="Print the digest and the record as JSON.")
def add(
    source: str,
    calibration: Path | None,
    heldout: Path | None,
    name: str | None,
    version: str | None,
    licence: str | None,
    owner: str | None,
    ranges: tuple[str, ...],
    scale: int | None,
    as_json: bool,
) -> None:
    """Take a model into the store, or one of the zoo's under an owner of your own.

    The file is read, never run as code. Adding the same model again changes nothing.
    """
    store = _store()
    address = NO_OWNER if owner is None else _parse_owner(owner)
    if source in built_in_names():
        given = (calibration, heldout, name, version, licence, scale, *ranges)
        if any(option is not None for option in given):
            raise ModelError(f"{source!r} comes with Avow: only --owner can be chosen for it")
        intake = add_zoo_model(store, source, address)
    else:
        if calibration is None:
            known = ", ".join(built_in_names())
            raise ModelError(
                f"a model needs --calibration FILE.npz (or name one that comes with Avow: {known})"
            )
        files = Source(Path(source), calibration, heldout, tuple(map(parse_range, ranges)), scale)
        identity = Identity(
            name or Path(source).stem, version or "1.0.0", licence or "unspecified", address
        )
        intake = take_in(store, files, identity)
    if as_json:
        click.echo(json.dumps(_description(intake.stored), indent=2))
    else:
        _print_intake(intake)


@model.command()
@click.argument("target", metavar="MODULE:CLASS")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    required=True,
    metavar="SHAPE[:float32]",
    help="Shape of an input with its batch of 1, like 1x64; once per input.",
)
@click.option("--weights", type=FILE, help="State dictionary saved with torch.save.")
@click.option("--output", type=FILE, required=True, help="The ONNX file to write.")
def export(target: str, inputs: tuple[str, ...], weights: Path | None, output: Path) -> None:
    """Turn a torch module into an ONNX file.

    Importing MODULE runs its code, so give only code you trust; the current folder is searched
    too. The class is built without arguments. Weights are read without running any code. Needs
    the [train] extra.
    """
    shapes = tuple(parse_input_shape(text) for text in inputs)
    check_output(output)
    write_output(output, export_class(target, shapes, weights))
    click.echo(f"wrote {output}")


@model.command(name="list")
def list_models() -> None:
    """List the models of the store and those that come with Avow."""
    models, damaged = _store().survey()
    for one in models:
        record = one.record
        click.echo(f"0x{one.digest.hex()}  {record.name}@{record.version}  {record.licence}")
    stored = {one.record.name for one in models}
    for name in built_in_names():
        if name not in stored:
            where = "zoo" if name in zoo_names() else "bench"
            click.echo(f"{f'({where}, not stored yet)':66}  {name}@{zoo_card(name).version}")
    for error in damaged:
        click.echo(f"avow: warning: {error}", err=True)


@model.command()
@click.argument("argument", metavar="MODEL")
@click.option(
    "--plot", type=FILE, help="Draw float against integer outputs and errors: .png, .svg or .pdf."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(argument: str, plot: Path | None, as_json: bool) -> None:
    """Show a model by name, digest, digest prefix or ONNX file.

    Of a model that was compiled to its integer program, every operation with its size and error.
    """
    home = from_environment().home
    stored = resolve(ModelStore.at(home), argument)
    if plot is not None:
        plot_program(home, stored, plot)
    if as_json:
        click.echo(json.dumps(_description(stored) | program_json(home, stored), indent=2))
        return
    record, graph = stored.record, stored.model()
    click.echo(f"{record.name}@{record.version}")
    click.echo(f"  digest   0x{stored.digest.hex()}")
    size = f"{len(graph.data)} bytes, opset {graph.opset}"
    click.echo(f"  onnx     sha256 {record.onnx_sha256.hex()}, {size}")
    click.echo(f"  licence  {record.licence}")
    click.echo(f"  owner    {_owner_text(record.owner)}")
    for spec in record.inputs:
        click.echo(f"  input    {_spec_text(spec)}")
    for output in record.outputs:
        click.echo(f"  output   {output.name} {list(output.shape)}")
    for line in _system_lines(stored.digest):
        click.echo(f"  system   {line}")
    rows = stored.held_out()
    if rows is None:
        click.echo("  held out no rows: fidelity of a proof system will be insufficient")
    elif rows.labels is None:
        click.echo(f"  held out {len(rows)} rows without labels")
    else:
        click.echo(f"  held out {_evaluation_text(evaluate(graph, rows))}")
    click.echo(f"  nodes    {len(graph.nodes)}, {graph.parameters} parameters")
    width = max(len(node.operator) for node in graph.nodes)
    for node in graph.nodes:
        click.echo(f"    {node.operator:{width}}  {list(node.shape)!s:20}  {node.name}")
    print_program(home, stored)


def _system_lines(digest: bytes) -> list[str]:
    """One line for each proof system that the model is compiled for on this machine."""
    lines = []
    artifacts = from_environment().artifacts
    recover(artifacts)
    for path in sorted(artifacts.glob("[0-9a-f]*/record.json")):
        data = read_bounded(path, LIMITS.record_bytes, "system record")
        try:
            record = parse_system_record(parse(data, LIMITS.record_bytes, "system record"))
        except VerificationError as error:
            lines.append(f"damaged record {path}: {error.message}")
            continue
        if record.model == digest:
            lines.append(f"{record.system} 0x{record.digest().hex()}")
            lines.append(f"  {_fidelity_text(record.fidelity)}")
    return lines


def _fidelity_text(fidelity: Fidelity) -> str:
    figures = (
        f"{fidelity.rows} held-out rows: agreement {fidelity.agreement}, "
        f"error at most {fidelity.max_error}, on average {fidelity.mean_error}"
    )
    return figures if fidelity.sufficient else f"fidelity insufficient ({figures})"


model.add_command(check)
model.add_command(sign)
model.add_command(compile_program)
model.add_command(write_input)
model.add_command(split)


def _store() -> ModelStore:
    return ModelStore.at(from_environment().home)


def _parse_owner(text: str) -> bytes:
    try:
        return parse_hex(text.lower(), 20, "--owner")
    except VerificationError as error:
        raise ModelError(error.message) from error


def _owner_text(owner: bytes) -> str:
    return "nobody" if owner == NO_OWNER else f"0x{owner.hex()}"


def _spec_text(spec: TensorSpec) -> str:
    unit = 2.0**spec.scale
    return (
        f"{spec.name} {list(spec.shape)} {spec.element_type.value}, "
        f"integer = real * 2^{spec.scale}, real in [{spec.minimum / unit:g}, "
        f"{spec.maximum / unit:g}]"
    )


def _evaluation_text(result: Evaluation) -> str:
    if result.correct is None:
        return f"{result.rows} rows, float model's mean absolute error {result.mean_error:.6g}"
    percent = 100 * result.correct / result.rows
    return f"{result.correct} of {result.rows} rows right by the float model ({percent:.2f} %)"


def _print_intake(intake: Intake) -> None:
    stored = intake.stored
    click.echo(f"0x{stored.digest.hex()}  {stored.record.name}@{stored.record.version}")
    for spec in stored.record.inputs:
        click.echo(f"  input    {_spec_text(spec)}")
    if intake.batch_fixed:
        click.echo("  note     the open batch dimension was set to 1; that file was stored")
    if intake.evaluation is not None:
        click.echo(f"  held out {_evaluation_text(intake.evaluation)}")


def _description(stored: StoredModel) -> dict[str, Any]:
    graph = stored.model()
    nodes: list[Json] = [
        {"name": node.name, "operator": node.operator, "shape": list(node.shape)}
        for node in graph.nodes
    ]
    return {
        "digest": f"0x{stored.digest.hex()}",
        "record": stored.record.to_json(),
        "parameters": graph.parameters,
        "opset": graph.opset,
        "bytes": len(graph.data),
        "nodes": nodes,
    }
