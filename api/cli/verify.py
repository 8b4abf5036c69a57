"""`avow verify`: the verifier's own command line, under the name of the group."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from avow.api.local.output import write_output
from avow.verifier.cli import main

if TYPE_CHECKING:
    from avow.verifier.systems.optimistic.settlement import Anchor

_PROGRAM = "avow verify"
_MORE = """
asking a node what became of a claim (optimistic/v1):
  --chain URL           node of the statement's chain; what it says is proven
  --claims ADDRESS      contract of claims (default: in deployments/CHAIN.json)
  --block BLOCK         number, finalized (default) or latest
  --keep FILE           write the bundle with the proof, to check with --anchor"""


@click.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.option("--chain", metavar="URL")
@click.option("--claims", metavar="ADDRESS")
@click.option("--block", metavar="BLOCK", default="finalized")
@click.option("--keep", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def verify(
    arguments: tuple[str, ...],
    chain: str | None,
    claims: str | None,
    block: str,
    keep: Path | None,
) -> int:
    """Check a bundle offline: 0 accepted, 1 rejected, 2 usage, 3 not final."""
    if {"-h", "--help"} & {*arguments}:
        try:
            return main(arguments, program=_PROGRAM)
        finally:
            click.echo(_MORE)
    if chain is None:
        if claims is not None or keep is not None:
            raise click.UsageError("--claims and --keep belong to --chain")
        return main(arguments, program=_PROGRAM)
    path = _claimed([Path(one) for one in arguments if Path(one).is_file()])
    data, anchor = _settled(path.read_bytes(), chain, claims, block)
    if keep is not None:
        write_output(keep, data)
        click.echo(f"{keep}: --anchor 0x{anchor.claims.hex()} 0x{anchor.block.hex()}", err=True)
    with tempfile.TemporaryDirectory(prefix="avow-verify-") as folder:
        settled = Path(folder) / path.name
        settled.write_bytes(data)
        rest = [str(settled) if Path(one) == path else one for one in arguments]
        known = ["--anchor", "0x" + anchor.claims.hex(), "0x" + anchor.block.hex()]
        return main([*rest, *known], program=_PROGRAM)


def _claimed(files: list[Path]) -> Path:
    """The bundle that a chain is asked about: of several files the first one of a claim."""
    from avow.verifier.bundle import parse_bundle
    from avow.verifier.errors import VerificationError
    from avow.verifier.systems.optimistic.claim import SYSTEM_ID

    if not files:
        raise click.UsageError("BUNDLE: expected a bundle file")
    for path in files:
        try:
            if parse_bundle(path.read_bytes()).statement.system == SYSTEM_ID:
                return path
        except VerificationError:
            # A policy, or a record.
            continue
    return files[0]


def _settled(data: bytes, url: str, address: str | None, block: str) -> tuple[bytes, "Anchor"]:
    """The bundle with the proof of what became of its claim by a block."""
    from avow.api.cli.signing import deployment_file
    from avow.verifier.bundle import parse_bundle
    from avow.verifier.chain.client import Chain
    from avow.verifier.chain.deployment import read_deployment
    from avow.verifier.chain.settlement import fetch
    from avow.verifier.errors import VerificationError
    from avow.verifier.fields import parse_hex
    from avow.verifier.merkle import leaf
    from avow.verifier.statement import OFF_CHAIN
    from avow.verifier.systems.optimistic.claim import SYSTEM_ID, parse_claim

    if not block.isdecimal() and block not in ("finalized", "safe", "latest"):
        raise click.UsageError(f"--block: expected a number, finalized or latest, got {block!r}")
    try:
        bundle = parse_bundle(data)
        statement = bundle.statement
        if statement.system != SYSTEM_ID or statement.domain == OFF_CHAIN:
            raise click.UsageError(f"--chain: expected a bundle of {SYSTEM_ID} for an order")
        claim = parse_claim(bundle.proof)
        contract = None if address is None else parse_hex(address.lower(), 20, "--claims")
    except VerificationError as error:
        raise click.UsageError(error.message) from error
    chain = Chain(url, statement.domain.chain_id)
    if contract is None:
        deployment = read_deployment(deployment_file(None, chain.chain_id))
        if deployment.market != statement.domain.market:
            raise click.UsageError("--claims: expected it, the deployment is of another market")
        contract = deployment.claims
    anchor, settlement = fetch(chain, contract, leaf(statement.digest()), block)
    if settlement is None:
        click.echo(f"the contract of claims knew no such claim in block {block}", err=True)
    return replace(bundle, proof=replace(claim, settlement=settlement).to_json()).encode(), anchor
