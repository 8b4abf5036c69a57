"""Showing a process's metrics: on a small HTTP server of its own, for those that serve no HTTP."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, start_http_server

from avow.prover.errors import ConfigurationError
from avow.prover.metrics import names
from avow.prover.metrics.names import Metric

_LOG = logging.getLogger("avow.prover")


def new_registry(version: str) -> CollectorRegistry:
    """A registry with what every process shows: its version and the kernel's figures of it."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    gauge_of(names.BUILD, registry).labels(version).set(1)
    return registry


def gauge_of(metric: Metric, registry: CollectorRegistry) -> Gauge:
    """A gauge of this process."""
    return Gauge(metric.name, metric.help, metric.labels, registry=registry)


def counter_of(metric: Metric, registry: CollectorRegistry) -> Counter:
    """A counter of this process; it begins at 0 with it, as Prometheus expects."""
    return Counter(metric.name, metric.help, metric.labels, registry=registry)


@contextmanager
def shown(registry: CollectorRegistry, address: tuple[str, int] | None) -> Iterator[None]:
    """Serves `/metrics` at an address for the length of the block; None serves nothing.

    Port 0 takes a free one, which the log names. Raises ConfigurationError when it is taken.
    """
    if address is None:
        yield
        return
    host, port = address
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise ConfigurationError(
            f"AVOW_METRICS: cannot listen on {host} port {port}: {error.strerror}"
        ) from error
    try:
        name = f"[{host}]" if ":" in host else host
        _LOG.info("metrics on http://%s:%d/metrics", name, server.server_port)
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
