"""An installation with jobs of the tiny system in it, its application, and a client."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from avow.api.app import create_app
from avow.api.services import Services
from avow.prover.catalogue import Compiled, FolderCatalogue
from avow.prover.config import from_environment
from avow.prover.database import open_database
from avow.prover.queue import now_ms
from avow.verifier import canonical
from tests.prover.tiny import COMPILED, Shop, TinyCatalogue

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HOSTILE = "<script>alert('x')</script>\"&{{ 7 * 7 }}"


@dataclass(frozen=True, slots=True)
class Desk:
    """An application over a queue and a bench in this process."""

    app: FastAPI
    shop: Shop


def stored(compiled: Compiled, artifacts: Path) -> Compiled:
    """The artifact's two records in a folder, as a catalogue reads them."""
    folder = artifacts / compiled.record.digest().hex()
    folder.mkdir(parents=True)
    (folder / "record.json").write_bytes(canonical.encode(compiled.record.to_json()))
    (folder / "model.json").write_bytes(canonical.encode(compiled.model.to_json()))
    return replace(compiled, folder=folder)


def hostile() -> Compiled:
    """The tiny model under a name that would be a script."""
    model = replace(COMPILED.model, name=HOSTILE, version="<b>1</b>", licence="<i>none</i>")
    record = replace(COMPILED.record, model=model.digest())
    return replace(COMPILED, model=model, record=record)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Empty of jobs; the tiny model and a hostile one are compiled."""
    config = from_environment({"AVOW_HOME": str(tmp_path / "home")})
    for compiled in (COMPILED, hostile()):
        stored(compiled, config.artifacts)
    database = open_database(config.database_url)
    shop = Shop(config, database, clock=now_ms, catalogue=TinyCatalogue())
    catalogue = FolderCatalogue(config.artifacts, config.models)
    services = Services(config, database, shop.queue, shop.store, catalogue)
    yield Desk(create_app(services), shop)
    database.close()


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    """A browser's headers, without a socket."""
    transport = httpx.ASGITransport(app=desk.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://avow", headers=HTML) as made:
        yield made


@pytest.fixture
async def closed(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    """A browser before an application that requires keys."""
    services = desk.app.state.services
    assert isinstance(services, Services)
    app = create_app(replace(services, config=replace(services.config, api_keys="required")))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://avow", headers=HTML) as made:
        yield made
