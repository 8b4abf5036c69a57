"""Opening a planter from a configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from avow.circuits.artifact import load_artifact
from avow.circuits.optimistic.artifact import load
from avow.models.data import load_rows
from avow.models.load import Port
from avow.models.schema import quantise_row
from avow.prover.catalogue import Compiled, FolderCatalogue
from avow.prover.config import Config
from avow.prover.database import open_database
from avow.prover.disputes.tally import Tally
from avow.prover.errors import ConfigurationError
from avow.prover.nodes.offers import LARGEST_INLINE, input_bytes
from avow.prover.nodes.start import addresses
from avow.prover.planting.hours import Almanac, secret_of
from avow.prover.planting.planter import Accounts, Crop, Planter
from avow.prover.stores.address import open_store
from avow.prover.trace import fast_key
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.market import Market
from avow.verifier.chain.registration import Registry
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.watch import Watch
from avow.verifier.fields import to_hex
from avow.verifier.systems.optimistic.claim import SYSTEM_ID
from avow.verifier.tensor import Tensor


@dataclass(frozen=True, slots=True)
class PlanterOptions:
    """What an operator chooses: a registered model, an npz of rows to ask about, in how many of
    10,000 epochs something is planted, what an order pays and puts up (token units).

    `bundle_url` as for a provider.
    """

    model_key: bytes
    rows: Path
    share_bps: int
    price: int
    bond: int
    confirmations: int
    bundle_url: str | None


def open_planter(
    config: Config, market: Market, signer: Signer, accounts: Accounts, options: PlanterOptions
) -> Planter:
    """A planter over this configuration's database, artifacts and bundles.

    Raises ConfigurationError where it could plant nothing.
    """
    if not market.deployment.has_watch:
        raise ConfigurationError("planter: this deployment has no watch")
    watch = Watch(market.chain, market.deployment)
    named = {signer.address, accounts.requester.address, accounts.provider.address}
    if len(named) != 3:
        raise ConfigurationError("planter: expected three keys that differ")
    if watch.planter() != signer.address:
        raise ConfigurationError(
            f"planter: {signer.shown} is not the planter of this watch, "
            f"{to_hex(watch.planter())} is"
        )
    compiled = _compiled(config, market, options.model_key)
    size = input_bytes(compiled.model.inputs)
    if size > LARGEST_INLINE:
        raise ConfigurationError(
            f"planter: an order of this model has {size} bytes of input at an address, and "
            f"validators answer only for what stands in orders, at most {LARGEST_INLINE} bytes"
        )
    secret = secret_of(signer, market.chain.chain_id, watch.address)
    crop = Crop(
        model_key=options.model_key,
        compiled=compiled,
        loaded=load(load_artifact(compiled.folder), fast_key),
        rows=_rows(options.rows, compiled),
        price=options.price,
        bond=options.bond,
    )
    node = Planter(
        market=market,
        claims=Claims(market.chain, market.deployment),
        watch=watch,
        signer=signer,
        accounts=accounts,
        crop=crop,
        almanac=Almanac(secret, watch.parameters, options.share_bps),
        database=open_database(config.database_url),
        store=open_store(config),
        address=addresses(config, options.bundle_url),
        confirmations=options.confirmations,
    )
    node.tally = Tally(watch, signer.address, market.deployment.first_block)
    return node


def _compiled(config: Config, market: Market, model_key: bytes) -> Compiled:
    digest = Registry(market.chain, market.deployment).model_digest(model_key)
    if digest is None:
        raise ConfigurationError(f"planter: no model {to_hex(model_key)} is registered")
    catalogue = FolderCatalogue(config.artifacts, config.models)
    return catalogue.find(to_hex(digest), SYSTEM_ID, None)


def _rows(path: Path, compiled: Compiled) -> list[tuple[Tensor, ...]]:
    ports = tuple(Port(spec.name, spec.shape) for spec in compiled.model.inputs)
    rows = load_rows(path, ports)
    if not len(rows):
        raise ConfigurationError(f"planter: {path} has no rows")
    return [quantise_row(compiled.model, rows, at) for at in range(len(rows))]
