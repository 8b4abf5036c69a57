"""The HTTP API as a process of its own, on the loopback address unless told otherwise."""

import ipaddress
import socket
from types import FrameType

import click
import uvicorn
from fastapi import FastAPI

from avow.api.app import from_config
from avow.api.connections import protocol
from avow.api.errors import ApiError
from avow.prover.config import ApiLimits, from_environment
from avow.prover.logs import set_up_logging
from avow.prover.tracing import end_tracing, set_up_tracing

_KEEP_ALIVE_SECONDS = 10
_GRACE_SECONDS = 5


def serve_api(host: str, port: int) -> None:
    """Serve the environment's configuration until SIGINT or SIGTERM; port 0 takes a free one.

    Prints one line with the address once it listens.
    """
    config = from_environment()
    set_up_logging(config)
    set_up_tracing(config, "avow-api")
    with _bound(host, port) as listening:
        shown = listening.getsockname()
        reachable = not ipaddress.ip_address(shown[0]).is_loopback
        app = from_config(config, reachable, here_only=not reachable)
        name = f"[{shown[0]}]" if listening.family is socket.AF_INET6 else shown[0]
        server = _Server(settings(app, config.api))
        click.echo(f"API on http://{name}:{shown[1]}")
        if reachable and config.api_keys == "off":
            click.echo("warning: reachable from other machines, and it asks for no API key")
        try:
            server.run([listening])
        finally:
            end_tracing()


def settings(app: FastAPI, limits: ApiLimits) -> uvicorn.Config:
    """How uvicorn serves an application within the limits of a configuration."""
    return uvicorn.Config(
        app,
        http=protocol(limits),
        # Else whatever happens to be installed would take connections with other bounds.
        ws="none",
        # Its lines go where all others do.
        log_config=None,
        access_log=False,
        limit_concurrency=limits.connections,
        # Not uvicorn's own variable, nor its trust in whoever is on this machine.
        proxy_headers=bool(limits.proxies),
        forwarded_allow_ips=list(limits.proxies),
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
    )


class _Server(uvicorn.Server):
    """A server whose open streams end when it is told to stop."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note the signal, here and for the streams."""
        self.config.app.state.services.streams.stop()  # type: ignore[union-attr]
        super().handle_exit(sig, frame)


def _bound(host: str, port: int) -> socket.socket:
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise ApiError(f"--host: expected an IP address, got {host[:80]!r}") from error
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A restart must not wait for the old connections' TIME_WAIT.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise ApiError(f"cannot listen on {host} port {port}: {error.strerror}") from error
    return listening
