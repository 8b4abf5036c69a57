"""`avow planter`: wrong claims that are known to be wrong, until it is stopped."""

import re
from pathlib import Path

import click

from avow.api.cli.nodes import CONFIRMATIONS, ONCE, POLL, open_node, run_node
from avow.api.cli.signing import ask_password, chain_options, key_options

_UNIT = 10**18


@click.command("planter")
@chain_options
@key_options
@click.option(
    "--model", "model_key", metavar="KEY", required=True, help="The model's key on chain."
)
@click.option(
    "--rows",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="npz with arrays named like the model's inputs: what is asked about.",
)
@click.option(
    "--requester-keystore", type=click.Path(path_type=Path, dir_okay=False), required=True
)
@click.option("--requester-password-file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--provider-keystore", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option("--provider-password-file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--share-bps",
    type=click.IntRange(0, 10_000),
    default=2_500,
    show_default=True,
    help="In how many of 10,000 epochs something is planted; in the others an empty word is.",
)
@click.option("--price", type=click.IntRange(1), default=_UNIT, show_default=True)
@click.option("--bond", type=click.IntRange(1), default=_UNIT, show_default=True)
@click.option(
    "--bundle-url",
    metavar="URL",
    help="Public address of this API; without it a validator must share the machine.",
)
@CONFIRMATIONS
@POLL
@ONCE
def planter(
    rpc: str | None,
    deployment: Path | None,
    keystore: Path | None,
    password_file: Path | None,
    model_key: str,
    rows: Path,
    requester_keystore: Path,
    requester_password_file: Path | None,
    provider_keystore: Path,
    provider_password_file: Path | None,
    share_bps: int,
    price: int,
    bond: int,
    bundle_url: str | None,
    confirmations: int,
    poll: float,
    once: bool,
) -> None:
    """Plant wrong claims of a model, expose them, and charge the validators that missed them.

    The key is the account that the watch's owner named as planter. Requester and provider are
    accounts of their own, which do nothing else: each loses its bonds with every plant. Price and
    bond are in token units.
    """
    from avow.prover.planting.planter import Accounts
    from avow.prover.planting.start import PlanterOptions, open_planter
    from avow.verifier.chain.signer import from_keystore

    if re.fullmatch(r"0x[0-9a-f]{64}", model_key) is None:
        raise click.UsageError("--model: expected a model key, 0x and 64 hex digits")
    config, market, signer = open_node(rpc, deployment, keystore, password_file)
    accounts = Accounts(
        requester=from_keystore(requester_keystore, ask_password(requester_password_file)),
        provider=from_keystore(provider_keystore, ask_password(provider_password_file)),
    )
    options = PlanterOptions(
        model_key=bytes.fromhex(model_key[2:]),
        rows=rows,
        share_bps=share_bps,
        price=price,
        bond=bond,
        confirmations=confirmations,
        bundle_url=bundle_url,
    )
    run_node(config, open_planter(config, market, signer, accounts, options), poll, once)
