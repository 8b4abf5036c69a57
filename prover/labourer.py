"""One Celery process of a worker: carries out the tasks of one queue in a pool of its own."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import socket
import sys
import warnings
from collections.abc import Callable

from celery import signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning

from avow.prover.app import build_app, queue_name
from avow.prover.bench import Bench, open_bench
from avow.prover.children import READY_FD, WORKER_ID, die_with_parent
from avow.prover.config import Config, from_environment
from avow.prover.errors import ConfigurationError, ProverError
from avow.prover.logs import set_up_logging
from avow.prover.queues import WorkQueue
from avow.prover.tasks import register
from avow.prover.tracing import end_tracing


def _quiet_celery() -> None:
    # Celery warns of pickle when run by root, but tasks here are JSON.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    # It warns of a default that will change; a proof goes on while the broker is away.
    logging.getLogger("py.warnings").addFilter(
        lambda record: CPendingDeprecationWarning.__name__ not in record.getMessage()
    )
    # An absent broker and a lost pool process are told by the worker, in one line each.
    for teller in ("celery.worker.consumer", "celery.worker.request"):
        logging.getLogger(teller).setLevel(logging.CRITICAL)


def work(config: Config, queue: WorkQueue, worker: str, bench: Callable[[], Bench]) -> None:
    """Consumes one queue until told to stop; `bench` is called in the pool's processes."""
    if config.broker_url is None:
        raise ConfigurationError("AVOW_BROKER_URL: a labourer needs the broker's address")
    # Collecting what was loaded, object by object, would take as long as half of loading it.
    atexit.register(gc.freeze)
    _quiet_celery()
    app = build_app(config.broker_url, config)
    register(app, bench)
    signals.setup_logging.connect(_keep_logging)
    signals.worker_process_init.connect(_bind_to_parent)
    signals.worker_process_shutdown.connect(_send_traces)
    signals.worker_ready.connect(_say_ready)
    # The object and not `worker_main`, which loads all of Celery's commands.
    app.Worker(
        quiet=True,
        pool="prefork",
        concurrency=config.concurrency_of(queue),
        queues=[queue_name(queue)],
        hostname=f"{queue.value}-{worker}@{socket.gethostname()}",
        loglevel=logging.WARNING,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    ).start()


def main(arguments: list[str]) -> int:
    """`python -m avow.prover.labourer infer|prove|large`, started by the worker."""
    try:
        config = from_environment()
        set_up_logging(config)
        worker = os.environ.get(WORKER_ID, "alone")
        work(config, WorkQueue(arguments[0]), worker, lambda: open_bench(config, worker))
    except ProverError as error:
        logging.getLogger("avow.prover").error("%s", error)
        return 2
    return 0


def _keep_logging(**_ignored: object) -> None:
    # A receiver of this signal keeps Celery from configuring logging a second time.
    return None


def _bind_to_parent(**_ignored: object) -> None:
    die_with_parent()


def _send_traces(**_ignored: object) -> None:
    end_tracing()


def _say_ready(**_ignored: object) -> None:
    descriptor = os.environ.get(READY_FD)
    if descriptor:
        os.write(int(descriptor), b"r")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
