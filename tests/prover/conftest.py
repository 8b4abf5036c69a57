"""A queue with the tiny system over SQLite, and over PostgreSQL where there is one."""

import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import create_engine, text

from avow.prover import database as databases
from avow.prover.config import Config, from_environment
from avow.prover.database import Database, open_database
from avow.prover.tables import Base
from tests.prover.provers import EARLIER
from tests.prover.tiny import Shop


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_disks() -> Iterator[None]:
    """SQLite in this process leaves it to the kernel when to write: no test cuts the power."""
    prepare = databases._prepare_sqlite

    def prepared(connection: sqlite3.Connection, record: Any) -> None:
        prepare(connection, record)
        connection.execute("PRAGMA synchronous=OFF")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(databases, "_prepare_sqlite", prepared)
        yield


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


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with every table and no row, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "jobs.sqlite3"
    open_database(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def migrated_schema() -> Iterator[list[Any]]:
    """What `emptied` keeps: the address of a schema, and what drops it."""
    made: list[Any] = []
    yield made
    for schema in made[1:]:
        for _ in schema:
            pass


def emptied(address: str, made: list[Any]) -> str:
    """The session's PostgreSQL schema, with every table and no row."""
    if not made:
        schema = postgres_schema(address)
        made += [next(schema), schema]
        open_database(made[0]).close()
    database = open_database(made[0])
    with database.write() as session:
        # Whoever still holds a row is a test that has not ended.
        session.execute(text("SET LOCAL lock_timeout = '20s'"))
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(table.delete())
    database.close()
    return str(made[0])


@pytest.fixture
def earlier() -> None:
    """What runs already is not counted by `children` of `tests.prover.provers`."""
    EARLIER.clear()
    EARLIER.update(psutil.Process().children(recursive=True))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A configuration with everything under a fresh folder."""
    return from_environment({"AVOW_HOME": str(tmp_path / "home"), "AVOW_LEASE_SECONDS": "10"})


@pytest.fixture
def new_database(tmp_path: Path, migrated: Path) -> Iterator[Database]:
    """A SQLite database with every table and no row."""
    found = open_database(f"sqlite:///{shutil.copy(migrated, tmp_path)}")
    yield found
    found.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_new_database(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    migrated: Path,
    migrated_schema: list[Any],
    require_service: Callable[[str], str],
) -> Iterator[Database]:
    """A database of each kind with every table and no row."""
    if request.param == "sqlite":
        url = f"sqlite:///{shutil.copy(migrated, tmp_path)}"
    else:
        url = emptied(require_service("AVOW_TEST_POSTGRES_URL"), migrated_schema)
    found = open_database(url)
    yield found
    found.close()


@pytest.fixture
def shop(config: Config, new_database: Database) -> Shop:
    """A queue and workers over SQLite."""
    return Shop(config, new_database)


@pytest.fixture
def any_shop(config: Config, any_new_database: Database) -> Shop:
    """A queue and workers over every kind of database."""
    return Shop(config, any_new_database)
