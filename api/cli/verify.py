"""`avow verify`: the verifier's own command line, under the name of the group."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from avow.api.local.output import check_output, write_output
from avow.verifier.cli import main, parser

if TYPE_CHECKING:
    from avow.verifier.bundle import Bundle
    from avow.verifier.systems.optimistic.claim import Claim
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
@click.option("--block", metavar="BLOCK")
@click.option("--keep", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def verify(
    arguments: tuple[str, ...],
    chain: str | None,
    claims: str | None,
    block: str | None,
    keep: Path | None,
) -> int:
    """Check a bundle offline: 0 accepted, 1 rejected, 2 usage, 3 not final."""
    if {"-h", "--help"} & {*arguments}:
        try:
            return main(arguments, program=_PROGRAM)
        finally:
            click.echo(_MORE)
    if chain is None:
        if claims is not None or block is not None or keep is not None:
            raise click.UsageError("--claims, --block and --keep belong to --chain")
        return main(arguments, program=_PROGRAM)
    options = parser(_PROGRAM).parse_args(arguments)
    if options.anchor is not None:
        raise click.UsageError("--anchor: expected none, --chain finds it")
    asked = _claimed(options.bundle)
    if asked is None:
        # What is no bundle, or not there, is refused as without a chain.
        return main(arguments, program=_PROGRAM)
    if keep is not None:
        check_output(keep)
    data, anchor = _settled(asked, chain, claims, block or "finalized")
    if keep is not None:
        write_output(keep, data)
        click.echo(f"{keep}: --anchor 0x{anchor.claims.hex()} 0x{anchor.block.hex()}", err=True)
    with tempfile.TemporaryDirectory(prefix="avow-verify-") as folder:
        settled = Path(folder) / asked.path.name
        settled.write_bytes(data)
        rest = [str(settled) if Path(one) == asked.path else one for one in arguments]
        known = ["--anchor", "0x" + anchor.claims.hex(), "0x" + anchor.block.hex()]
        return main([*rest, *known], program=_PROGRAM)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A file with an answer that was claimed for an order."""

    path: Path
    bundle: "Bundle"
    claim: "Claim"


def _claimed(paths: Sequence[Path]) -> _Asked | None:
    """What a chain is asked about: of several bundles the first one of a claim. None where none
    of the files holds a bundle."""
    from avow.verifier.bundle import parse_bundle
    from avow.verifier.errors import VerificationError
    from avow.verifier.limits import LIMITS
    from avow.verifier.mixed.reading import read_bounded
    from avow.verifier.statement import OFF_CHAIN
    from avow.verifier.systems.optimistic.claim import SYSTEM_ID, parse_claim

    others = False
    for path in paths:
        try:
            bundle = parse_bundle(read_bounded(path, LIMITS.bundle_bytes))
            statement = bundle.statement
            if statement.system == SYSTEM_ID and statement.domain != OFF_CHAIN:
                return _Asked(path, bundle, parse_claim(bundle.proof))
        except (OSError, VerificationError):
            continue
        others = True
    if others:
        raise click.UsageError(f"--chain: expected a bundle of {SYSTEM_ID} for an order")
    return None


def _settled(asked: _Asked, url: str, address: str | None, block: str) -> tuple[bytes, "Anchor"]:
    """The bundle with the proof of what became of its claim by a block."""
    from avow.api.cli.signing import deployment_file
    from avow.verifier.chain.client import Chain
    from avow.verifier.chain.deployment import read_deployment
    from avow.verifier.chain.settlement import fetch
    from avow.verifier.errors import VerificationError
    from avow.verifier.fields import parse_hex
    from avow.verifier.merkle import leaf

    if not block.isdecimal() and block not in ("finalized", "safe", "latest"):
        raise click.UsageError(f"--block: expected a number, finalized or latest, got {block!r}")
    try:
        contract = None if address is None else parse_hex(address.lower(), 20, "--claims")
    except VerificationError as error:
        raise click.UsageError(error.message) from error
    statement = asked.bundle.statement
    chain = Chain(url, statement.domain.chain_id)
    if contract is None:
        deployment = read_deployment(deployment_file(None, chain.chain_id))
        if deployment.market != statement.domain.market:
            raise click.UsageError("--claims: expected it, the deployment is of another market")
        contract = deployment.claims
    anchor, settlement = fetch(chain, contract, leaf(statement.digest()), block)
    if settlement is None:
        click.echo(f"the contract of claims knew no such claim in block {block}", err=True)
    proof = replace(asked.claim, settlement=settlement).to_json()
    return replace(asked.bundle, proof=proof).encode(), anchor
