"""Opening the job database: SQLite by default, PostgreSQL by URL, the same code on both."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
)
from sqlalchemy.orm import Session

from avow.prover.errors import ConfigurationError, DatabaseUnavailable

_BUSY_SECONDS = 20
_READ_ONLY = "avow_read_only"
# Any number works as long as nothing else in the database takes the same advisory lock.
_MIGRATION_LOCK = 0x41564F57
# Whatever has been a job database has it.
_OLDEST_TABLE = "jobs"
# The packages that have tables beside those of `prover.tables`.
_PARTS = ("access", "disputes", "nodes", "webhooks")
_VERSION_TABLE = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)


class Database:
    """One engine and the two ways to use it: `read` and `write`, each one transaction."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._reader = engine.execution_options(**{_READ_ONLY: True})

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent view; nothing is written."""
        with _refusing(), Session(self._reader) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: all of the block is stored when it ends well, else nothing.

        Raises DatabaseUnavailable when the database cannot be reached, is locked for too
        long or has no room; IntegrityError passes, since it tells who came first.
        """
        with _refusing(), Session(self.engine, expire_on_commit=False) as session:
            with session.begin():
                yield session

    def close(self) -> None:
        """Returns every connection."""
        self.engine.dispose()


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except (DatabaseError, InterfaceError) as error:
        raise DatabaseUnavailable(f"job database: {_first_line(error)}") from error


def _first_line(error: DBAPIError) -> str:
    lines = str(error.orig or error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def open_database(url: str) -> Database:
    """Connects and brings the schema to this version's; safe to call from many processes."""
    database = Database(_engine(url))
    try:
        with _refusing():
            _migrate(database.engine)
    except BaseException:
        database.close()
        raise
    return database


def _engine(url: str) -> Engine:
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError("AVOW_DATABASE_URL: expected sqlite:/// or postgresql://") from (
            error
        )
    backend = address.get_backend_name()
    if backend == "postgresql":
        try:
            return create_engine(
                address.set(drivername="postgresql+psycopg"),
                pool_pre_ping=True,
                connect_args={"connect_timeout": 10},
            )
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "AVOW_DATABASE_URL: PostgreSQL needs the extra avow[postgres]"
            ) from error
    if backend != "sqlite" or not address.database or address.database == ":memory:":
        raise ConfigurationError(
            f"AVOW_DATABASE_URL: expected sqlite:///FILE or postgresql://..., got {backend}"
        )
    try:
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnavailable(
            f"job database: cannot create {Path(address.database).parent}: {error.strerror}"
        ) from error
    engine = create_engine(address, connect_args={"timeout": _BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver must not open transactions of its own, or BEGIN IMMEDIATE comes too late.
    connection.isolation_level = None
    cursor = connection.cursor()
    _use_write_ahead_log(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _use_write_ahead_log(cursor: sqlite3.Cursor) -> None:
    # Changing the journal of a new file needs it alone, and SQLite does not wait for that: with
    # several openers at once it says at once that the database is locked.
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    # A write that begins as a read cannot wait for another writer: it fails at once as busy.
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _migrate(engine: Engine) -> None:
    folder = resources.files("avow.prover") / "migrations"
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        newest, found = newest_revision(folder), _revision(connection)
        if found is None and not inspect(connection).has_table(_OLDEST_TABLE):
            _create(connection, newest)
        elif found != newest:
            _upgrade(connection, folder)


def newest_revision(migrations: Traversable) -> str:
    """The schema's revision in this version: that of the last file, as their names are numbered."""
    names = (path.name for path in (migrations / "versions").iterdir())
    return max(name[1:5] for name in names if name.startswith("v"))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _create(connection: Connection, revision: str) -> None:
    """All tables at once, which is what the migrations make one after the other (decision 0228)."""
    from avow.prover.tables import Base

    for part in _PARTS:
        # It adds its tables to those of `Base`.
        import_module(f"avow.prover.{part}.tables")
    Base.metadata.create_all(connection, checkfirst=False)
    connection.execute(text(_VERSION_TABLE))
    connection.execute(
        text("INSERT INTO alembic_version (version_num) VALUES (:revision)"), {"revision": revision}
    )


def _upgrade(connection: Connection, folder: Traversable) -> None:
    # Most processes open a database that is up to date, and loading Alembic takes a while.
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    settings = Config()
    settings.set_main_option("script_location", str(folder).replace("%", "%%"))
    settings.attributes["connection"] = connection
    try:
        command.upgrade(settings, "head")
    except CommandError as error:
        raise DatabaseUnavailable(
            f"job database has a schema that this version does not know: {error}"
        ) from error
