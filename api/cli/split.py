"""`avow split`: a model cut at one tensor, its first part proven with hidden weights."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from avow.api.local.output import check_output, write_output

if TYPE_CHECKING:
    from avow.verifier.bundle import Bundle
    from avow.verifier.mixed.split_record import SplitRecord

FILE = click.Path(path_type=Path)
_SECONDS = 3600


@click.group()
def split() -> None:
    """Hide a model's first part in a proof, claim the rest: one tensor between them is public."""


@split.command(name="compile")
@click.argument("model")
@click.option("--at", "tensor", required=True, metavar="TENSOR", help="Where to cut.")
@click.option("--output", type=FILE, required=True, help="The split record to write.")
@click.option(
    "--input",
    "input_visibility",
    type=click.Choice(["public", "private"]),
    default="public",
    show_default=True,
    help="private: the first part's proof hides the input, too.",
)
@click.option("--srs", "srs_file", type=FILE, help="SRS file to make keys with.")
@click.option("--srs-digest", metavar="SHA256", help="SHA-256 of that file, known from elsewhere.")
@click.option("--unsafe-srs", is_flag=True, help="Make an SRS here: development only, marked so.")
@click.option(
    "--input-scale",
    "scale",
    type=int,
    metavar="BITS",
    help="Fractional bits of the first part's numbers; by default calibrated.",
)
@click.option(
    "--bits",
    type=click.Choice(["8", "12", "16"]),
    help="Width of the second part's numbers; by default the cheapest that keeps fidelity.",
)
@click.option(
    "--range",
    "bounds",
    metavar="LO:HI",
    help="Real values between the parts that the second must take; by default what calibration "
    "shows and 25 % more.",
)
@click.option(
    "--window",
    type=click.IntRange(60, 30 * 24 * 3600),
    metavar="SECONDS",
    help="For how long a claim of the second part may be challenged; by default an hour.",
)
@click.option("--memory", type=click.IntRange(64), metavar="MIB", help="Most that a step may use.")
@click.option("--seconds", type=click.IntRange(1), default=_SECONDS, help="Most that a step takes.")
@click.option("--no-whole", is_flag=True, help="Leave the whole file's SHA-256 out of the record.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
def compile_command(
    model: str,
    tensor: str,
    output: Path,
    input_visibility: str,
    srs_file: Path | None,
    srs_digest: str | None,
    unsafe_srs: bool,
    scale: int | None,
    bits: str | None,
    bounds: str | None,
    window: int | None,
    memory: int | None,
    seconds: int,
    no_whole: bool,
    as_json: bool,
) -> None:
    """Cut MODEL, compile its first part for ezkl with hashed weights, the rest for optimistic.

    The second part takes the integers of the first part's circuit unchanged. Both parts become
    models of the store, named MODEL-first and MODEL-second. The record says which they are, what
    passes between them, and how far both together are from the float model.
    """
    from avow.api.cli.compile import chosen_srs, reporter
    from avow.circuits.ezkl.child import Limits
    from avow.circuits.memory import machine_bytes
    from avow.circuits.optimistic.compile import WINDOW_SECONDS
    from avow.circuits.split import Options, compile_split
    from avow.models.catalogue import resolve
    from avow.models.schema import parse_range
    from avow.models.store import ModelStore
    from avow.prover.config import from_environment
    from avow.verifier.records import InputVisibility

    config = from_environment()
    srs = chosen_srs(srs_file, srs_digest, unsafe_srs, config.home / "srs", "ezkl")
    wanted = None if bounds is None else parse_range(bounds)
    if wanted is not None and wanted.name is not None:
        raise click.UsageError(f"--range: expected LO:HI, got {bounds!r}")
    options = Options(
        srs=srs,
        limits=Limits(float(seconds), memory * 2**20 if memory else machine_bytes() * 9 // 10),
        input=InputVisibility.PUBLIC if input_visibility == "public" else InputVisibility.HASHED,
        scale=scale,
        bits=None if bits is None else int(bits),
        window=WINDOW_SECONDS if window is None else window,
        bounds=None if wanted is None else (wanted.low, wanted.high),
        names_whole=not no_whole,
    )
    whole = resolve(ModelStore.at(config.home), model)
    # Before minutes of work, whose record would be lost where this cannot be.
    check_output(output)
    made = compile_split(whole, tensor, options, config.home, config.artifacts, reporter())
    write_output(output, made.record.encode())
    if as_json:
        click.echo(json.dumps(made.record.to_json(), indent=2))
        return
    print_record(made.record)
    for name, artifact in (("first", made.first), ("second", made.second)):
        record = artifact.record
        click.echo(f"  {name:<12} {record.system} 0x{record.digest().hex()}")
    click.echo(f"  memory       {made.first.record.proving_memory_bytes // 10**6} MB predicted")
    click.echo(f"wrote {output}")


@split.command()
@click.argument("record", type=FILE)
@click.option(
    "--input",
    "source",
    type=FILE,
    required=True,
    help="npz with arrays named like the model's inputs.",
)
@click.option("--row", type=click.IntRange(0), default=0, help="Which row of it; 0 if absent.")
@click.option("--output", type=FILE, required=True, help="Folder for both bundles.")
@click.option("--nonce", type=int, help="The client's number for this request; random if absent.")
@click.option("--seconds", type=click.IntRange(1), default=_SECONDS, help="Most that a step takes.")
@click.option("--allow-unsafe-srs", is_flag=True, help="Prove with a locally made SRS.")
def run(
    record: Path,
    source: Path,
    row: int,
    output: Path,
    nonce: int | None,
    seconds: int,
    allow_unsafe_srs: bool,
) -> None:
    """Answer one input: prove the first part, hand its tensor on, claim the rest.

    Writes first.avow.json and second.avow.json, checked together before. Both parts must be
    compiled on this machine. Exit status 2 when an input is refused.
    """
    from avow.models.data import load_row
    from avow.models.schema import quantise_row
    from avow.prover import memory
    from avow.prover.config import from_environment
    from avow.prover.split import answer_split, find_pair
    from avow.prover.systems.system import Limits

    if nonce is not None and not 1 <= nonce < 2**256:
        raise click.UsageError(f"--nonce: expected 1 to 2^256 - 1, got {nonce}")
    pair = find_pair(read_record(record), from_environment())
    model = pair.first.model
    rows = load_row(source, model.inputs, row)
    # Before the proof, which would be lost where this cannot be.
    paths = output / "first.avow.json", output / "second.avow.json"
    output.mkdir(parents=True, exist_ok=True)
    for path in paths:
        check_output(path)
    shown = ""

    def tick(stage: str, percent: int | None) -> None:
        nonlocal shown
        if stage != shown:
            click.echo(f"  {stage}", err=True)
        shown = stage

    made = answer_split(
        pair,
        quantise_row(model, rows, row),
        Limits(float(seconds), memory.available()),
        tick,
        nonce=nonce,
        allow_unsafe_srs=allow_unsafe_srs,
    )
    for path, data in zip(paths, (made.first, made.second), strict=True):
        write_output(path, data)
        click.echo(f"wrote {path} ({len(data)} bytes)")
    second = made.verdict.second
    for spec, tensor in zip(second.output_specs, second.outputs, strict=True):
        numbers = ", ".join(f"{real:g}" for real in spec.dequantise(tensor)[:16])
        click.echo(f"  answer    {spec.name} = [{numbers}]")


@split.command()
@click.argument("record", type=FILE)
@click.argument("model", type=FILE, metavar="MODEL.onnx")
@click.argument("first", type=FILE, metavar="FIRST")
@click.argument("second", type=FILE, metavar="SECOND")
def check(record: Path, model: Path, first: Path, second: Path) -> int:
    """Cut MODEL.onnx again: are these bundles' models its two parts?

    For who has the whole file, hidden weights included. Whether the keys belong to those parts,
    `avow model check` tells of either bundle. Exit status 0 when all is equal, 1 when not.
    """
    from avow.models.errors import ModelError
    from avow.models.load import load_model
    from avow.models.split import split as cut

    found, whole = read_record(record), load_model(model)
    bundles = (_bundle(first), _bundle(second))
    try:
        parts = cut(whole, found.between.name)
    except ModelError as error:
        click.echo(f"  DIFFERS     whole  {error}")
        click.echo("DIFFERS")
        return 1
    compared = [
        ("whole", found.whole, whole.sha256),
        ("first model", found.first.model, bundles[0].model.digest()),
        ("second model", found.second.model, bundles[1].model.digest()),
        ("first part", bundles[0].model.onnx_sha256, parts.first.sha256),
        ("second part", bundles[1].model.onnx_sha256, parts.second.sha256),
    ]
    same = True
    for what, recorded, own in compared:
        if recorded is None:
            click.echo(f"  NOT CHECKED {what}: the record does not name it")
        elif recorded == own:
            click.echo(f"  equal       {what}  0x{own.hex()}")
        else:
            click.echo(f"  DIFFERS     {what}  recorded 0x{recorded.hex()}, found 0x{own.hex()}")
            same = False
    click.echo("CHECKED: the parts are this model's" if same else "DIFFERS")
    return int(not same)


def read_record(path: Path) -> "SplitRecord":
    """The split record in a file; raises `ModelError` for anything else."""
    from avow.models.errors import ModelError
    from avow.models.files import read_bounded
    from avow.verifier.errors import VerificationError
    from avow.verifier.limits import LIMITS
    from avow.verifier.mixed.split_record import parse_split_record

    try:
        return parse_split_record(read_bounded(path, LIMITS.record_bytes, "split record"))
    except VerificationError as error:
        raise ModelError(f"{path}: {error.message}") from error


def print_record(record: "SplitRecord") -> None:
    """Print what a split record says."""
    between, fidelity = record.between, record.fidelity
    kind = f"{between.element_type.value} {'x'.join(map(str, between.shape))}"
    click.echo(f"0x{record.digest().hex()}  split at {between.name!r}")
    click.echo(f"  between      {kind}, scale {between.scale}, for all to see")
    if fidelity is None:
        click.echo("  fidelity     no held-out rows")
        return
    click.echo(
        f"  fidelity     {fidelity.rows} held-out rows, top-1 agreement {fidelity.agreement}, "
        f"error at most {fidelity.max_error}, {fidelity.mean_error} on average"
        f"{'' if fidelity.sufficient else ' (insufficient)'}"
    )


def _bundle(path: Path) -> "Bundle":
    from avow.models.errors import ModelError
    from avow.models.files import read_bounded
    from avow.verifier.bundle import parse_bundle
    from avow.verifier.errors import VerificationError
    from avow.verifier.limits import LIMITS

    try:
        return parse_bundle(read_bounded(path, LIMITS.bundle_bytes, "bundle"))
    except VerificationError as error:
        raise ModelError(f"{path}: {error.message}") from error
