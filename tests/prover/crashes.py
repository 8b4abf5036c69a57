"""A database that crashes at a chosen commit, on either side of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from avow.prover.database import Database


class Crash(BaseException):
    """The process is gone: nothing of the program may catch this."""


class CrashingDatabase(Database):
    """Ends the "process" before or after its n-th write transaction; n counts from 0."""

    def __init__(self, engine: Engine, at: int, after: bool) -> None:
        super().__init__(engine)
        self._left = at
        self._after = after

    @contextmanager
    def write(self) -> Iterator[Session]:
        """As the real one, until the chosen transaction."""
        now = self._left == 0
        self._left -= 1
        with super().write() as session:
            yield session
            if now and not self._after:
                session.flush()
                raise Crash
        if now:
            raise Crash
