"""What the routes stand on: the queue, the store of bundles, the compiled models."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from avow.prover.catalogue import FolderCatalogue
from avow.prover.config import Config
from avow.prover.database import Database, open_database
from avow.prover.queue import Queue
from avow.prover.stores.address import open_store
from avow.prover.stores.store import BundleStore


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the prover room that the API offers to others.

    `home` is where models and programs lie. What nothing but a page shows is read from `database`.
    """

    queue: Queue
    bundles: BundleStore
    catalogue: FolderCatalogue
    database: Database
    home: Path


def open_services(config: Config) -> Services:
    """Services on the database and folders of `config`; raises `ProverError`."""
    catalogue = FolderCatalogue(config.artifacts, config.models)
    database, bundles = open_database(config.database_url), open_store(config)
    queue = Queue(config, database, catalogue, bundles)
    return Services(queue, bundles, catalogue, database, config.home)


def _from_app(request: Request) -> Services:
    services = request.app.state.services
    if not isinstance(services, Services):
        raise TypeError("the application was made without services")
    return services


Offered = Annotated[Services, Depends(_from_app)]
