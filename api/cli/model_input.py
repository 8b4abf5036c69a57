"""`avow model input`: inputs as an order's address has to give them, and what the order says."""

import json
from pathlib import Path

import click

from avow.api.local.output import write_output
from avow.models.catalogue import resolve
from avow.models.data import load_row
from avow.models.schema import quantise_row
from avow.models.store import ModelStore
from avow.prover.config import from_environment
from avow.verifier.trace.inputs import commit_input


@click.command("input")
@click.argument("model")
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path),
    required=True,
    help="npz with arrays named like the model's inputs.",
)
@click.option("--row", type=click.IntRange(0), default=0, help="Which row of it; 0 if absent.")
@click.option(
    "--output",
    "target",
    type=click.Path(path_type=Path),
    required=True,
    help="File for the inputs' bytes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def write_input(model: str, source: Path, row: int, target: Path, as_json: bool) -> None:
    """Write inputs of MODEL as an order needs them, and print their commitment.

    The file has the integers of all inputs, one input after the other, row-major and big-endian:
    what an order contains, or what has to lie at the address that it names. An order of public
    inputs also names the scheme and the value that are printed.
    """
    stored = resolve(ModelStore.at(from_environment().home), model)
    rows = load_row(source, stored.record.inputs, row)
    tensors = quantise_row(stored.record, rows, row)
    committed = commit_input(tensors)
    data = b"".join(tensor.data() for tensor in tensors)
    write_output(target, data)
    scheme, value = int(committed.scheme), f"0x{committed.value.hex()}"
    if as_json:
        click.echo(json.dumps({"bytes": len(data), "scheme": scheme, "value": value}, indent=2))
        return
    click.echo(f"scheme {scheme}")
    click.echo(f"value {value}")
    click.echo(f"wrote {target} ({len(data)} bytes)")
