"""What `avow compile --system tee` does and prints."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from avow.api.cli.compile import description, print_record, reporter

if TYPE_CHECKING:
    from avow.models.store import StoredModel
    from avow.verifier.attestation.policy import AttestationPolicy


def compile_tee(
    stored: "StoredModel",
    bits: int | None,
    reference: Path | None,
    simulated: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Make the artifact and print its record and whose answers it allows."""
    from avow.circuits.tee.compile import Options, compile_model
    from avow.prover.config import from_environment

    config = from_environment()
    options = Options(_reference(reference, simulated), bits, force)
    made = compile_model(stored, config.home, options, config.artifacts, reporter())
    record = made.artifact.record
    if as_json:
        click.echo(json.dumps(description(made.artifact), indent=2))
        return
    print_record(made.artifact)
    click.echo(f"  bits         {record.detail('bits')} in the integer program")
    for measurement in record.measurements:
        kind = measurement[32:].rstrip(b"\0").decode("ascii")
        click.echo(f"  may answer   0x{measurement.hex()} ({kind})")


def _reference(path: Path | None, simulated: bool) -> "AttestationPolicy":
    from avow.circuits.errors import CircuitError
    from avow.circuits.files import read_file
    from avow.prover.enclave.simulated.guest import simulated_reference
    from avow.verifier.attestation.policy import MAX_BYTES, parse_attestation_policy
    from avow.verifier.errors import VerificationError

    if (path is None) != simulated:
        raise CircuitError(
            "tee needs reference values of the software that may answer: --reference FILE, or "
            "--unsafe-simulated for development, and not both"
        )
    if path is None:
        click.echo(
            "avow: warning: SIMULATED reference values: whoever answers, nothing is attested; "
            "for development only",
            err=True,
        )
        return simulated_reference()
    try:
        return parse_attestation_policy(read_file(path, MAX_BYTES))
    except VerificationError as error:
        raise CircuitError(f"--reference {path.name}: {error.message}") from error
