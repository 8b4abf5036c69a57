"""Connections that end at a time, and after so many bytes, whatever the other side does."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore


class Deadline:
    """A moment, `seconds` from now."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds, more than 0; raises httpcore.TimeoutException once it is past."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise httpcore.TimeoutException("the time is over")
        return left


class Until(httpcore.NetworkBackend):
    """Plain connections of which every wait ends at the deadline, and of `most` bytes to read.

    The timeouts that HTTP libraries take are of single waits, and bound nothing: a place that sends
    a byte of its status line now and then is waited for as long as it likes. Looking a name up is
    bounded by the machine's resolver only. And interim answers without end, which no such library
    counts, would take all of the processor until then.
    """

    def __init__(self, deadline: Deadline, most: int) -> None:
        self._deadline = deadline
        self._most = most
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """As httpcore's own, but all of a name's addresses share the time."""
        failed: Exception = httpcore.ConnectError(f"no address of {host}")
        for _, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            left = self._deadline.left()
            try:
                stream = self._plain.connect_tcp(
                    str(address[0]), port, left, local_address, socket_options
                )
            except httpcore.ConnectError as error:
                failed = error
            else:
                return _Stream(stream, self._deadline, self._most)
        raise failed


class _Stream(httpcore.NetworkStream):
    """A stream whose timeouts are what is left of the time."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline, most: int) -> None:
        self._stream = stream
        self._deadline = deadline
        self._left = most

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._stream.read(max_bytes, self._deadline.left())
        self._left -= len(data)
        if self._left < 0:
            raise httpcore.ReadError("far more was sent than what it is about")
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        # Python bounds a handshake as a whole.
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left())
        return _Stream(stream, self._deadline, self._left)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
