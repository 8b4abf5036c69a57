"""`avow model split`: the two ONNX files that a model is cut into."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from avow.api.local.output import check_output, write_output

if TYPE_CHECKING:
    from avow.models.data import Rows
    from avow.models.load import Model

_SAMPLES = 16


@click.command()
@click.argument("argument", metavar="MODEL")
@click.option("--at", "tensor", metavar="TENSOR", help="Where to cut; without it, list where.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder for both files.")
def split(argument: str, tensor: str | None, output: Path | None) -> None:
    """Cut a model at one tensor: first.onnx and second.onnx, together the same as the whole.

    MODEL is a stored model or an ONNX file. Both parts are run one after the other and compared
    with the whole, on the stored model's calibration rows, or on random ones for a file that is
    not in the store. `avow split compile` does this, too, and compiles both parts.
    """
    from avow.models.split import check_composition, split_places
    from avow.models.split import split as cut

    model, rows = _model(argument)
    if tensor is None:
        for port in split_places(model):
            click.echo(f"{port.name}  {list(port.shape)}")
        return
    parts = cut(model, tensor)
    files = {}
    if output is not None:
        files = {output / "first.onnx": parts.first, output / "second.onnx": parts.second}
        # Before both are run.
        output.mkdir(parents=True, exist_ok=True)
        for path in files:
            check_output(path)
    difference = check_composition(model, parts, rows)
    click.echo(f"split at {parts.port.name!r} {list(parts.port.shape)}")
    click.echo(f"  {len(rows)} rows: parts and whole differ by at most {difference:g}")
    for name, part in (("first", parts.first), ("second", parts.second)):
        click.echo(f"  {name:<8} sha256 {part.sha256.hex()}, {part.parameters} parameters")
    for path, part in files.items():
        write_output(path, part.data)
        click.echo(f"wrote {path}")


def _model(argument: str) -> "tuple[Model, Rows]":
    from avow.models.catalogue import resolve
    from avow.models.errors import NotInStore
    from avow.models.load import load_model
    from avow.models.store import ModelStore
    from avow.prover.config import from_environment

    try:
        stored = resolve(ModelStore.at(from_environment().home), argument)
        return stored.model(), stored.calibration()
    except NotInStore:
        model = load_model(Path(argument))
        return model, _random_rows(model)


def _random_rows(model: "Model") -> "Rows":
    import numpy as np

    from avow.models.data import Rows

    random = np.random.default_rng(0)
    shapes = [port.shape for port in model.inputs]
    return Rows(tuple(random.uniform(-1, 1, (_SAMPLES, *shape)) for shape in shapes), None)
