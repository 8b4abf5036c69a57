"""Collateral from a provisioning certificate caching service, or Intel's own, when it is needed.

Source: Intel PCS and PCCS API, version 4. What comes back is judged by the signatures on it, by
whoever checks the quote: nothing is believed because of where it came from.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from urllib.parse import unquote, urlsplit

import dcap_qvl
import httpx
from cryptography import x509

from avow.prover.enclave.errors import EnclaveRefused
from avow.verifier.attestation.intel.collateral import MAX_BYTES, parse_collateral
from avow.verifier.canonical import check_nesting
from avow.verifier.errors import VerificationError

_SECONDS = 30.0
# For all requests together, however slowly a service says what it says.
_ALL_SECONDS = 150.0
_FMSPC_DIGITS = 12
# Intel's own service has no address for the root's list; its certificate names this one.
_POINTS = "certificates.trustedservices.intel.com"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the service; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


# Fetches an address; raises `EnclaveRefused` when nobody answers.
Get = Callable[[str], Reply]


def http_get(address: str) -> Reply:
    """A GET request that follows nothing and reads at most 1 MiB."""
    try:
        with (
            httpx.Client(timeout=_SECONDS, trust_env=False, follow_redirects=False) as client,
            client.stream("GET", address) as reply,
        ):
            body = bytearray()
            for part in reply.iter_bytes():
                body += part
                if len(body) > MAX_BYTES:
                    raise EnclaveRefused(f"collateral: {_shown(address)} gives more than 1 MiB")
            headers = {name.lower(): value for name, value in reply.headers.items()}
            return Reply(reply.status_code, headers, bytes(body))
    except httpx.HTTPError as error:
        raise EnclaveRefused(f"collateral: {_shown(address)} does not answer: {error}") from error
    except (httpx.InvalidURL, ValueError) as error:
        # Names of hosts that cannot be, among them; the reason may quote a password.
        raise EnclaveRefused(f"collateral: {_shown(address)} cannot be asked") from error


class Pccs:
    """A service at an address such as `https://127.0.0.1:8081`, which has `seconds` in all."""

    def __init__(self, address: str, get: Get = http_get, seconds: float = _ALL_SECONDS) -> None:
        self._base, self._get, self._seconds = address.rstrip("/"), get, seconds

    def collateral(self, quote: bytes) -> bytes:
        """What the service has for the platform of a TDX quote; raises `EnclaveRefused`."""
        # A thread, since names and headers may come slowly as well, which no timeout bounds.
        found: SimpleQueue[bytes | Exception] = SimpleQueue()

        def fetch() -> None:
            try:
                found.put(self._collateral(quote))
            except Exception as error:
                found.put(error)

        threading.Thread(target=fetch, daemon=True).start()
        try:
            outcome = found.get(timeout=self._seconds)
        except Empty as error:
            said = f"takes longer than {self._seconds:g} seconds"
            raise EnclaveRefused(f"collateral: {_shown(self._base)} {said}") from error
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _collateral(self, quote: bytes) -> bytes:
        fmspc, authority = _platform(quote)
        tcb = self._ask(f"/tdx/certification/v4/tcb?fmspc={fmspc}")
        identity = self._ask("/tdx/certification/v4/qe/identity")
        revoked = self._ask(f"/sgx/certification/v4/pckcrl?ca={authority}&encoding=der")
        chain = _chain(revoked, "sgx-pck-crl-issuer-chain")
        tcb_info, tcb_signature = _signed(tcb, "tcbInfo")
        qe_identity, qe_signature = _signed(identity, "enclaveIdentity")
        data = json.dumps(
            {
                "pck_crl_issuer_chain": chain,
                "root_ca_crl": self._root_list(chain).hex(),
                "pck_crl": _list(revoked.body, "the PCK authority's revocation list").hex(),
                "tcb_info_issuer_chain": _chain(tcb, "tcb-info-issuer-chain"),
                "tcb_info": tcb_info,
                "tcb_info_signature": tcb_signature,
                "qe_identity_issuer_chain": _chain(identity, "sgx-enclave-identity-issuer-chain"),
                "qe_identity": qe_identity,
                "qe_identity_signature": qe_signature,
            }
        ).encode("utf-8")
        return _checked(data)

    def _root_list(self, chain: str) -> bytes:
        found = self._get(self._base + "/sgx/certification/v4/rootcacrl")
        if found.status == 404:
            found = self._get(_distribution_point(chain))
        if found.status != 200:
            raise EnclaveRefused(f"collateral: no revocation list of the root ({found.status})")
        return _list(found.body, "the root's revocation list")

    def _ask(self, path: str) -> Reply:
        found = self._get(self._base + path)
        if found.status != 200:
            raise EnclaveRefused(
                f"collateral: {_shown(self._base)}{path} answers with {found.status}"
            )
        return found


class CollateralFile:
    """Collateral that somebody has fetched before, for a machine without a network."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def collateral(self, quote: bytes) -> bytes:
        """The file; whether it is of this machine and this time, checking the quote shows."""
        try:
            with self._path.open("rb") as stream:
                return _checked(stream.read(MAX_BYTES + 1))
        except OSError as error:
            raise EnclaveRefused(f"collateral: {self._path}: {error.strerror}") from error


def _platform(quote: bytes) -> tuple[str, str]:
    try:
        parsed = dcap_qvl.Quote.parse(quote)
        fmspc, authority = str(parsed.fmspc()), str(parsed.ca())
    except (ValueError, TypeError) as error:
        raise EnclaveRefused(f"collateral: the quote names no platform: {error}") from error
    if len(fmspc) != _FMSPC_DIGITS or authority not in ("platform", "processor"):
        raise EnclaveRefused(f"collateral: the quote is of FMSPC {fmspc[:20]!r} and {authority!r}")
    return fmspc, authority


def _signed(reply: Reply, name: str) -> tuple[str, str]:
    """The exact text that was signed, and the signature (128 hexadecimal digits)."""
    try:
        # Whoever has raised the recursion limit has a parser that overflows the C stack.
        check_nesting(reply.body, name)
        text = reply.body.decode("utf-8")
        value = json.loads(text)
        signature = value["signature"]
        start = text.index(":", text.index(f'"{name}"')) + 1
        start += len(text[start:]) - len(text[start:].lstrip())
        inner, end = json.JSONDecoder().raw_decode(text, start)
        if inner != value[name] or not isinstance(signature, str):
            raise ValueError("of another form")
        return text[start:end], signature
    except (ValueError, KeyError, TypeError, VerificationError) as error:
        raise EnclaveRefused(f"collateral: the service's {name} cannot be read") from error


def _chain(reply: Reply, header: str) -> str:
    text = unquote(reply.headers.get(header, ""))
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise EnclaveRefused(f"collateral: the service sends no {header}")
    return text


def _list(body: bytes, what: str) -> bytes:
    # Intel's service sends DER, caching services its hexadecimal digits.
    try:
        data = bytes.fromhex(body.decode("ascii").strip())
    except ValueError:
        data = body
    if data[:1] != b"\x30":
        raise EnclaveRefused(f"collateral: {what} is none")
    return data


def _distribution_point(chain: str) -> str:
    try:
        root = x509.load_pem_x509_certificates(chain.encode("ascii"))[-1]
        points = root.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        names = [name.value for point in points for name in point.full_name or ()]
        address = str(names[0])
        place = urlsplit(address)[:2]
    except (ValueError, IndexError, x509.ExtensionNotFound) as error:
        raise EnclaveRefused("collateral: nothing says where the root's list is") from error
    if place != ("https", _POINTS):
        raise EnclaveRefused(f"collateral: the root's list is not at {_POINTS}")
    return address


def _checked(data: bytes) -> bytes:
    try:
        parse_collateral(data)
    except VerificationError as error:
        raise EnclaveRefused(f"collateral: {error.message}") from error
    return data


def _shown(address: str) -> str:
    # An address may hold a password.
    try:
        parts = urlsplit(address)
    except ValueError:
        return "the service's address"
    return f"{parts.scheme}://{parts.hostname}"
