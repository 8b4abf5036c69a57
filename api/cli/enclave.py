"""`avow enclave`: what this home's enclaves registered, and what accepts their answers."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from avow.api.local.output import write_output

if TYPE_CHECKING:
    from avow.prover.enclave.registered import Registered


@click.group()
def enclave() -> None:
    """Show registrations of tee/v1 and make policies from them."""


@enclave.command("list")
def list_command() -> None:
    """List the keys that enclaves of this home registered, the earliest first."""
    from avow.prover.config import from_environment
    from avow.prover.enclave.archive import Archive

    for one in Archive(from_environment().home).all():
        click.echo(
            f"0x{one.address.hex()}  {one.platform:<9}  {one.registered_at} to {one.ends}  "
            f"program 0x{one.material.registration.program.hex()}"
        )


@enclave.command("show")
@click.argument("key", required=False)
@click.option("--output", type=click.Path(path_type=Path), help="Write the whole file, for those "
              "who register it.")  # fmt: skip
@click.option("--quote", type=click.Path(path_type=Path), help="Write the quote alone.")
def show(key: str | None, output: Path | None, quote: Path | None) -> None:
    """Show the registration of KEY, an address; by default the last one."""
    from avow.prover.enclave.registered import shown
    from avow.verifier import canonical

    found = _registered(key)
    for path, data in (
        (output, canonical.encode(found.to_json())),
        (quote, found.material.evidence),
    ):
        if path is not None:
            write_output(path, data)
    click.echo(shown(found))


@enclave.command("policy")
@click.argument("key", required=False)
@click.option("--unsafe-simulated", is_flag=True, help="Accept a simulated enclave's answers, "
              "which establish nothing.")  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path), help="Write it there.")
def policy(key: str | None, unsafe_simulated: bool, output: Path | None) -> None:
    """Print a policy that accepts the answers of KEY, by default the last one.

    Any enclave of the same software convinces under it, at the time at which this one registered.
    An auditor takes that time, and whether the key was revoked, from the chain.
    """
    from avow.prover.errors import ConfigurationError
    from avow.prover.selfcheck import policy_json
    from avow.verifier import canonical
    from avow.verifier.errors import VerificationError
    from avow.verifier.policy import Policy
    from avow.verifier.systems.tee.registration import SYSTEM_ID
    from avow.verifier.verdict import Assurance

    found = _registered(key)
    if (found.root is not None) != unsafe_simulated:
        raise ConfigurationError(
            f"0x{found.address.hex()} is {'' if found.root else 'not '}a simulated enclave's: "
            f"--unsafe-simulated is {'missing' if found.root else 'not for it'}"
        )
    try:
        terms = found.terms()
    except VerificationError as error:
        raise ConfigurationError(error.message) from error
    made = Policy(
        minimum_assurance=Assurance.SIMULATED if found.root else Assurance.ATTESTED,
        systems=(SYSTEM_ID,),
        program=found.material.registration.program,
        attestation=terms,
    )
    data = canonical.encode(policy_json(made))
    if output is None:
        click.echo(data)
    else:
        write_output(output, data)


def _registered(key: str | None) -> "Registered":
    from avow.prover.config import from_environment
    from avow.prover.enclave.archive import Archive
    from avow.prover.errors import ConfigurationError
    from avow.verifier.errors import VerificationError
    from avow.verifier.fields import parse_hex

    archive = Archive(from_environment().home)
    if key is None:
        everything = archive.all()
        if not everything:
            raise ConfigurationError("no enclave of this home has registered a key")
        # Times have seconds: of two keys of one second none came last that anybody could tell.
        last = [one for one in everything if one.registered_at == everything[-1].registered_at]
        if len(last) > 1:
            keys = ", ".join(f"0x{one.address.hex()}" for one in last)
            raise ConfigurationError(f"KEY: expected one of those that registered last, {keys}")
        return last[0]
    try:
        found = archive.find(parse_hex(key.lower(), 20, "KEY"))
    except VerificationError as error:
        raise ConfigurationError(error.message) from error
    if found is None:
        raise ConfigurationError(f"no enclave of this home has registered {key}")
    return found
