"""Where a webhook may be sent: nowhere that only this machine's network reaches."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from avow.prover.errors import RequestRefused

_MOST_CHARACTERS = 2000
# All that was ever given out for the public internet; the rest is reserved, translates into
# addresses of the older protocol (64:ff9b::/96), or was once private (fec0::/10).
_UNICAST = ipaddress.ip_network("2000::/3")
# Not in every Python's table of what is not global, and the address at which a cloud's machines
# ask for their own secrets, though it is one of the public numbers.
_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "3fff::/20"),
    )
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Target:
    """A webhook's address, taken apart; `authority` is what the Host header says."""

    url: str
    secure: bool
    host: str
    port: int
    authority: str
    path: str


def parse_target(url: str, allow_private: bool) -> Target:
    """Reads a webhook's URL; raises RequestRefused for what could never be sent to.

    Only https, unless private addresses are allowed; no user name, no fragment.
    """
    if len(url) > _MOST_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url:
        raise RequestRefused(f"url: expected at most {_MOST_CHARACTERS} printable characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RequestRefused(f"url: {str(error)[:100]}") from error
    schemes = ("https", "http") if allow_private else ("https",)
    if parts.scheme not in schemes:
        raise RequestRefused(f"url: expected {' or '.join(schemes)}://, got {url[:40]!r}")
    if not parts.hostname or "@" in parts.netloc or parts.fragment:
        raise RequestRefused("url: expected a host, no user name and no fragment")
    secure = parts.scheme == "https"
    target = Target(
        url=url,
        secure=secure,
        host=parts.hostname,
        port=(443 if secure else 80) if port is None else port,
        authority=parts.netloc,
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )
    try:
        literal = ipaddress.ip_address(target.host)
    except ValueError:
        return target
    if not allow_private and not is_public(literal):
        raise RequestRefused(f"url: {literal} is no public address")
    return target


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet, whatever it is wrapped in."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        wrapped = address.sixtofour is not None or address.teredo is not None
        if wrapped or address not in _UNICAST:
            return False
    if any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast


def choose(found: Iterable[str], allow_private: bool) -> str | None:
    """The first address of a host, None when there is none or any of them is not public.

    One private address among public ones is an attempt, so that none is used.
    """
    addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in found]
    if not allow_private and not all(map(is_public, addresses)):
        return None
    return str(addresses[0]) if addresses else None
