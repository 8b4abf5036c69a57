"""API keys: made once, kept as a hash, good for some scopes until they end or are revoked."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import select

from avow.prover.access.tables import ApiKeyRow
from avow.prover.database import Database
from avow.prover.errors import RequestRefused, UnknownKey

_TOKEN = re.compile(r"avow_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,100}")


class Scope(Enum):
    """What a key is good for; the value is its wire string. ADMIN includes the others."""

    READ = "read"
    SUBMIT = "submit"
    VERIFY = "verify"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret.

    None is the usual limit for `per_minute` (requests), `jobs` (unfinished ones), `streams`
    (waiting requests in one process of the API) and `priority` (the highest of its jobs).
    """

    id: str
    name: str
    scopes: frozenset[Scope]
    per_minute: int | None
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    jobs: int | None = None
    streams: int | None = None
    priority: int | None = None

    def allows(self, scope: Scope) -> bool:
        """Whether the key is good for a scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


def create(
    database: Database,
    name: str,
    scopes: Iterable[Scope],
    now: int,
    expires_at: int | None = None,
    per_minute: int | None = None,
    jobs: int | None = None,
    streams: int | None = None,
    priority: int | None = None,
) -> tuple[ApiKey, str]:
    """Makes a key and gives its token, which nothing can give again; raises RequestRefused.

    The secret has 256 random bits, so that a plain hash of it cannot be searched.
    """
    wanted = frozenset(scopes)
    if not wanted:
        raise RequestRefused("scopes: expected at least one of read, submit, verify, admin")
    if not _NAME.fullmatch(name):
        raise RequestRefused("name: expected 1 to 100 characters")
    identifier, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    row = ApiKeyRow(
        id=identifier,
        name=name,
        digest=_digest(secret),
        scopes=",".join(sorted(scope.value for scope in wanted)),
        per_minute=per_minute,
        created_at=now,
        expires_at=expires_at,
        revoked_at=None,
        jobs=jobs,
        streams=streams,
        priority=priority,
    )
    with database.write() as session:
        session.add(row)
    return _read(row), f"avow_{identifier}_{secret}"


def check(database: Database, token: str, now: int) -> ApiKey | None:
    """The key of a token; None when there is none, or it ended or was revoked."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        return None
    with database.read() as session:
        row = session.get(ApiKeyRow, match[1])
    if row is None or not hmac.compare_digest(row.digest, _digest(match[2])):
        return None
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        return None
    return _read(row)


def keys(database: Database) -> list[ApiKey]:
    """Every key that was made, oldest first, revoked ones included."""
    with database.read() as session:
        query = select(ApiKeyRow).order_by(ApiKeyRow.created_at, ApiKeyRow.id)
        return [_read(row) for row in session.scalars(query)]


def revoke(database: Database, identifier: str, now: int) -> ApiKey:
    """Ends a key at once and for ever; doing it twice is no error. Raises UnknownKey."""
    with database.write() as session:
        row = session.get(ApiKeyRow, identifier, with_for_update=True)
        if row is None:
            raise UnknownKey(f"no API key {identifier[:64]!r}")
        if row.revoked_at is None:
            row.revoked_at = now
        return _read(row)


def _digest(secret: str) -> str:
    return "0x" + hashlib.sha256(secret.encode("ascii")).hexdigest()


def _read(row: ApiKeyRow) -> ApiKey:
    scopes = frozenset(Scope(item) for item in row.scopes.split(","))
    return ApiKey(
        row.id,
        row.name,
        scopes,
        row.per_minute,
        row.created_at,
        row.expires_at,
        row.revoked_at,
        row.jobs,
        row.streams,
        row.priority,
    )
