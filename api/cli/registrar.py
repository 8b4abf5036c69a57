"""`avow registrar`: checking registrations of enclaves, and vouching for them with a bond."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from avow.api.cli.attestation import (
    keys_of,
    octets,
    open_market_of,
    plain,
    read_file,
    read_registration,
)
from avow.api.cli.signing import Signing, chain_options, signing_options
from avow.api.errors import ApiError
from avow.api.local.output import check_output, write_output

if TYPE_CHECKING:
    from avow.verifier.chain.registrars import Registrars
    from avow.verifier.chain.signer import Signer

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def registrar() -> None:
    """Check registrations of enclaves offline, vouch for them, and keep a bond for it."""


@registrar.command("sign")
@click.argument("registration", type=_FILE)
@click.option("--policy", type=_FILE, required=True, help="Your own avow-attestation-policy/1.")
@click.option(
    "--golden-values",
    "manifests",
    type=_FILE,
    multiple=True,
    help="NVIDIA's manifest of a driver or VBIOS of the GPUs; may be given again. Without any, "
    "what GPUs run is NOT CHECKED.",
)
@click.option("--operator", required=True, metavar="ADDRESS", help="Who is to register the key.")
@click.option("--platform", default="0x" + "00" * 32, help="What you say of the machine: 32 bytes.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option(
    "--no-check-on-chain",
    "unchecked",
    is_flag=True,
    help="Sign though the contract has no check of quotes, and may have one later.",
)
@signing_options
def sign(
    registration: Path,
    policy: Path,
    manifests: tuple[Path, ...],
    operator: str,
    platform: str,
    output: Path,
    unchecked: bool,
    signing: Signing,
) -> int:
    """Check REGISTRATION at the chain's time, and sign it if every step passes.

    Exit status 1 when it is refused. Your bond is lost when somebody doubts the quote and the
    chain's check does not find it to be genuine within a day.
    """
    from avow.prover.enclave.vouching import check_chain, check_evidence, vouch
    from avow.verifier import canonical
    from avow.verifier.attestation.policy import parse_attestation_policy
    from avow.verifier.chain.attestation_records import Enrolment
    from avow.verifier.chain.registrars import Registrars
    from avow.verifier.errors import VerificationError
    from avow.verifier.statement import Domain

    found = read_registration(registration)
    check_output(output)
    owner, machine = octets("--operator", operator, 20), octets("--platform", platform, 32)
    try:
        own = parse_attestation_policy(read_file(policy))
    except VerificationError as error:
        raise ApiError(f"{policy.name}: {error.message}") from error
    golden = [read_file(path) for path in manifests]
    signer, market = signing.signer(), signing.market()
    keys, registrars = keys_of(market), Registrars(market.chain, market.deployment)
    _require_bond(registrars, signer, keys.parameters.registrar_bond)
    at, registry = (
        market.chain.head().timestamp,
        Domain(market.chain.chain_id, keys.contract.address),
    )
    try:
        attested, steps = check_evidence(found, own, registry, at, golden)
        enrolment = Enrolment(found.address, found.material.registration, 0)
        quote = found.material.evidence
        steps = (
            *steps,
            *check_chain(
                *(keys, registrars, enrolment, attested.measurement, owner, quote, at),
                unchecked=unchecked,
            ),
        )
    except VerificationError as error:
        if error.step == "setup":
            raise
        click.echo(f"REFUSED at step {error.step}: {error.message}")
        return 1
    for step in steps:
        click.echo(f"  {step.state.value:<11}  {step.name:<14} {step.detail}")
    write_output(output, canonical.encode(vouch(signer, found, owner, machine).to_json()))
    click.echo(f"{signer.shown} vouches for 0x{found.address.hex()}: {output}")
    return 0


@registrar.command("bond")
@click.argument("amount", type=click.IntRange(1))
@signing_options
def bond(amount: int, signing: Signing) -> None:
    """Add AMOUNT token units to this account's bond."""
    signer, registrars = _open(signing)
    receipt = registrars.put_up(signer, amount)
    total = registrars.registrar(signer.address).bond
    click.echo(f"bond {total}, gas {receipt.gas_used}")


@registrar.command("retire")
@signing_options
def retire(signing: Signing) -> None:
    """End this account's appointment; its bond is held for 9 days more."""
    signer, registrars = _open(signing)
    registrars.retire(signer)
    left = registrars.registrar(signer.address)
    held = f"bond held until {left.released_after}" if left.bond else "it has no bond"
    click.echo(f"{signer.shown} is appointed no more; {held}")


@registrar.command("release")
@signing_options
def release(signing: Signing) -> None:
    """Take the bond back, long enough after retiring, and withdraw."""
    signer, registrars = _open(signing)
    registrars.release_bond(signer)
    keys = keys_of(signing.market())
    amount = keys.credit(signer.address)
    keys.withdraw(signer)
    click.echo(f"{amount} token units paid to {signer.shown}")


@registrar.command("status")
@click.argument("account")
@chain_options
def status(account: str, rpc: str | None, deployment: Path | None) -> None:
    """Show ACCOUNT as a registrar, and what is asked of registrars."""
    from dataclasses import asdict

    from avow.verifier.chain.registrars import Registrars

    market = open_market_of(rpc, deployment)
    registrars = Registrars(market.chain, market.deployment)
    value = asdict(registrars.registrar(octets("ACCOUNT", account, 20)))
    value["parameters"] = asdict(keys_of(market).parameters)
    value["quote_check"] = plain(registrars.quote_check())
    click.echo(json.dumps(value, indent=2))


def _open(signing: Signing) -> "tuple[Signer, Registrars]":
    from avow.verifier.chain.registrars import Registrars

    signer, market = signing.signer(), signing.market()
    return signer, Registrars(market.chain, market.deployment)


def _require_bond(registrars: "Registrars", signer: "Signer", least: int) -> None:
    found = registrars.registrar(signer.address)
    if not found.appointed:
        raise ApiError(f"{signer.shown} is no registrar here")
    if found.bond < least:
        raise ApiError(f"{signer.shown} has a bond of {found.bond}, at least {least} is needed")
