"""The database of a run: a schema of its own in the PostgreSQL that tests may use, else SQLite."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.prover.conftest import postgres_schema


@contextmanager
def own_schema() -> Iterator[str | None]:
    """An address, or None where there is no server."""
    address = os.environ.get("AVOW_TEST_POSTGRES_URL")
    if not address:
        yield None
        return
    schema = postgres_schema(address)
    try:
        yield next(schema)
    finally:
        for _ in schema:
            pass
