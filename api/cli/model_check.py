"""`avow model check`: whether a key was really made from a model's ONNX file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from avow.verifier.records import SystemRecord

_DIFFERS = 1


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("subject", metavar="RECORD|ARTIFACT|BUNDLE")
@click.option("--srs", type=click.Path(path_type=Path), help="SRS file; by default the artifact's.")
@click.option("--no-evm", is_flag=True, help="Do not compile the Solidity verifier again.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparisons as JSON.")
def check(model: str, subject: str, srs: Path | None, no_evm: bool, as_json: bool) -> int:
    """Compile MODEL again and compare every digest with a system record.

    The record is given by its digest, as an artifact's folder, or inside a bundle. Exit status 0
    and CHECKED when all are equal, 1 when one differs. A policy that lists the record in
    `checked_records` then gives verdicts with `model binding: CHECKED`.
    """
    from avow.circuits.errors import CircuitError
    from avow.circuits.ezkl.child import Limits
    from avow.circuits.ezkl.recheck import Subject, recheck
    from avow.models.catalogue import resolve
    from avow.models.store import ModelStore
    from avow.prover.config import from_environment

    config = from_environment()
    record, settings, own_srs = _subject(subject, config.artifacts)
    chosen = srs or own_srs
    if chosen is None:
        raise CircuitError("a bundle names no SRS file: give the one it was compiled with by --srs")
    stored = resolve(ModelStore.at(config.home), model)
    solc = config.contracts / "solc"
    found = recheck(
        Subject(
            model=stored.model(),
            model_record=stored.record,
            record=record,
            settings=settings,
            srs=chosen,
            solc=None if no_evm else solc,
        ),
        Limits(),
        lambda line: click.echo(f"  {line}", err=True),
    )
    same = all(one.equal or one.found is None for one in found)
    if as_json:
        comparisons = [
            {"what": one.what, "recorded": one.recorded, "found": one.found} for one in found
        ]
        click.echo(json.dumps({"checked": same, "comparisons": comparisons}, indent=2))
        return 0 if same else _DIFFERS
    for one in found:
        if one.found is None:
            click.echo(f"  NOT CHECKED {one.what}")
        elif one.equal:
            click.echo(f"  equal       {one.what}  {one.found}")
        else:
            click.echo(f"  DIFFERS     {one.what}  recorded {one.recorded}, found {one.found}")
    if same:
        click.echo("  NOT CHECKED fidelity: how near the circuit is to the float model")
        click.echo(f"CHECKED: record 0x{record.digest().hex()} was computed from this model")
        return 0
    click.echo("DIFFERS: this record is not of this model as it claims")
    return _DIFFERS


def _subject(text: str, artifacts: Path) -> tuple["SystemRecord", bytes, Path | None]:
    """Record, settings and SRS file (None for a bundle) of what the argument names."""
    from avow.circuits.artifact import find_artifact
    from avow.circuits.ezkl.artifact import of_ezkl
    from avow.circuits.files import read_file
    from avow.verifier.bundle import parse_bundle
    from avow.verifier.limits import LIMITS
    from avow.verifier.systems.ezkl.material import parse_material

    path = Path(text)
    if path.is_dir() or path.name == "record.json" or not path.exists():
        artifact = of_ezkl(find_artifact(text, artifacts))
        return artifact.record, artifact.settings(), artifact.srs.path
    bundle = parse_bundle(read_file(path, LIMITS.bundle_bytes))
    return bundle.system, parse_material(bundle.material).settings, None
