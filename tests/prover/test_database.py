"""The job database: schema, concurrency, and what a full or absent one says."""

import sqlite3
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, text

from avow.prover.access.tables import ApiKeyRow
from avow.prover.config import Config
from avow.prover.database import open_database
from avow.prover.errors import ConfigurationError, DatabaseUnavailable
from avow.prover.nodes.tables import NodeBlockRow
from avow.prover.tables import Base
from avow.prover.webhooks.tables import WebhookRow
from avow.verifier.lifecycle import JobState
from tests.prover.tiny import Shop, request


def test_the_migrations_make_the_tables(database_url: str) -> None:
    for table in (NodeBlockRow, ApiKeyRow, WebhookRow):
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
