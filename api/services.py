"""What the routes stand on: the queue, the store of bundles, the compiled models."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from avow.api.events import Streams
from avow.prover.catalogue import FolderCatalogue
from avow.prover.config import Config
from avow.prover.database import Database, open_database
from avow.prover.queue import Clock, Queue, now_ms
from avow.prover.stores.address import open_store
from avow.prover.stores.store import BundleStore


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the prover room that the API offers to others.

    What nothing but a page shows is read from `database`. Open `streams` end when the server is
    told to stop.
    """

    config: Config
    database: Database
    queue: Queue
    bundles: BundleStore
    catalogue: FolderCatalogue
    clock: Clock = now_ms
    streams: Streams = field(default_factory=Streams)

    @property
    def home(self) -> Path:
        """Where models and programs lie."""
        return self.config.home

    def close(self) -> None:
        """Gives the database connections back."""
        self.streams.stop()
        self.database.close()


def open_services(config: Config) -> Services:
    """Services on the database, the store and the folders of `config`; raises `ProverError`."""
    catalogue = FolderCatalogue(config.artifacts, config.models)
    database, bundles = open_database(config.database_url), open_store(config)
    queue = Queue(config, database, catalogue, bundles)
    return Services(config, database, queue, bundles, catalogue)


def _from_app(request: Request) -> Services:
    services = request.app.state.services
    if not isinstance(services, Services):
        raise TypeError("the application was made without services")
    return services


Offered = Annotated[Services, Depends(_from_app)]
