"""`avow compile`: from a stored model to an artifact with keys, record and EVM verifier."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from avow.circuits.artifact import Artifact
    from avow.circuits.srs_choice import Srs

_SYSTEMS = ("ezkl", "ezkl/v1")


@click.command(name="compile")
@click.argument("model")
@click.option("--system", default="ezkl", show_default=True, help="Proof system: ezkl.")
@click.option(
    "--input",
    "input_visibility",
    type=click.Choice(["public", "private"]),
    default="public",
    show_default=True,
    help="private: the proof shows a salted hash of the input instead of it.",
)
@click.option(
    "--weights",
    type=click.Choice(["fixed", "hashed", "private"]),
    default="fixed",
    show_default=True,
    help="fixed: in the key, for all to see. hashed: hidden, bound by their hash.",
)
@click.option(
    "--srs", "srs_file", type=click.Path(path_type=Path), help="SRS file to make keys with."
)
@click.option("--srs-digest", metavar="SHA256", help="SHA-256 of that file, known from elsewhere.")
@click.option("--unsafe-srs", is_flag=True, help="Make an SRS here: development only, marked so.")
@click.option(
    "--target",
    type=click.Choice(["resources", "accuracy"]),
    default="resources",
    show_default=True,
    help="What calibration prefers.",
)
@click.option(
    "--input-scale",
    "scale",
    type=int,
    metavar="BITS",
    help="Fractional bits of the circuit's numbers; by default calibrated.",
)
@click.option("--no-evm", is_flag=True, help="Leave out the Solidity verifier.")
@click.option("--memory", type=click.IntRange(64), metavar="MIB", help="Most that a step may use.")
@click.option(
    "--seconds",
    type=click.IntRange(1),
    default=6 * 3600,
    show_default=True,
    help="Most that a step may take.",
)
@click.option("--force", is_flag=True, help="Do every step again.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
def compile_command(
    model: str,
    system: str,
    input_visibility: str,
    weights: str,
    srs_file: Path | None,
    srs_digest: str | None,
    unsafe_srs: bool,
    target: str,
    scale: int | None,
    no_evm: bool,
    memory: int | None,
    seconds: int,
    force: bool,
    as_json: bool,
) -> None:
    """Compile MODEL for a proof system.

    MODEL is a name, a digest or an ONNX file in the store, or comes with Avow. Makes settings,
    calibration, keys, a Solidity verifier and the system record, measures fidelity on the held-out
    rows with the circuit itself, and proves and checks one row. Finished steps are kept: after
    a stop, the same command goes on where it was.
    """
    from avow.circuits.errors import CircuitError
    from avow.circuits.ezkl.child import Limits
    from avow.circuits.ezkl.compile import Options, Source, compile_model
    from avow.circuits.ezkl.settings import Target, Wishes
    from avow.circuits.memory import machine_bytes
    from avow.models.catalogue import resolve
    from avow.models.store import ModelStore
    from avow.prover.config import from_environment
    from avow.verifier.records import InputVisibility, WeightVisibility

    if system not in _SYSTEMS:
        raise CircuitError(f"expected --system {_SYSTEMS[0]}, got {system[:40]!r}")
    if weights == "private":
        raise CircuitError(
            "private weights without a commitment bind nothing: any weights would prove; "
            "take --weights hashed to hide them"
        )
    config = from_environment()
    srs = _srs(srs_file, srs_digest, unsafe_srs, config.home / "srs")
    if unsafe_srs:
        click.echo(
            "avow: warning: UNSAFE SRS: its secret is known to this machine, so proofs can be "
            "forged; for development only",
            err=True,
        )
    stored = resolve(ModelStore.at(config.home), model)
    source = Source(stored.record, stored.model(), stored.calibration(), stored.held_out())
    wishes = Wishes(
        input=InputVisibility.PUBLIC if input_visibility == "public" else InputVisibility.HASHED,
        weights=WeightVisibility(weights),
        target=Target(target),
        scale=scale,
    )
    limits = Limits(
        seconds=float(seconds),
        memory_bytes=memory * 2**20 if memory else machine_bytes() * 9 // 10,
    )
    solc = None if no_evm else config.contracts / "solc"
    began = time.monotonic()

    def report(step: str, what: str) -> None:
        click.echo(f"  {time.monotonic() - began:7.1f} s  {step}: {what}", err=True)

    click.echo(
        f"compiling {stored.record.name}@{stored.record.version} for ezkl/v1, "
        f"input {input_visibility}, weights {weights}",
        err=True,
    )
    options = Options(wishes, srs, solc, limits, force)
    artifact = compile_model(source, options, config.artifacts, report)
    if as_json:
        click.echo(json.dumps(_description(artifact), indent=2))
    else:
        _print(artifact)


def _srs(path: Path | None, digest: str | None, unsafe: bool, folder: Path) -> "Srs":
    from avow.circuits.errors import CircuitError
    from avow.circuits.srs import inspect
    from avow.circuits.srs_choice import PinnedSrs, UnsafeSrs
    from avow.prover.native.curve import NativeCurve

    if unsafe:
        if path is not None or digest is not None:
            raise CircuitError("--unsafe-srs makes an SRS here: leave --srs and --srs-digest out")
        return UnsafeSrs(folder, NativeCurve())
    if path is None:
        raise CircuitError(
            "an SRS is needed: --srs FILE --srs-digest SHA256, or --unsafe-srs for development"
        )
    if digest is None:
        raise CircuitError(
            f"--srs-digest is missing: {path.name} has SHA-256 {inspect(path).sha256.hex()}; "
            "compare that with what the ceremony publishes"
        )
    text = digest.lower().removeprefix("0x")
    if len(text) != 64 or any(character not in "0123456789abcdef" for character in text):
        raise CircuitError(f"--srs-digest takes 64 hexadecimal digits, got {digest[:80]!r}")
    return PinnedSrs(path, bytes.fromhex(text))


def _description(artifact: "Artifact") -> dict[str, object]:
    return {
        "artifact": str(artifact.folder),
        "digest": f"0x{artifact.record.digest().hex()}",
        "fidelity_sufficient": artifact.record.fidelity.sufficient,
        "record": artifact.record.to_json(),
    }


def _print(artifact: "Artifact") -> None:
    record = artifact.record
    fidelity = record.fidelity
    measured = (
        f"{fidelity.rows} held-out rows, top-1 agreement {fidelity.agreement}, "
        f"error at most {fidelity.max_error}, {fidelity.mean_error} on average"
        if fidelity.rows
        else "no held-out rows"
    )
    click.echo(f"0x{record.digest().hex()}  {artifact.model.name}@{artifact.model.version}")
    click.echo(f"  artifact     {artifact.folder}")
    click.echo(f"  key          0x{record.key.hex()}")
    click.echo(f"  program      0x{record.program.hex()}")
    if record.srs is not None:
        safe = "pinned by its owner" if record.srs.safe else "UNSAFE: generated on this machine"
        click.echo(f"  srs          0x{record.srs.digest.hex()} ({safe})")
    click.echo(
        f"  visibility   input {record.input_visibility.value}, "
        f"weights {record.weight_visibility.value}"
    )
    click.echo(f"  fidelity     {measured}{'' if fidelity.sufficient else ' (insufficient)'}")
    click.echo(
        f"  constraints  {record.constraints} rows, 2^{record.detail('logrows')} in the circuit"
    )
    click.echo(f"  memory       {record.proving_memory_bytes // 10**6} MB predicted for a proof")
    if record.evm_codehash is not None:
        click.echo(f"  evm verifier codehash 0x{record.evm_codehash.hex()}")
