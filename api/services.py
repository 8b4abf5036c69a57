"""What the routes stand on: the queue, the store of bundles, the compiled models."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from avow.prover.catalogue import FolderCatalogue
from avow.prover.config import Config
from avow.prover.queue import Queue, open_queue
from avow.prover.stores.address import open_store
from avow.prover.stores.store import BundleStore


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the prover room that the API offers to others."""

    queue: Queue
    bundles: BundleStore
    catalogue: FolderCatalogue


def open_services(config: Config) -> Services:
    """Services on the database and folders of `config`; raises `ProverError`."""
    catalogue = FolderCatalogue(config.artifacts, config.models)
    return Services(open_queue(config, catalogue), open_store(config), catalogue)


def _from_app(request: Request) -> Services:
    services = request.app.state.services
    if not isinstance(services, Services):
        raise TypeError("the application was made without services")
    return services


Offered = Annotated[Services, Depends(_from_app)]
