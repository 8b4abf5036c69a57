"""One Celery process of a worker: carries out the tasks of one queue in a pool of its own."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable

from celery import signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning

from avow.prover.app import build_app, queue_name, register
from avow.prover.bench import Bench, open_bench
from avow.prover.children import die_with_parent
from avow.prover.config import Config, from_environment
from avow.prover.errors import ConfigurationError, ProverError
from avow.prover.outbox import Task

WORKER_ID = "AVOW_WORKER_ID"
READY_FD = "AVOW_READY_FD"


def set_up_logging() -> None:
    """Lines of key=value on stderr; inputs, answers and secrets never enter them."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s level=%(levelname)s logger=%(name)s pid=%(process)d %(message)s",
    )
    for chatty in ("alembic", "celery", "kombu", "amqp"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


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


def work(config: Config, task: Task, worker: str, bench: Callable[[], Bench]) -> None:
    """Consumes one queue until told to stop; `bench` is called in the pool's processes."""
    if config.broker_url is None:
        raise ConfigurationError("AVOW_BROKER_URL: a labourer needs the broker's address")
    _quiet_celery()
    app = build_app(config.broker_url, config)
    register(app, bench)
    signals.setup_logging.connect(_keep_logging)
    signals.worker_process_init.connect(_bind_to_parent)
    signals.worker_ready.connect(_say_ready)
    app.worker_main(
        [
            "--quiet",
            "worker",
            *("--pool", "prefork"),
            *("--concurrency", str(config.concurrency if task is Task.PROVE else 1)),
            *("--queues", queue_name(task)),
            *("--hostname", f"{task.value}-{worker}@%h"),
            *("--loglevel", "WARNING"),
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ]
    )


def main(arguments: list[str]) -> int:
    """`python -m avow.prover.labourer infer|prove`, started by the worker."""
    set_up_logging()
    try:
        config = from_environment()
        worker = os.environ.get(WORKER_ID, "alone")
        work(config, Task(arguments[0]), worker, lambda: open_bench(config, worker))
    except ProverError as error:
        logging.getLogger("avow.prover").error("%s", error)
        return 2
    return 0


def _keep_logging(**_ignored: object) -> None:
    # A receiver of this signal keeps Celery from configuring logging a second time.
    return None


def _bind_to_parent(**_ignored: object) -> None:
    die_with_parent()


def _say_ready(**_ignored: object) -> None:
    descriptor = os.environ.get(READY_FD)
    if descriptor:
        os.write(int(descriptor), b"r")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
