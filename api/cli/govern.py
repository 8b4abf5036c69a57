"""`avow govern`: what the owner of attested keys decides, through the deployment's timelock."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from avow.api.cli.attestation import octets
from avow.api.cli.signing import Signing, signing_options

if TYPE_CHECKING:
    from avow.verifier.chain.registrars import Registrars
    from avow.verifier.chain.transactions import Call


@click.group()
def govern() -> None:
    """Decide about attested keys through the timelock: run again when its delay is over."""


@govern.command("approve")
@click.argument("measurement")
@click.option("--attended", is_flag=True, help="Keys by registrars only, who read what it started.")
@signing_options
def approve(measurement: str, attended: bool, signing: Signing) -> None:
    """Let keys of MEASUREMENT (32 bytes) be registered."""
    digest = octets("MEASUREMENT", measurement, 32)
    _decide(lambda of: of.approving(digest, attended), signing)


@govern.command("revoke")
@click.argument("measurement")
@signing_options
def revoke(measurement: str, signing: Signing) -> None:
    """Refuse every answer of keys of MEASUREMENT, at once and for ever; by the guardian."""
    from avow.verifier.chain.registrars import Registrars

    digest = octets("MEASUREMENT", measurement, 32)
    signer, market = signing.signer(), signing.market()
    receipt = Registrars(market.chain, market.deployment).revoke_measurement(signer, digest)
    click.echo(f"revoked, gas {receipt.gas_used}")


@govern.command("appoint")
@click.argument("account")
@signing_options
def appoint(account: str, signing: Signing) -> None:
    """Let ACCOUNT be a registrar."""
    address = octets("ACCOUNT", account, 20)
    _decide(lambda of: of.appointing(address), signing)


@govern.command("dismiss")
@click.argument("account")
@signing_options
def dismiss(account: str, signing: Signing) -> None:
    """Let ACCOUNT be a registrar no more."""
    address = octets("ACCOUNT", account, 20)
    _decide(lambda of: of.dismissing(address), signing)


@govern.command("quote-check")
@click.argument("contract")
@signing_options
def quote_check(contract: str, signing: Signing) -> None:
    """Have quotes checked by CONTRACT from now on (such as a DcapQuoteCheck); 0x00...00: by none.

    An account without code would answer nothing, by which anybody disproves what registrars sign.
    """
    from avow.api.errors import ApiError

    address = octets("CONTRACT", contract, 20)
    chain = signing.market().chain
    if any(address) and not chain.code(address):
        where = f"of chain {chain.chain_id}"
        raise ApiError(f"CONTRACT: expected one {where}, 0x{address.hex()} has no code")
    _decide(lambda of: of.checking_with(address), signing)


def _decide(call: "Callable[[Registrars], Call]", signing: Signing) -> None:
    from avow.verifier.chain.governance import Governance
    from avow.verifier.chain.registrars import Registrars

    signer, market = signing.signer(), signing.market()
    wanted = call(Registrars(market.chain, market.deployment))
    found = Governance(market.chain, market.deployment).decide(signer, wanted)
    if found.executed:
        click.echo("decided")
    else:
        click.echo(f"proposed; run again at {found.ready_at} or later (Unix time of the chain)")
