"""`avow compile`: from a stored model to an artifact with keys and record, for either system."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from avow.circuits.artifact import Artifact
    from avow.circuits.srs_choice import Srs
    from avow.models.store import StoredModel

EZKL, OPTIMISTIC, SUMCHECK, TEE = "ezkl", "optimistic", "sumcheck", "tee"
_SECONDS = 6 * 3600


@click.command(name="compile")
@click.argument("model")
@click.option(
    "--system",
    help="System: sumcheck, ezkl, optimistic or tee; by default sumcheck, ezkl where something is "
    "hidden.",
)
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
    "--srs",
    "srs_file",
    type=click.Path(path_type=Path),
    help="SRS file to make keys with; for sumcheck also a .ptau file.",
)
@click.option("--srs-digest", metavar="SHA256", help="SHA-256 of that file, known from elsewhere.")
@click.option("--unsafe-srs", is_flag=True, help="Make an SRS here: development only, marked so.")
@click.option(
    "--bits",
    type=click.Choice(["8", "12", "16"]),
    help="sumcheck, optimistic, tee: width of the program's numbers; by default the cheapest that "
    "keeps fidelity.",
)
@click.option(
    "--optimize",
    type=click.Choice(["time", "gas"]),
    help="sumcheck: what tables and rows are chosen for, a proof made soon or one that a contract "
    "checks cheaply; by default time.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="sumcheck: the most answers that one proof can hold, rounded up to a power of two; by "
    "default 16, or less where that asks for more than 2^18 powers.",
)
@click.option(
    "--lookups",
    type=click.Choice(["committed", "layered"]),
    help="sumcheck: how tables are looked up, by columns that a contract can check or by layers "
    "of a sum, faster for large models; by default what is predicted to cost less.",
)
@click.option(
    "--window",
    type=click.IntRange(60, 30 * 24 * 3600),
    metavar="SECONDS",
    help="optimistic: for how long a claim may be challenged; by default an hour.",
)
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="tee: attestation policy with the measurements of the software that may answer.",
)
@click.option(
    "--unsafe-simulated",
    is_flag=True,
    help="tee: let simulated enclaves answer: development only, and they say so.",
)
@click.option(
    "--target",
    type=click.Choice(["resources", "accuracy"]),
    help="ezkl: what calibration prefers; by default resources.",
)
@click.option(
    "--input-scale",
    "scale",
    type=int,
    metavar="BITS",
    help="ezkl: fractional bits of the circuit's numbers; by default calibrated.",
)
@click.option("--no-evm", is_flag=True, help="ezkl: leave out the Solidity verifier.")
@click.option(
    "--memory",
    type=click.IntRange(64),
    metavar="MIB",
    help="Most that a step, or making evidence, may use.",
)
@click.option(
    "--seconds",
    type=click.IntRange(1),
    help=f"ezkl: most that a step may take; by default {_SECONDS}.",
)
@click.option("--force", is_flag=True, help="Do every step again.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
def compile_command(
    model: str,
    system: str | None,
    input_visibility: str,
    weights: str,
    srs_file: Path | None,
    srs_digest: str | None,
    unsafe_srs: bool,
    bits: str | None,
    optimize: str | None,
    batch: int | None,
    lookups: str | None,
    window: int | None,
    reference: Path | None,
    unsafe_simulated: bool,
    target: str | None,
    scale: int | None,
    no_evm: bool,
    memory: int | None,
    seconds: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Compile MODEL for one kind of evidence.

    MODEL is a name, a digest or an ONNX file in the store, or comes with Avow. For sumcheck:
    makes the exact integer program if there is none, chooses tables and rows by predicted cost,
    commits the weights and writes the system record. For ezkl: makes settings, calibration, keys,
    a Solidity verifier and the system record, measures fidelity on the held-out rows with the
    circuit itself, and proves and checks one row; after a stop, the same command goes on where it
    was. For optimistic: the program and a record, no keys; an answer's run is committed to, not
    proven, and whoever finds a wrong element can show it. For tee: the program and a record that
    names the software whose attested enclaves may answer.
    """
    from avow.api.cli.compile_optimistic import compile_optimistic
    from avow.api.cli.compile_sumcheck import compile_sumcheck
    from avow.api.cli.compile_tee import compile_tee
    from avow.circuits.errors import CircuitError
    from avow.prover.config import from_environment

    if weights == "private":
        raise CircuitError(
            "private weights without a commitment bind nothing: any weights would prove; "
            "take --weights hashed to hide them"
        )
    hiding = input_visibility == "private" or weights == "hashed"
    given = system or (EZKL if hiding else SUMCHECK)
    chosen = given.removesuffix("/v1")
    if chosen not in (EZKL, OPTIMISTIC, SUMCHECK, TEE):
        raise CircuitError(
            f"expected --system sumcheck, ezkl, optimistic or tee, got {given[:40]!r}"
        )
    if chosen != EZKL and hiding:
        raise CircuitError(f"{chosen} hides nothing: take --system ezkl to hide something")
    for name, value, systems in (
        ("--bits", bits, (SUMCHECK, OPTIMISTIC, TEE)),
        ("--optimize", optimize, (SUMCHECK,)),
        ("--batch", batch, (SUMCHECK,)),
        ("--lookups", lookups, (SUMCHECK,)),
        ("--window", window, (OPTIMISTIC,)),
        ("--reference", reference, (TEE,)),
        ("--unsafe-simulated", unsafe_simulated or None, (TEE,)),
        ("--target", target, (EZKL,)),
        ("--input-scale", scale, (EZKL,)),
        ("--no-evm", no_evm or None, (EZKL,)),
        ("--seconds", seconds, (EZKL,)),
        ("--memory", memory, (EZKL, SUMCHECK)),
        ("--srs", srs_file, (EZKL, SUMCHECK)),
        ("--srs-digest", srs_digest, (EZKL, SUMCHECK)),
        ("--unsafe-srs", unsafe_srs or None, (EZKL, SUMCHECK)),
    ):
        if value is not None and chosen not in systems:
            raise CircuitError(f"{name} means nothing to --system {chosen}")
    config = from_environment()
    if chosen == OPTIMISTIC:
        stored = _resolved(model, chosen, input_visibility, weights)
        compile_optimistic(stored, None if bits is None else int(bits), window, force, as_json)
        return
    if chosen == TEE:
        stored = _resolved(model, chosen, input_visibility, weights)
        wanted = None if bits is None else int(bits)
        compile_tee(stored, wanted, reference, unsafe_simulated, force, as_json)
        return
    srs = chosen_srs(srs_file, srs_digest, unsafe_srs, config.home / "srs", chosen)
    stored = _resolved(model, chosen, input_visibility, weights)
    limit = memory * 2**20 if memory else None
    if chosen == SUMCHECK:
        wanted = None if bits is None else int(bits)
        aim = optimize or "time"
        compile_sumcheck(stored, srs, wanted, aim, limit, force, as_json, batch, lookups)
        return
    wishes = (input_visibility, weights, target or "resources", scale)
    artifact = _compile_ezkl(stored, srs, wishes, no_evm, limit, seconds or _SECONDS, force)
    if as_json:
        click.echo(json.dumps(description(artifact), indent=2))
    else:
        print_record(artifact)
        record = artifact.record
        logrows = record.detail("logrows")
        click.echo(f"  constraints  {record.constraints} rows, 2^{logrows} in the circuit")
        click.echo(f"  memory       {record.proving_memory_bytes // 10**6} MB predicted")
        if record.evm_codehash is not None:
            click.echo(f"  evm verifier codehash 0x{record.evm_codehash.hex()}")


def _resolved(model: str, system: str, input_visibility: str, weights: str) -> "StoredModel":
    from avow.models.catalogue import resolve
    from avow.models.store import ModelStore
    from avow.prover.config import from_environment

    stored = resolve(ModelStore.at(from_environment().home), model)
    click.echo(
        f"compiling {stored.record.name}@{stored.record.version} for {system}/v1, "
        f"input {input_visibility}, weights {weights}",
        err=True,
    )
    return stored


def reporter() -> Callable[[str, str], None]:
    """Prints a step, what came of it, and the seconds since this was made."""
    began = time.monotonic()

    def report(step: str, what: str) -> None:
        click.echo(f"  {time.monotonic() - began:7.1f} s  {step}: {what}", err=True)

    return report


def _compile_ezkl(
    stored: "StoredModel",
    srs: "Srs",
    wanted: tuple[str, str, str, int | None],
    no_evm: bool,
    memory: int | None,
    seconds: int,
    force: bool,
) -> "Artifact":
    from avow.circuits.ezkl.child import Limits
    from avow.circuits.ezkl.compile import Options, Source, compile_model
    from avow.circuits.ezkl.settings import Target, Wishes
    from avow.circuits.memory import machine_bytes
    from avow.prover.config import from_environment
    from avow.verifier.records import InputVisibility, WeightVisibility

    config = from_environment()
    input_visibility, weights, target, scale = wanted
    source = Source(stored.record, stored.model(), stored.calibration(), stored.held_out())
    wishes = Wishes(
        input=InputVisibility.PUBLIC if input_visibility == "public" else InputVisibility.HASHED,
        weights=WeightVisibility(weights),
        target=Target(target),
        scale=scale,
    )
    limits = Limits(float(seconds), memory or machine_bytes() * 9 // 10)
    solc = None if no_evm else config.contracts / "solc"
    options = Options(wishes, srs, solc, limits, force)
    return compile_model(source, options, config.artifacts, reporter())


def chosen_srs(
    path: Path | None, digest: str | None, unsafe: bool, folder: Path, system: str
) -> "Srs":
    """The string that the options name, or one made here, with a warning; raises CircuitError."""
    from avow.circuits.errors import CircuitError
    from avow.circuits.powers import read_powers
    from avow.circuits.srs import inspect
    from avow.circuits.srs_choice import PinnedSrs, UnsafeSrs
    from avow.prover.native.curve import NativeCurve

    if unsafe:
        if path is not None or digest is not None:
            raise CircuitError("--unsafe-srs makes an SRS here: leave --srs and --srs-digest out")
        click.echo(
            "avow: warning: UNSAFE SRS: its secret is known to this machine, so proofs can be "
            "forged; for development only",
            err=True,
        )
        return UnsafeSrs(folder, NativeCurve())
    if path is None:
        raise CircuitError(
            "an SRS is needed: --srs FILE --srs-digest SHA256, or --unsafe-srs for development"
        )
    if digest is None:
        found = (read_powers(path) if system == SUMCHECK else inspect(path)).sha256
        raise CircuitError(
            f"--srs-digest is missing: {path.name} has SHA-256 {found.hex()}; "
            "compare that with what the ceremony publishes"
        )
    text = digest.lower().removeprefix("0x")
    if len(text) != 64 or any(character not in "0123456789abcdef" for character in text):
        raise CircuitError(f"--srs-digest takes 64 hexadecimal digits, got {digest[:80]!r}")
    return PinnedSrs(path, bytes.fromhex(text))


def description(artifact: "Artifact") -> dict[str, object]:
    """What `--json` prints of any artifact."""
    return {
        "artifact": str(artifact.folder),
        "digest": f"0x{artifact.record.digest().hex()}",
        "fidelity_sufficient": artifact.record.fidelity.sufficient,
        "record": artifact.record.to_json(),
    }


def print_record(artifact: "Artifact") -> None:
    """Print what every system's record says."""
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
