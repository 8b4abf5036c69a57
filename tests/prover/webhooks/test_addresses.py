"""Where webhooks may go: never to what only this machine's network reaches."""

import ipaddress

import pytest

from avow.prover.errors import RequestRefused
from avow.prover.webhooks.addresses import choose, is_public, parse_target

PRIVATE = (
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104 - refused, not bound
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "2002:7f00:1::",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "::7f00:1",
    "::ffff:0:7f00:1",
    "fec0::1",
    "3fff::1",
    "5f00::1",
    "4000::1",
    "192.0.0.192",
    "192.88.99.1",
    "168.63.129.16",
)
PUBLIC = ("1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1")


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    assert choose([address], allow_private=False) is None
    assert choose(["1.1.1.1", address], allow_private=False) is None
    assert choose([address], allow_private=True) == str(ipaddress.ip_address(address))
    literal = f"[{address}]" if ":" in address else address
    with pytest.raises(RequestRefused, match="no public address"):
        parse_target(f"https://{literal}/hook", allow_private=False)
    assert parse_target(f"http://{literal}/hook", allow_private=True).port == 80


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
    assert choose([address], allow_private=False) is not None


def test_no_address_is_none() -> None:
    assert choose([], allow_private=True) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user:word@example.com/",
        "https://example.com@10.0.0.1/",
        "https://example.com/#part",
        "https://example.com:99999/",
        "https://example.com:x/",
        "https://[::1",
        "https://exa mple.com/",
        "https://example.com/\r\nHost: evil",
        "https://éxample.com/",
        "https://example.com/" + "x" * 2000,
    ],
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(RequestRefused, match="url"):
        parse_target(url, allow_private=False)


def test_a_url_is_taken_apart() -> None:
    target = parse_target("https://hooks.example.com:8443/a/b?c=d", allow_private=False)
    assert (target.host, target.port, target.secure) == ("hooks.example.com", 8443, True)
    assert (target.authority, target.path) == ("hooks.example.com:8443", "/a/b?c=d")
    assert parse_target("https://example.com", allow_private=False).path == "/"
