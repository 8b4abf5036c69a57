"""Where the server is, who asks, and every limit on what the server may do to the client."""

import ipaddress
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from avow.api.client.errors import BadInput
from avow.verifier.limits import LIMITS
from avow.verifier.policy import Policy


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long and how often the client tries, and how much it reads; seconds and bytes.

    `silence` is the longest pause inside an answer, `stream_silence` inside a stream of events,
    `exchange` the longest whole answer (of the blocking client: from its headers on),
    `longest_pause` the longest wait between two attempts: a server that asks for more gets no
    further attempt.
    """

    connect: float = 5.0
    silence: float = 30.0
    stream_silence: float = 60.0
    exchange: float = 300.0
    attempts: int = 5
    first_pause: float = 0.25
    longest_pause: float = 30.0
    poll_first: float = 0.1
    poll_longest: float = 2.0
    json_bytes: int = 16 * 2**20
    bundle_bytes: int = LIMITS.bundle_bytes
    stream_bytes: int = 64 * 2**20
    pages: int = 100_000


@dataclass(frozen=True, slots=True)
class Settings:
    """One server, one caller, and what that caller insists on in every bundle."""

    url: str
    api_key: str | None = field(repr=False)
    policy: Policy
    bounds: Bounds
    clock: Callable[[], float] = time.monotonic
    # Spreads the attempts of many clients; no secret depends on it.
    jitter: Callable[[], float] = random.random


def settings_for(
    url: str,
    api_key: str | None = None,
    policy: Policy | None = None,
    bounds: Bounds | None = None,
    unsafe_plain_http: bool = False,
) -> Settings:
    """Check an address and a key; raises BadInput.

    A key is sent in clear only to this machine, unless `unsafe_plain_http` says otherwise.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise BadInput(f"url: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput("url: expected http://HOST or https://HOST")
    if parts.username is not None or parts.password is not None:
        raise BadInput("url: holds a name or password; give the key as api_key")
    if parts.query or parts.fragment:
        raise BadInput("url: expected no query and no fragment")
    if api_key is not None:
        if not api_key or any(not 33 <= ord(character) <= 126 for character in api_key):
            raise BadInput("api_key: expected printable characters without spaces")
        if parts.scheme == "http" and not _loopback(parts.hostname) and not unsafe_plain_http:
            raise BadInput("api_key: would travel in clear; use https, or unsafe_plain_http=True")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = f"{parts.scheme}://{host}{f':{port}' if port is not None else ''}"
    whole = place + parts.path.rstrip("/")
    return Settings(whole, api_key, policy or Policy(), bounds or Bounds())


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
