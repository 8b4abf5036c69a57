"""`avow keys`: who may use the HTTP API, and for what."""

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from avow.prover.access.keys import ApiKey
    from avow.prover.database import Database

_DAY_MS = 24 * 3600 * 1000


@click.group()
def keys() -> None:
    """Make, list and revoke keys of the HTTP API."""


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(["read", "submit", "verify", "admin"]),
    multiple=True,
    required=True,
    help="What the key is good for; may be repeated. admin includes the others.",
)
@click.option("--days", type=click.IntRange(1, 36_500), help="How long it lasts.  [default: ever]")
@click.option(
    "--per-minute",
    type=click.IntRange(1, 1_000_000),
    help="Requests a minute, instead of the usual limit.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 10**9),
    help="Unfinished jobs at the same time, instead of the usual limit.",
)
@click.option(
    "--streams",
    type=click.IntRange(1, 10_000),
    help="Streams and waiting requests in one process, instead of the usual limit.",
)
@click.option(
    "--priority",
    type=click.IntRange(0, 9),
    help="The highest priority of its jobs, instead of the usual limit.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create(
    name: str,
    scopes: tuple[str, ...],
    days: int | None,
    per_minute: int | None,
    jobs: int | None,
    streams: int | None,
    priority: int | None,
    as_json: bool,
) -> None:
    """Make a key called NAME and print its token, which is not kept and cannot be shown again."""
    from avow.prover.access import keys as made
    from avow.prover.access.keys import Scope

    now = time.time_ns() // 1_000_000
    ends = None if days is None else now + days * _DAY_MS
    wanted = [Scope(scope) for scope in scopes]
    own = {"per_minute": per_minute, "jobs": jobs, "streams": streams, "priority": priority}
    key, token = made.create(_open(), name, wanted, now, ends, **own)
    if as_json:
        click.echo(json.dumps(_plain(key) | {"token": token}, indent=2))
        return
    click.echo(token)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_keys(as_json: bool) -> None:
    """List every key that was made, without its secret."""
    from avow.prover.access import keys as made

    found = made.keys(_open())
    if as_json:
        click.echo(json.dumps([_plain(key) for key in found], indent=2))
        return
    for key in found:
        state = "revoked" if key.revoked_at else f"ends {_day(key.expires_at)}"
        scopes = ",".join(sorted(scope.value for scope in key.scopes))
        click.echo(f"{key.id}  {scopes:26}  {state:16}  {key.name}")


@keys.command()
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """End a key at once and for ever."""
    from avow.prover.access import keys as made

    key = made.revoke(_open(), key_id, time.time_ns() // 1_000_000)
    click.echo(f"revoked {key.id} ({key.name})")


def _open() -> "Database":
    from avow.prover.config import from_environment
    from avow.prover.database import open_database

    return open_database(from_environment().database_url)


def _plain(key: "ApiKey") -> dict[str, Any]:
    limits = ("per_minute", "jobs", "streams", "priority")
    names = ("id", "name", *limits, "created_at", "expires_at", "revoked_at")
    scopes = sorted(scope.value for scope in key.scopes)
    return {name: getattr(key, name) for name in names} | {"scopes": scopes}


def _day(at: int | None) -> str:
    return "never" if at is None else datetime.fromtimestamp(at / 1000, UTC).date().isoformat()
