"""An application on an empty home, and a client that speaks to it without a socket."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from avow.api.app import create_app, from_config
from avow.prover.config import from_environment
from avow.prover.database import open_database
from tests.api.processes import ROOT
from tests.api.stall import services_of
from tests.prover.tiny import Shop


@pytest.fixture
def app(tmp_path: Path) -> Iterator[FastAPI]:
    """The application; its services are closed afterwards."""
    made = from_config(from_environment({"AVOW_HOME": str(tmp_path / "home")}))
    yield made
    made.state.services.close()


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that uvicorn uses."""
    return "asyncio"


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose requests end in the application; its exceptions would be raised here."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://avow") as made:
        yield made


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like the checkout, with `avow` in its own `bin`."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("contracts", "models"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "bin").mkdir()
    installed = Path(sys.executable).parent / "avow"
    avow = folder / "bin" / "avow"
    if installed.exists():
        avow.symlink_to(installed)
    else:
        avow.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m avow.api.cli.main "$@"\n')
        avow.chmod(0o755)
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A queue and workers with the tiny system, over SQLite, in this process."""
    config = from_environment({"AVOW_HOME": str(tmp_path / "shop")})
    database = open_database(config.database_url)
    yield Shop(config, database)
    database.close()


@pytest.fixture
def stall(shop: Shop) -> FastAPI:
    """The application over the shop."""
    return create_app(services_of(shop))


@pytest.fixture
async def caller(stall: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application over the shop."""
    transport = httpx.ASGITransport(app=stall)
    async with httpx.AsyncClient(transport=transport, base_url="http://avow") as made:
        yield made
