"""From the address of a bundle store to the store: a folder, or `s3://bucket/prefix?...`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from avow.prover.errors import ConfigurationError
from avow.prover.stores.folder import FolderStore
from avow.prover.stores.store import BundleStore

if TYPE_CHECKING:
    from avow.prover.config import Config

VARIABLE = "AVOW_BUNDLES"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9!_.*'()/-]*")
_OPTIONS = frozenset({"endpoint", "region", "path_style"})


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where bundles lie in an S3-compatible store; `prefix` is empty or ends in a slash.

    `endpoint` None means Amazon's own; with `path_style` the bucket's name stands in the path, not
    in the host, as most stores of one's own need it.
    """

    name: str
    prefix: str
    endpoint: str | None
    region: str | None
    path_style: bool


def parse_address(address: str) -> Path | Bucket:
    """Reads AVOW_BUNDLES: an absolute path, `file:///path` or `s3://bucket/prefix?endpoint=URL`.

    Options of `s3://` are `endpoint`, `region` and `path_style` (1 or 0; 1 with an endpoint).
    Raises ConfigurationError; the text never repeats the address, which may hold credentials.
    """
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise _wrong("a folder or s3://bucket/prefix, got no address") from error
    if parts.scheme in ("", "file"):
        path = Path(unquote(parts.path) if parts.scheme else address).expanduser()
        if not path.is_absolute() or parts.netloc:
            raise _wrong("an absolute path")
        return path
    if parts.scheme != "s3":
        raise _wrong(f"a folder or s3://bucket/prefix, got {parts.scheme[:20]}://")
    if "@" in parts.netloc or port is not None:
        raise _wrong("s3://bucket/prefix; credentials and port belong elsewhere")
    if not _BUCKET.fullmatch(parts.netloc):
        raise _wrong("a bucket's name of 3 to 63 lower case letters, digits, dots and hyphens")
    prefix = unquote(parts.path).strip("/")
    if not _PREFIX.fullmatch(prefix) or len(prefix) > 512:
        raise _wrong("a prefix of letters, digits and !_.*'()/-")
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(set(given) - _OPTIONS):
        raise _wrong(f"options {', '.join(sorted(_OPTIONS))}, got {unknown[0][:40]!r}")
    endpoint = given.get("endpoint") or None
    if endpoint is not None:
        _check_endpoint(endpoint)
    style = given.get("path_style", "1" if endpoint else "0")
    if style not in ("0", "1"):
        raise _wrong("path_style 0 or 1")
    region = given.get("region") or None
    return Bucket(parts.netloc, f"{prefix}/" if prefix else "", endpoint, region, style == "1")


def place_of(config: Config) -> Path | Bucket:
    """Where the bundles of this configuration lie."""
    return parse_address(config.bundle_store) if config.bundle_store else config.bundles.absolute()


def open_store(config: Config) -> BundleStore:
    """The store of this configuration; raises ConfigurationError when its parts are missing."""
    place = place_of(config)
    if isinstance(place, Path):
        return FolderStore(place)
    # Only who keeps bundles in a bucket needs the extra.
    from avow.prover.stores.s3 import open_bucket

    return open_bucket(place, config.home / "drafts")


def _check_endpoint(endpoint: str) -> None:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _wrong("an endpoint http://host or https://host")
    if parts.username or parts.password:
        raise _wrong("credentials in the environment, not in the endpoint")


def _wrong(expected: str) -> ConfigurationError:
    return ConfigurationError(f"{VARIABLE}: expected {expected}")
