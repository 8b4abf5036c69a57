"""Opening a node from a configuration: chain, market, key, database, queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from avow.prover.catalogue import FolderCatalogue
from avow.prover.config import Config
from avow.prover.database import open_database
from avow.prover.disputes.attested import AttestedAnswers
from avow.prover.disputes.evidence import Evidence
from avow.prover.disputes.guard import Guard, begin_to_watch, join
from avow.prover.disputes.programs import Programs
from avow.prover.disputes.tally import Tally
from avow.prover.disputes.watcher import Watcher
from avow.prover.enclave.archive import Archive
from avow.prover.errors import ConfigurationError
from avow.prover.nodes.attested import EvidenceTerms, OwnKeys
from avow.prover.nodes.claims import CLAIMED
from avow.prover.nodes.fetch import FetchRules
from avow.prover.nodes.inputs import OrderedInputs
from avow.prover.nodes.kept_inputs import KeptInputs
from avow.prover.nodes.offers import Pricing
from avow.prover.nodes.pace import Pace
from avow.prover.nodes.provider import Address, Provider
from avow.prover.nodes.validator import Validator
from avow.prover.nodes.worklist import Worklist
from avow.prover.queue import Queue
from avow.prover.stores.address import open_store, place_of
from avow.prover.stores.store import SUFFIX
from avow.verifier.attestation.policy import AttestationPolicy
from avow.verifier.chain.attested_keys import AttestedKeys
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.market import Market
from avow.verifier.chain.registration import Registry
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.watch import Watch
from avow.verifier.fields import to_hex

_EVIDENCE_SECONDS = 10.0
# Of inputs that orders name by an address, on disk.
_INPUT_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class ProviderOptions:
    """What an operator chooses; prices in token units, times in seconds.

    `bundle_url` is the public address of this installation's API; without it bundles are named
    by their file, which only a validator on the same machine can read. `claim` lets it take legs
    that are claimed; `defend_by_proof` ends challenges by a proof where one can be made. Inputs
    that orders name by an address are fetched for `fetch_seconds` at most; `input_files` is the
    one folder from which such files may be read.
    """

    least_price: int
    least_by_model: Mapping[str, int]
    confirmations: int
    first_proof_seconds: float
    bundle_url: str | None
    claim: bool = True
    defend_by_proof: bool = False
    fetch_seconds: float = 10.0
    input_files: Path | None = None


@dataclass(frozen=True, slots=True)
class ValidatorOptions:
    """What an operator chooses. `bundle_files` is the one folder from which files may be read."""

    confirmations: int
    expire_overdue: bool
    fetch_seconds: float
    bundle_files: Path | None
    watch_claims: bool = True
    evidence: AttestationPolicy | None = None


def open_provider(
    config: Config, market: Market, signer: Signer, options: ProviderOptions
) -> Provider:
    """A provider over this configuration's database and artifacts."""
    database = open_database(config.database_url)
    catalogue = FolderCatalogue(config.artifacts, config.models)
    address = addresses(config, options.bundle_url)
    account = f"{market.chain.chain_id}-{market.contract.address.hex()}-{signer.address.hex()}"

    return Provider(
        market=market,
        signer=signer,
        database=database,
        queue=Queue(config, database, catalogue, open_store(config)),
        catalogue=catalogue.all,
        pricing=Pricing(options.least_price, options.least_by_model),
        pace=Pace(
            database,
            config.concurrency,
            options.first_proof_seconds,
            config.batch_window_ms / 1000,
        ),
        address=address,
        confirmations=options.confirmations,
        allow_unsafe_srs=config.allow_unsafe_srs,
        claims=Claims(market.chain, market.deployment) if options.claim else None,
        defend_by_proof=options.defend_by_proof,
        attested=OwnKeys(market, signer.address, Archive(config.home)),
        inputs=OrderedInputs(
            FetchRules(seconds=options.fetch_seconds, file_folder=options.input_files),
            KeptInputs(config.home / "inputs" / account, _INPUT_BYTES),
        ),
    )


def addresses(config: Config, bundle_url: str | None) -> Address:
    """Where everybody finds a bundle, by its statement's digest."""
    if bundle_url is not None:
        base = bundle_url.rstrip("/")
        return lambda statement: f"{base}/v1/bundles/0x{statement.hex()}"
    place = place_of(config)
    if not isinstance(place, Path):
        raise ConfigurationError("--bundle-url: a provider whose bundles lie in a bucket needs one")
    return lambda statement: (place / f"{statement.hex()}{SUFFIX}").as_uri()


def join_watch(
    config: Config, market: Market, signer: Signer, stake: int | None, models: Sequence[bytes]
) -> None:
    """Has the account watch claims of models, joining first with a stake if one is given.

    What it does already is left as it is. Raises ConfigurationError, before a stake is put up,
    without a watch, and for a model whose claims could not be looked at here.
    """
    if stake is None and not models:
        return
    if not market.deployment.has_watch:
        raise ConfigurationError("--watch-stake, --watch-model: this deployment has no watch")
    watch = Watch(market.chain, market.deployment)
    if stake is None and watch.validator(signer.address) is None:
        raise ConfigurationError(
            f"--watch-model: {signer.shown} is no validator of the watch, join it by --watch-stake"
        )
    for model_key in models:
        _require_watchable(config, market, model_key)
    if stake is not None:
        join(watch, signer, stake)
    for model_key in models:
        begin_to_watch(watch, signer, model_key)


def _require_watchable(config: Config, market: Market, model_key: bytes) -> None:
    """Who watches a model answers for claims of it: it must be able to compute them again."""
    name = f"--watch-model: {to_hex(model_key)}"
    if not Claims(market.chain, market.deployment).is_learned(model_key):
        raise ConfigurationError(f"{name}: nobody can claim this model (avow contracts register)")
    found = Registry(market.chain, market.deployment).system(model_key, CLAIMED)
    compiled = FolderCatalogue(config.artifacts, config.models).all()
    if found is None or all(one.record.key != found.key for one in compiled):
        raise ConfigurationError(
            f"{name}: not compiled here as it is registered (avow compile --system optimistic)"
        )


def open_validator(
    config: Config, market: Market, signer: Signer, options: ValidatorOptions
) -> Validator:
    """A validator over this configuration's database; it watches claims of its own artifacts."""
    database = open_database(config.database_url)
    rules = FetchRules(seconds=options.fetch_seconds, file_folder=options.bundle_files)
    # Nobody must be able to let the clocks of other disputes run out by answering slowly.
    hasty = replace(rules, seconds=min(rules.seconds, _EVIDENCE_SECONDS))
    catalogue = FolderCatalogue(config.artifacts, config.models)

    guard, tally = None, None
    if market.deployment.has_watch and options.watch_claims:
        place = Watch(market.chain, market.deployment)
        guard = Guard(place, signer, database)
        tally = Tally(place, signer.address, market.deployment.first_block, guard)

    def watch(worklist: Worklist) -> Watcher:
        return Watcher(
            market=market,
            claims=Claims(market.chain, market.deployment),
            signer=signer,
            database=database,
            programs=Programs(catalogue.all),
            evidence=Evidence(worklist, hasty),
            confirmations=options.confirmations,
            duties=guard,
            attested=AttestedAnswers(
                market,
                AttestedKeys(market.chain, market.deployment),
                signer,
                worklist,
                hasty,
                config.home / "contradictions",
            ),
        )

    node = Validator(
        market=market,
        signer=signer,
        database=database,
        rules=rules,
        confirmations=options.confirmations,
        allow_unsafe_srs=config.allow_unsafe_srs,
        expire_overdue=options.expire_overdue,
        evidence=None if options.evidence is None else EvidenceTerms(market, options.evidence),
        watch=watch if options.watch_claims else None,
    )
    node.tally = tally
    node.attested = None if node.watcher is None else node.watcher.attested
    return node
