"""`avow contracts`: deploying the contracts, registering models, looking at what is there."""

import json
import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avow.api.cli.signing import (
    Signing,
    ask_password,
    chain_options,
    deployment_file,
    key_options,
    open_signer,
    rpc_url,
    signing_options,
)

if TYPE_CHECKING:
    from avow.verifier.chain.attestation_records import TeeTerms
    from avow.verifier.chain.market import Market

_DAY = 86_400
_UNIT = 10**18


@click.group()
def contracts() -> None:
    """Deploy the contracts, register models, join the validators, take credit out."""


@contracts.command("deploy")
@chain_options
@key_options
@click.option("--token", metavar="ADDRESS", help="ERC-20 to pay with; none: a development token.")
@click.option("--treasury", metavar="ADDRESS", help="Who is credited the treasury's share.")
@click.option("--guardian", metavar="ADDRESS", help="Who may pause new orders and verification.")
@click.option("--timelock-delay", type=click.IntRange(0), default=2 * _DAY, show_default=True)
@click.option("--unbonding-delay", type=click.IntRange(60), default=_DAY, show_default=True)
@click.option("--grace-period", type=click.IntRange(10), default=1_800, show_default=True)
@click.option("--settlement-window", type=click.IntRange(20), default=7_200, show_default=True)
@click.option("--claim-bond", type=click.IntRange(2), default=50 * _UNIT, show_default=True)
@click.option("--challenge-bond", type=click.IntRange(1), default=10 * _UNIT, show_default=True)
@click.option("--claim-window", type=click.IntRange(600), default=1_500, show_default=True)
@click.option("--claim-clock", type=click.IntRange(300), default=300, show_default=True)
@click.option("--claim-extension", type=click.IntRange(60), default=60, show_default=True)
@click.option("--claim-margin", type=click.IntRange(300), default=300, show_default=True)
@click.option("--minimum-stake", type=click.IntRange(1), default=100 * _UNIT, show_default=True)
@click.option("--key-stake", type=click.IntRange(2), default=100 * _UNIT, show_default=True)
@click.option("--registrar-bond", type=click.IntRange(2), default=1_000 * _UNIT, show_default=True)
@click.option("--registrar-threshold", type=click.IntRange(1, 16), default=2, show_default=True)
@click.option(
    "--challenge-window", type=click.IntRange(3_600, 7 * _DAY), default=_DAY, show_default=True
)
@click.option(
    "--watch",
    "watch_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Deploys a watch over claims, too, with the parameters in this JSON object.",
)
@click.option("--confirmations", type=click.IntRange(0), default=0, show_default=True)
def deploy_command(
    rpc: str | None,
    deployment: Path | None,
    keystore: Path | None,
    password_file: Path | None,
    token: str | None,
    treasury: str | None,
    guardian: str | None,
    timelock_delay: int,
    unbonding_delay: int,
    grace_period: int,
    settlement_window: int,
    claim_bond: int,
    challenge_bond: int,
    claim_window: int,
    claim_clock: int,
    claim_extension: int,
    claim_margin: int,
    minimum_stake: int,
    key_stake: int,
    registrar_bond: int,
    registrar_threshold: int,
    challenge_window: int,
    watch_file: Path | None,
    confirmations: int,
) -> None:
    """Deploy every contract and write the deployment file; run again after an interruption.

    Delays and periods are in seconds, bonds and the stake in token units. Claims of optimistic/v1
    can be challenged for the window, and each side of a challenge has the clock for all its moves
    and the extension for each. The grace period, in which the market's validator is paid, must
    outlast the window. Keys of enclaves have their stake and need so many registrars' signatures,
    which anybody can disprove within the challenge window; registrars, measurements and the check
    of quotes are for avow govern. The key's account pays the gas, proposes through the timelock,
    and is guardian and treasury unless others are named.
    """
    from avow.prover.config import from_environment
    from avow.verifier.chain.attestation_records import AttestationParameters
    from avow.verifier.chain.claim_records import ClaimParameters
    from avow.verifier.chain.client import Chain
    from avow.verifier.chain.deploy import MarketTerms, Settings, deploy
    from avow.verifier.chain.transactions import Patience
    from avow.verifier.chain.watch_records import parse_watch_file

    config = from_environment()
    signer = open_signer(config, keystore, password_file)
    chain = Chain(rpc_url(config, rpc))
    path = deployment_file(deployment, chain.chain_id)
    settings = Settings(
        token=_address("--token", token),
        treasury=_address("--treasury", treasury),
        guardian=_address("--guardian", guardian),
        timelock_delay=timelock_delay,
        minimum_stake=minimum_stake,
        unbonding_delay=unbonding_delay,
        terms=MarketTerms(grace_period=grace_period, settlement_window=settlement_window),
        claims=ClaimParameters(
            claim_bond=claim_bond,
            challenge_bond=challenge_bond,
            clock=claim_clock,
            extension=claim_extension,
            window=claim_window,
            margin=claim_margin,
        ),
        attestation=AttestationParameters(
            minimum_stake=key_stake,
            registrar_bond=registrar_bond,
            challenge_window=challenge_window,
            threshold=registrar_threshold,
        ),
        watch=None if watch_file is None else parse_watch_file(watch_file.read_bytes()),
    )
    patience = Patience(confirmations=confirmations)
    deploy(chain, signer, path, settings, click.echo, patience)
    click.echo(f"chain {chain.chain_id}: {path}")


@contracts.command("register")
@click.argument("model")
@click.option(
    "--artifact",
    type=click.Path(path_type=Path, file_okay=False),
    help="Artifact folder (default: the only one compiled for MODEL and --system).",
)
@click.option("--system", default="sumcheck", show_default=True, help="Proof system.")
@click.option(
    "--batch-size",
    "batch_sizes",
    type=click.IntRange(1),
    multiple=True,
    help="sumcheck: settle proofs of so many orders too; 1 for none (default: 4, 16, 64).",
)
@click.option("--royalty-bps", type=click.IntRange(0, 10_000), default=0, show_default=True)
@click.option("--royalty-receiver", metavar="ADDRESS", help="Default: the registering account.")
@click.option(
    "--minimum-tier",
    type=click.Choice(["simulated", "registrar", "zk-dcap", "onchain-dcap"]),
    help="tee: what must speak for a key at least (default: registrar); fixed by registering.",
)
@click.option(
    "--provable",
    is_flag=True,
    help="tee: a proof by the model's sumcheck must be able to cost a key its stake.",
)
@click.option("--model-uri", default="", help="Where the model record can be obtained.")
@click.option("--system-uri", default="", help="Where the system record can be obtained.")
@chain_options
@key_options
def register_command(
    model: str,
    artifact: Path | None,
    system: str,
    batch_sizes: tuple[int, ...],
    royalty_bps: int,
    royalty_receiver: str | None,
    minimum_tier: str | None,
    provable: bool,
    model_uri: str,
    system_uri: str,
    rpc: str | None,
    deployment: Path | None,
    keystore: Path | None,
    password_file: Path | None,
) -> None:
    """Register MODEL (a name or digest) as compiled, with its verifier contracts.

    What is registered can never be changed. Run again, it adds what is missing and prints the
    model's key, which orders name.
    """
    from avow.models.catalogue import resolve
    from avow.models.store import ModelStore
    from avow.prover.catalogue import FolderCatalogue, system_id
    from avow.prover.config import from_environment
    from avow.prover.nodes.contracts import to_register
    from avow.verifier.chain.orders import selector_of
    from avow.verifier.chain.registration import Royalty
    from avow.verifier.fields import to_hex

    config = from_environment()
    signer = open_signer(config, keystore, password_file)
    market = open_market_at(rpc, deployment)
    artifact_given = artifact is not None
    if artifact is None:
        digest = to_hex(resolve(ModelStore.at(config.home), model).digest)
        catalogue = FolderCatalogue(config.artifacts, config.models)
        artifact = catalogue.find(digest, system_id(system), None).folder
    gas_cap = market.gas_cap(selector_of(system_id(system)))
    compiled = to_register(artifact, batch_sizes, gas_cap)
    compiled = replace(compiled, tee=_tee_terms(compiled.record.system, minimum_tier, provable))
    record = compiled.model
    names = (record.name, f"{record.name}@{record.version}", to_hex(record.digest()))
    if artifact_given and model not in names:
        raise click.BadParameter(
            f"{artifact} is of {record.name!r}, not {model!r}", param_hint="--artifact"
        )
    receiver = _address("--royalty-receiver", royalty_receiver) or signer.address
    royalty = Royalty(receiver, royalty_bps) if royalty_bps else Royalty()
    registry = _registry(market)
    registered = registry.register(signer, compiled, royalty, model_uri, system_uri, click.echo)
    click.echo(f"model key {to_hex(registered.model_key)}")


@contracts.command("status")
@chain_options
@click.option("--account", metavar="ADDRESS", help="Show this account's tokens and credit too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status_command(
    rpc: str | None, deployment: Path | None, account: str | None, as_json: bool
) -> None:
    """Check a deployment file against its chain and show what is there."""
    from avow.verifier.chain.client import checksum

    market = open_market_at(rpc, deployment)
    head = market.chain.head()
    value: dict[str, Any] = {
        "chain_id": market.chain.chain_id,
        "head": head.number,
        "contracts": {
            name: checksum(placed.address) for name, placed in market.deployment.contracts
        },
        "validators": int(market.validators.read("count")),
        "paused": bool(market.contract.read("paused")),
    }
    if account is not None:
        address = _address("--account", account) or bytes(20)
        value["account"] = {
            "address": checksum(address),
            "tokens": str(market.tokens(address)),
            "credit": str(market.credit(address)),
            "validator": market.is_validator(address),
        }
    if as_json:
        click.echo(json.dumps(value, indent=2))
        return
    click.echo(f"chain {value['chain_id']}, block {head.number}: every contract has its code")
    for name, address_text in value["contracts"].items():
        click.echo(f"  {name:18} {address_text}")
    paused = ", new orders are paused" if value["paused"] else ""
    click.echo(f"{value['validators']} validator(s){paused}")
    for key, item in value.get("account", {}).items():
        click.echo(f"  {key:18} {item}")


@contracts.command("stake")
@click.argument("amount", type=click.IntRange(1))
@signing_options
def stake_command(amount: int, signing: Signing) -> None:
    """Stake AMOUNT token units and join the rotation of validators."""
    signer, market = signing.signer(), signing.market()
    receipt = market.join_validators(signer, amount)
    click.echo(f"{signer.shown} is a validator, gas {receipt.gas_used}")


@contracts.command("unstake")
@signing_options
def unstake_command(signing: Signing) -> int:
    """Leave the rotation of validators; run again for the stake, when it is bound no more.

    No order that is locked later is this validator's. Those of before still are: keep `avow
    validator` running, without --stake, until they have ended. Exit status 3 while the stake is
    bound.
    """
    signer, market = signing.signer(), signing.market()
    if market.is_validator(signer.address):
        market.leave_validators(signer)
    stake = market.stake(signer.address)
    if not stake:
        raise click.UsageError(f"{signer.shown} is no validator, nor has it a stake unbonding")
    bound = market.stake_bound_until(signer.address)
    if bound is not None:
        click.echo(f"out of the rotation; {stake} token units are bound until {bound} (Unix time)")
        return 3
    receipt = market.take_stake(signer)
    click.echo(f"{stake} token units paid to {signer.shown}, gas {receipt.gas_used}")
    return 0


@contracts.command("withdraw")
@signing_options
def withdraw_command(signing: Signing) -> None:
    """Pay the account's credit at the market out to it."""
    signer, market = signing.signer(), signing.market()
    amount = market.credit(signer.address)
    receipt = market.withdraw(signer)
    click.echo(f"{amount} token units paid to {signer.shown}, gas {receipt.gas_used}")


@contracts.command("leave-watch")
@signing_options
def leave_watch_command(signing: Signing) -> int:
    """Leave the watch over claims; run again for the stake, when it is bound no more.

    Duties last to the end of the present epoch. Keep `avow validator` running, without
    --watch-stake, until the seed of that epoch is revealed: silence costs as ever. Exit status 3
    while the stake is bound.
    """
    from avow.prover.disputes.guard import leave
    from avow.verifier.chain.watch import Watch

    signer, market = signing.signer(), signing.market()
    if not market.deployment.has_watch:
        raise click.UsageError("leave-watch: this deployment has no watch")
    found = leave(Watch(market.chain, market.deployment), signer)
    if isinstance(found, int):
        click.echo(f"{found} token units paid to {signer.shown}")
        return 0
    click.echo(
        f"duties end at {found.ends}, the last seed is due by {found.reveals_by}; "
        f"the stake is bound until {found.penalties_by} (Unix time)"
    )
    return 3


@contracts.command("keystore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--password-file", type=click.Path(path_type=Path, dir_okay=False))
def keystore_command(file: Path, password_file: Path | None) -> None:
    """Make a new key and write it, encrypted, to FILE; prints its address.

    With AVOW_PRIVATE_KEY set, that key is encrypted instead of a new one.
    """
    from avow.prover.config import from_environment
    from avow.verifier.chain.signer import write_keystore

    key = from_environment().private_key or secrets.token_hex(32)
    signer = write_keystore(file, key, ask_password(password_file, confirm=True))
    click.echo(signer.shown)


def open_market_at(rpc: str | None, deployment: Path | None) -> "Market":
    """The market of --rpc and --deployment, or of the environment."""
    from avow.prover.config import from_environment
    from avow.verifier.chain.client import Chain
    from avow.verifier.chain.market import open_market

    url = rpc_url(from_environment(), rpc)
    path = deployment if deployment is not None else deployment_file(None, Chain(url).chain_id)
    return open_market(url, path)


def _tee_terms(system: str, minimum: str | None, provable: bool) -> "TeeTerms | None":
    from avow.verifier.chain.attestation_records import TeeTerms, Tier
    from avow.verifier.systems.tee.registration import SYSTEM_ID

    if system != SYSTEM_ID:
        if minimum is not None or provable:
            raise click.UsageError(f"--minimum-tier and --provable are for {SYSTEM_ID}")
        return None
    tier = Tier[(minimum or "registrar").replace("-", "_").upper()]
    if tier is Tier.SIMULATED:
        click.echo(
            "avow: warning: simulated keys may answer for this model: nothing is attested", err=True
        )
    return TeeTerms(tier, provable)


def _registry(market: "Market") -> Any:
    from avow.verifier.chain.registration import Registry

    return Registry(market.chain, market.deployment)


def _address(option: str, text: str | None) -> bytes | None:
    from eth_utils.address import is_address, to_canonical_address

    if text is None:
        return None
    if not is_address(text):
        raise click.BadParameter(
            f"expected 0x and 40 hexadecimal digits, got {text[:60]!r}", param_hint=option
        )
    return bytes(to_canonical_address(text))
