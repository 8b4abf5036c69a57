"""A queue with the tiny system over SQLite, and over PostgreSQL where there is one."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import create_engine, text

from avow.prover.config import Config, from_environment
from avow.prover.database import open_database
from tests.prover.provers import EARLIER
from tests.prover.tiny import Shop


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(
    request: pytest.FixtureRequest, tmp_path: Path, require_service: Callable[[str], str]
) -> Iterator[str]:
    """An empty database of each kind; a PostgreSQL one is a schema of its own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'jobs.sqlite3'}"
        return
    address = require_service("AVOW_TEST_POSTGRES_URL")
    yield from postgres_schema(address)


def postgres_schema(address: str) -> Iterator[str]:
    """A fresh schema in a PostgreSQL database, dropped afterwards."""
    engine = create_engine(address.replace("postgresql://", "postgresql+psycopg://"))
    name = f"avow_{uuid.uuid4().hex[:12]}"
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    joint = "&" if "?" in address else "?"
    yield f"{address}{joint}options=-csearch_path%3D{name}"
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    engine.dispose()


@pytest.fixture
def earlier() -> None:
    """What runs already is not counted by `children` of `tests.prover.provers`."""
    EARLIER.clear()
    EARLIER.update(one.pid for one in psutil.Process().children(recursive=True))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A configuration with everything under a fresh folder."""
    return from_environment({"AVOW_HOME": str(tmp_path / "home"), "AVOW_LEASE_SECONDS": "10"})


@pytest.fixture
def shop(config: Config, tmp_path: Path) -> Iterator[Shop]:
    """A queue and workers over SQLite."""
    database = open_database(f"sqlite:///{tmp_path / 'jobs.sqlite3'}")
    yield Shop(config, database)
    database.close()


@pytest.fixture
def any_shop(config: Config, database_url: str) -> Iterator[Shop]:
    """A queue and workers over every kind of database."""
    database = open_database(database_url)
    yield Shop(config, database)
    database.close()
