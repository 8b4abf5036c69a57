"""`avow provider` and `avow validator`: the two nodes, until they are stopped."""

import re
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from avow.api.cli.signing import (
    chain_options,
    deployment_file,
    key_options,
    open_signer,
    rpc_url,
)

if TYPE_CHECKING:
    from avow.prover.config import Config
    from avow.prover.nodes.node import Node
    from avow.verifier.attestation.policy import AttestationPolicy
    from avow.verifier.chain.market import Market
    from avow.verifier.chain.signer import Signer

CONFIRMATIONS = click.option(
    "--confirmations",
    type=click.IntRange(0, 1_000),
    default=3,
    show_default=True,
    help="Blocks on top of an order before it is acted on, and of an end before it is noted.",
)
ONCE = click.option("--once", is_flag=True, help="Do what is due now, then end.")
POLL = click.option(
    "--poll", type=click.FloatRange(0.05, 600), default=1.0, show_default=True, help="Seconds."
)


@click.command("provider")
@chain_options
@key_options
@click.option(
    "--min-price",
    "prices",
    metavar="[MODEL=]UNITS",
    multiple=True,
    help="Least price of a leg in token units, for one model or for all; may be repeated.",
)
@click.option(
    "--bundle-url",
    metavar="URL",
    help="Public address of this API; without it a validator must share the machine.",
)
@click.option(
    "--first-proof-seconds",
    type=click.FloatRange(1),
    default=120.0,
    show_default=True,
    help="What evidence is taken to need until some was measured here.",
)
@click.option(
    "--allow-unsafe-srs",
    is_flag=True,
    help="Serve models compiled with a locally made SRS, as the workers must too.",
)
@click.option(
    "--input-files",
    type=click.Path(path_type=Path, file_okay=False),
    help="Read inputs that orders name by file://, but only inside this folder (default: http(s)).",
)
@click.option("--fetch-seconds", type=click.FloatRange(1, 3_600), default=10.0, show_default=True)
@click.option("--no-claims", is_flag=True, help="Decline legs that are claimed, not proven.")
@click.option(
    "--defend-by",
    type=click.Choice(["game", "proof"]),
    default="game",
    show_default=True,
    help="How challenged claims are defended; proof where the model is registered for sumcheck.",
)
@CONFIRMATIONS
@POLL
@ONCE
def provider(
    rpc: str | None,
    deployment: Path | None,
    keystore: Path | None,
    password_file: Path | None,
    prices: tuple[str, ...],
    bundle_url: str | None,
    first_proof_seconds: float,
    allow_unsafe_srs: bool,
    input_files: Path | None,
    fetch_seconds: float,
    no_claims: bool,
    defend_by: str,
    confirmations: int,
    poll: float,
    once: bool,
) -> None:
    """Serve a market's orders: lock, answer through the queue, deliver, and be paid.

    Serves the models compiled in this installation. Workers (`avow worker`) do the proving. Legs of
    optimistic/v1 are claimed with a bond, and defended while they can be challenged.
    """
    from avow.prover.nodes.start import ProviderOptions, open_provider

    least, by_model = _prices(prices)
    config, market, signer = open_node(rpc, deployment, keystore, password_file)
    if allow_unsafe_srs:
        config = replace(config, allow_unsafe_srs=True)
    options = ProviderOptions(
        least,
        by_model,
        confirmations,
        first_proof_seconds,
        bundle_url,
        claim=not no_claims,
        defend_by_proof=defend_by == "proof",
        fetch_seconds=fetch_seconds,
        input_files=input_files,
    )
    run_node(config, open_provider(config, market, signer, options), poll, once)


@click.command("validator")
@chain_options
@key_options
@click.option(
    "--stake",
    type=click.IntRange(1),
    metavar="UNITS",
    help="Join the validators with this stake first, unless a member already.",
)
@click.option(
    "--bundle-files",
    type=click.Path(path_type=Path, file_okay=False),
    help="Read file:// bundles, but only inside this folder (default: http and https only).",
)
@click.option("--fetch-seconds", type=click.FloatRange(1, 3_600), default=60.0, show_default=True)
@click.option(
    "--allow-unsafe-srs",
    is_flag=True,
    help="Submit proofs under a locally made SRS, whose maker can forge (development only).",
)
@click.option("--no-expire", is_flag=True, help="Leave overdue orders to others.")
@click.option(
    "--evidence-policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What enclaves must show (avow-attestation-policy/1); none: tee/v1 is left to others.",
)
@click.option("--no-watch", is_flag=True, help="Neither look at claims nor challenge wrong ones.")
@click.option(
    "--watch-stake",
    type=click.IntRange(1),
    metavar="UNITS",
    help="Join the watch over claims with this stake first, unless a validator of it already.",
)
@click.option(
    "--watch-model",
    "watch_models",
    multiple=True,
    metavar="KEY",
    help="Watch claims of this model from the next epoch on; may be given again.",
)
@CONFIRMATIONS
@POLL
@ONCE
def validator(
    rpc: str | None,
    deployment: Path | None,
    keystore: Path | None,
    password_file: Path | None,
    stake: int | None,
    bundle_files: Path | None,
    fetch_seconds: float,
    allow_unsafe_srs: bool,
    no_expire: bool,
    evidence_policy: Path | None,
    no_watch: bool,
    watch_stake: int | None,
    watch_models: tuple[str, ...],
    confirmations: int,
    poll: float,
    once: bool,
) -> None:
    """Check the bundles assigned to this account offline, and settle the good ones.

    Also ends overdue orders, so that requesters have their money back; and recomputes every claim
    of a model that is compiled here (`avow compile --system optimistic`), challenges wrong ones
    and plays them to their end, putting up bonds.
    """
    from avow.prover.nodes.start import ValidatorOptions, join_watch, open_validator

    models = [_model_key(text) for text in watch_models]
    if no_watch and (models or watch_stake is not None):
        raise click.UsageError("--no-watch: expected neither --watch-stake nor --watch-model")
    evidence = None if evidence_policy is None else _evidence(evidence_policy)
    config, market, signer = open_node(rpc, deployment, keystore, password_file)
    if allow_unsafe_srs:
        config = replace(config, allow_unsafe_srs=True)
    if stake is not None and not market.is_validator(signer.address):
        market.join_validators(signer, stake)
    join_watch(config, market, signer, watch_stake, models)
    options = ValidatorOptions(
        confirmations, not no_expire, fetch_seconds, bundle_files, not no_watch, evidence
    )
    run_node(config, open_validator(config, market, signer, options), poll, once)


def _evidence(path: Path) -> "AttestationPolicy":
    from avow.verifier.attestation.policy import MAX_BYTES, parse_attestation_policy
    from avow.verifier.errors import VerificationError

    try:
        with path.open("rb") as stream:
            return parse_attestation_policy(stream.read(MAX_BYTES + 1))
    except VerificationError as error:
        raise click.UsageError(f"--evidence-policy: {error.message}") from error


def _model_key(text: str) -> bytes:
    if re.fullmatch(r"0x[0-9a-f]{64}", text) is None:
        raise click.UsageError("--watch-model: expected a model key, 0x and 64 hex digits")
    return bytes.fromhex(text[2:])


def open_node(
    rpc: str | None, deployment: Path | None, keystore: Path | None, password_file: Path | None
) -> "tuple[Config, Market, Signer]":
    """Configuration, market and key that the options name."""
    from avow.prover.config import from_environment
    from avow.prover.logs import set_up_logging
    from avow.verifier.chain.client import Chain
    from avow.verifier.chain.market import open_market

    config = from_environment()
    set_up_logging(config)
    signer = open_signer(config, keystore, password_file)
    url = rpc_url(config, rpc)
    path = deployment if deployment is not None else deployment_file(None, Chain(url).chain_id)
    return config, open_market(url, path), signer


def run_node(config: "Config", node: "Node", poll: float, once: bool) -> None:
    """Takes steps and shows figures until the process is told to stop."""
    from avow.prover.metrics.serve import new_registry, shown
    from avow.prover.nodes.figures import NodeFigures
    from avow.prover.nodes.node import LOG
    from avow.prover.tracing import end_tracing, set_up_tracing
    from avow.prover.version import VERSION

    LOG.info(
        "role=%s ready chain=%d account=%s",
        node.role,
        node.market.chain.chain_id,
        node.signer.shown,
    )
    set_up_tracing(config, f"avow-{node.role}")
    registry = new_registry(VERSION)
    figures = NodeFigures(node, registry)
    try:
        with shown(registry, config.metrics):
            _steps(node, poll, once, figures.refresh)
    finally:
        end_tracing()
        node.close()


def _steps(node: "Node", poll: float, once: bool, between: Callable[[], None]) -> None:
    from avow.prover.nodes.node import run

    if once:
        while node.step() or node.join():
            pass
        return
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    run(node, stop, poll, between=between)


def _prices(texts: tuple[str, ...]) -> tuple[int, dict[str, int]]:
    """The default and the per-model least prices; one unit where nothing is said."""
    default, by_model = 1, {}
    for text in texts:
        name, separator, number = text.rpartition("=")
        if not number.isascii() or not number.isdigit() or (separator and not name):
            raise click.BadParameter(
                f"expected [MODEL=]UNITS, got {text[:60]!r}", param_hint="--min-price"
            )
        if name:
            by_model[name] = int(number)
        else:
            default = int(number)
    return default, by_model
