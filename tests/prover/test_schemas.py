"""Databases of every earlier version come to this one's schema with all that was in them."""

import importlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, create_engine, make_url, select

from avow.prover.config import Config
from avow.prover.database import Database, open_database
from avow.prover.tables import Base
from avow.verifier.lifecycle import JobState
from tests.prover.schemas.dump import FOLDER, PROVEN, QUEUED, revisions
from tests.prover.tiny import Shop, request

Rows = dict[str, list[dict[str, Any]]]
VERSIONS = sorted({path.name.partition(".")[0] for path in FOLDER.glob("v*.sql")})


@pytest.fixture
def old_database(database_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database as it was at some version."""
    kind = make_url(database_url).get_backend_name()
    statements = (FOLDER / f"{request.param}.{kind}.sql").read_text("utf-8")
    if kind == "sqlite":
        path = make_url(database_url).database
        assert path is not None
        opened = sqlite3.connect(path)
        opened.executescript(statements)
        opened.close()
    else:
        engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"))
        with engine.begin() as connection:
            connection.exec_driver_sql(statements)
        engine.dispose()
    yield database_url


def content(database: Database) -> Rows:
    """Every row of every table that there is."""
    found = MetaData()
    rows: Rows = {}
    with database.engine.connect() as connection:
        found.reflect(connection)
        for name, table in found.tables.items():
            if name != "alembic_version":
                ordered = select(table).order_by(*table.primary_key.columns)
                rows[name] = [dict(row) for row in connection.execute(ordered).mappings()]
    return rows


@pytest.mark.parametrize("old_database", VERSIONS, indirect=True)
def test_an_old_database_is_brought_up_with_its_data(old_database: str, config: Config) -> None:
    for name in ("access", "disputes", "nodes", "webhooks"):
        importlib.import_module(f"avow.prover.{name}.tables")
    engine = create_engine(
        old_database.replace("postgresql://", "postgresql+psycopg://"),
    )
    before = content(Database(engine))
    engine.dispose()
    assert len(before["jobs"]) == 2 and before["proofs"] and before["outbox"]
    database = open_database(old_database)
    try:
        with database.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, Base.metadata) == []
        after = content(database)
        for name, rows in before.items():
            columns = list(rows[0]) if rows else []
            kept = [{column: row[column] for column in columns} for row in after[name]]
            assert kept == rows, name
        shop = Shop(config, database)
        assert shop.queue.status(QUEUED).state is JobState.QUEUED
        assert shop.queue.status(PROVEN).state is JobState.PROVEN
        assert {job.id for job in shop.queue.jobs()} == {QUEUED, PROVEN}
        # Opening once more changes nothing.
        open_database(old_database).close()
        assert content(database) == after
        # The counters of the database go on behind the rows that it had.
        new = shop.queue.submit(request())
        assert {job.id for job in shop.queue.jobs()} == {QUEUED, PROVEN, new.id}
    finally:
        database.close()


def test_every_earlier_version_has_its_dump() -> None:
    known = revisions()
    assert known == sorted(known) and len(known) >= 10
    for revision in known[:-1]:
        for kind in ("sqlite", "postgresql"):
            path = Path(FOLDER / f"v{revision}.{kind}.sql")
            assert path.exists(), f"{path.name} is missing: see tests/prover/schemas/dump.py"
