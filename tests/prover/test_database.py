"""The job database: schema, concurrency, and what a full or absent one says."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, inspect, text

from avow.prover.access.tables import ApiKeyRow
from avow.prover.config import Config
from avow.prover.database import _upgrade, newest_revision, open_database
from avow.prover.disputes.tables import DisputeClaimRow
from avow.prover.errors import ConfigurationError, DatabaseUnavailable
from avow.prover.nodes.tables import NodeBlockRow
from avow.prover.tables import Base
from avow.prover.webhooks.tables import WebhookRow
from avow.verifier.lifecycle import JobState
from tests.prover.tiny import Shop, request


def test_the_migrations_make_the_tables(database_url: str) -> None:
    for table in (NodeBlockRow, DisputeClaimRow, ApiKeyRow, WebhookRow):
        assert table.__tablename__ in Base.metadata.tables
    database = open_database(database_url)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    database.close()


def test_many_open_a_fresh_database_at_once(database_url: str) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            open_database(database_url).close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_schema_of_another_version_is_refused(database_url: str) -> None:
    database = open_database(database_url)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(DatabaseUnavailable, match="schema that this version does not know"):
        open_database(database_url)


def test_the_newest_revision_is_what_alembic_calls_the_head() -> None:
    folder = resources.files("avow.prover") / "migrations"
    settings = AlembicConfig()
    settings.set_main_option("script_location", str(folder))
    assert newest_revision(folder) == ScriptDirectory.from_config(settings).get_current_head()


def schema(connection: Connection) -> dict[str, Any]:
    """Everything that a database says of its tables, but the order of their columns."""
    inspector = inspect(connection)
    found = {}
    for name in inspector.get_table_names():
        columns = {
            column.pop("name"): {key: str(value) for key, value in column.items()}
            for column in map(dict[str, Any], inspector.get_columns(name))
        }
        found[name] = {
            "columns": columns,
            "primary key": inspector.get_pk_constraint(name),
            "foreign keys": by_name(inspector.get_foreign_keys(name)),
            "indexes": by_name(inspector.get_indexes(name)),
            "unique": by_name(inspector.get_unique_constraints(name)),
            "checks": by_name(inspector.get_check_constraints(name)),
        }
    return found


def by_name(items: Sequence[Any]) -> list[Any]:
    """Constraints in one order, whichever they were made in."""
    return sorted(items, key=lambda item: str(item["name"]))


def test_a_new_database_is_what_the_migrations_make(database_url: str) -> None:
    database = open_database(database_url)
    folder = resources.files("avow.prover") / "migrations"
    with database.engine.begin() as connection:
        made = schema(connection)
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        Base.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        assert schema(connection) == {}
        _upgrade(connection, folder)
        assert schema(connection) == made
        assert len(made) > 20 and revision == newest_revision(folder)
    database.close()


def test_only_a_database_of_another_version_needs_alembic(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    url = f"sqlite:///{path}"
    program = (
        "import sys; sys.modules['alembic'] = None\n"
        "from avow.prover.database import open_database\n"
        f"open_database({url!r}).close()"
    )
    command = [sys.executable, "-c", program]
    for state in ("new", "there already"):
        opened = subprocess.run(command, capture_output=True, text=True, check=False)
        assert opened.returncode == 0, (state, opened.stderr)
    connection = sqlite3.connect(path)
    # Also where nobody has imported the modules of the tables.
    made = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    assert {name for (name,) in made} == {*Base.metadata.tables, "alembic_version"}
    connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.commit()
    connection.close()
    old = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "import of alembic halted" in old.stderr


def test_writers_wait_for_one_another(any_shop: Shop) -> None:
    failures: list[BaseException] = []

    def submit() -> None:
        try:
            for _ in range(10):
                any_shop.queue.submit(request())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(any_shop.queue.jobs(limit=100)) == 40


def test_one_client_key_from_many_threads_is_one_job(any_shop: Shop) -> None:
    ids: list[str] = []

    def submit() -> None:
        ids.append(any_shop.queue.submit(request(client_key="same")).id)

    threads = [threading.Thread(target=submit) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6 and len(set(ids)) == 1


def test_a_full_disk_loses_nothing(shop: Shop, config: Config) -> None:
    first = shop.queue.submit(request())
    with shop.database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    limit = int(pages)

    def full(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
        connection.execute(f"PRAGMA max_page_count={limit}")

    event.listen(shop.database.engine, "checkout", full)
    with pytest.raises(DatabaseUnavailable, match="job database: database or disk is full"):
        for _ in range(50):
            shop.queue.submit(request())
    stored = shop.queue.jobs(limit=100)
    assert first.id in [job.id for job in stored]
    assert all(job.state is JobState.QUEUED and job.evidence for job in stored)
    limit = 10**6
    shop.queue.submit(request())


def test_bad_addresses_are_one_line(tmp_path: Path) -> None:
    for url, message in (
        ("nonsense", "expected sqlite:/// or postgresql://"),
        ("mysql://h/d", "got mysql"),
        ("sqlite://", "expected sqlite:///FILE"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            open_database(url)
    with pytest.raises(DatabaseUnavailable, match="job database: ") as caught:
        open_database("postgresql://u:secret@127.0.0.1:1/d")
    assert "\n" not in str(caught.value) and "secret" not in str(caught.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnavailable, match="cannot create"):
        open_database(f"sqlite:///{tmp_path / 'file' / 'below' / 'jobs.sqlite3'}")
    (tmp_path / "text").write_text("no database " * 100)
    with pytest.raises(DatabaseUnavailable, match="file is not a database"):
        open_database(f"sqlite:///{tmp_path / 'text'}")
