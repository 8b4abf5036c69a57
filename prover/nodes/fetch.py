"""Getting a bundle from where its provider says it is, without trusting the place."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpcore
import httpx

from avow.prover.errors import ProverError
from avow.prover.nodes.deadline import Deadline, Until
from avow.verifier.limits import LIMITS

# Bytes of headers and, beside as much again as what is fetched, of the marks around its chunks.
_AROUND = 2**17


class BundleUnavailable(ProverError):
    """What lies at an address could not be fetched; a later attempt may succeed unless `final`."""

    def __init__(self, message: str, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


@dataclass(frozen=True, slots=True)
class FetchRules:
    """What a fetch may do: sizes in bytes, times in seconds.

    Files are read only inside `file_folder`, and not at all without one: a provider names the
    place, and must not be able to name any file of this machine.
    """

    max_bytes: int = LIMITS.bundle_bytes
    seconds: float = 60.0
    file_folder: Path | None = None


def fetch(uri: str, rules: FetchRules) -> bytes:
    """The bytes at an http(s) or file address; raises BundleUnavailable."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except ValueError as error:
        raise BundleUnavailable(f"bundle: {_shown(uri)} is no address", final=True) from error
    if parts.scheme == "file" and not host and rules.file_folder is not None:
        return _read(Path(unquote(parts.path)), rules.file_folder, rules.max_bytes)
    if parts.scheme == "file" and not host:
        raise BundleUnavailable(
            f"bundle: {_shown(uri)} is a file, and no folder to read files in was named", final=True
        )
    if parts.scheme not in ("http", "https") or not host:
        raise BundleUnavailable(
            f"bundle: expected an http(s) address, got {_shown(uri)}", final=True
        )
    try:
        return _download(httpx.URL(uri), rules)
    except httpcore.TimeoutException as error:
        raise BundleUnavailable(
            f"bundle: {_shown(uri)}: not complete after {rules.seconds:g} s"
        ) from error
    except (
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpx.InvalidURL,
        OSError,
        ValueError,
        OverflowError,
    ) as error:
        # ValueError: host names that Python's resolver cannot even encode.
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise BundleUnavailable(f"bundle: {_shown(uri)}: {said}") from error


def _download(url: httpx.URL, rules: FetchRules) -> bytes:
    """Raises httpcore's errors, of which a TimeoutException says that the time is over."""
    # httpcore follows no redirects, knows no proxies of the environment and undoes no compression:
    # the address on chain is the one that was agreed to, and size and route are what they seem.
    target = httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )
    headers = [(b"Host", url.netloc), (b"Accept-Encoding", b"identity")]
    until = Until(Deadline(rules.seconds), 2 * rules.max_bytes + _AROUND)
    with (
        httpcore.ConnectionPool(network_backend=until) as pool,
        pool.stream("GET", target, headers=headers) as response,
    ):
        if response.status != httpx.codes.OK:
            raise BundleUnavailable(
                f"bundle: {_shown(str(url))}: expected status 200, got {response.status}"
            )
        data = bytearray()
        for part in response.iter_stream():
            data += part
            if len(data) > rules.max_bytes:
                raise BundleUnavailable(
                    f"bundle: {_shown(str(url))}: more than {rules.max_bytes} bytes", final=True
                )
        return bytes(data)


def _read(path: Path, folder: Path, max_bytes: int) -> bytes:
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(folder.resolve()):
            raise BundleUnavailable("bundle: the file lies outside the allowed folder", final=True)
        # Without O_NONBLOCK a named pipe would hold the node for ever.
        with os.fdopen(os.open(real, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise BundleUnavailable("bundle: expected a plain file", final=True)
            data = stream.read(max_bytes + 1)
    except (OSError, ValueError, RuntimeError) as error:
        # ValueError: a path with a zero byte; RuntimeError: links that lead to each other.
        said = (isinstance(error, OSError) and error.strerror) or "its path leads nowhere"
        raise BundleUnavailable(f"bundle: the file cannot be read: {said}") from error
    if len(data) > max_bytes:
        raise BundleUnavailable(f"bundle: the file has more than {max_bytes} bytes", final=True)
    return data


def _shown(uri: str) -> str:
    return repr(uri[:120])
