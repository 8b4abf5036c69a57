"""The Celery application: two tasks on three queues, delivered at least once."""

from __future__ import annotations

from collections.abc import Callable

from celery import Celery
from celery.exceptions import Retry
from kombu.entity import Queue as BrokerQueue

from avow.prover.attempt import attempt
from avow.prover.bench import Bench
from avow.prover.config import Config
from avow.prover.errors import DatabaseUnavailable
from avow.prover.inference import infer
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.queues import WorkQueue
from avow.prover.request import PRIORITIES

_WORK = {Task.INFER: infer, Task.PROVE: prove}
_CONNECT_SECONDS = 5
_RETRY_SECONDS = 5


def queue_name(queue: WorkQueue) -> str:
    """The broker's name of a queue, which is also its routing key."""
    return f"avow.{queue.value}"


def task_name(task: Task) -> str:
    """The name under which a kind of task is registered."""
    return f"avow.{task.value}"


def broker_priority(priority: int) -> int:
    """A job's priority (9 goes first) as Redis queues count it (0 goes first)."""
    return PRIORITIES[-1] - priority


def build_app(broker_url: str, config: Config) -> Celery:
    """An application that can send; `register` adds the tasks that a worker carries out."""
    app = Celery("avow", broker=broker_url, set_as_current=False)
    longest = max(config.infer_seconds, config.prove_seconds)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=_CONNECT_SECONDS,
        task_queues=[_queue(queue) for queue in WorkQueue],
        broker_transport_options={
            # Shorter than a task would deliver it again while it still runs; the reconciler
            # recovers a lost worker's job long before.
            "visibility_timeout": 2 * longest + 600,
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
            # One list for each priority; they are read in this order.
            "priority_steps": list(PRIORITIES),
            # A sender tries once and leaves the message in the outbox; consumers try for ever.
            "max_retries": 0,
            "socket_connect_timeout": _CONNECT_SECONDS,
            "socket_timeout": 30,
        },
    )
    return app


def register(app: Celery, bench: Callable[[], Bench]) -> None:
    """Adds the tasks; `bench` is called in the process that carries them out."""
    for task in Task:
        _register(app, task, bench)


def _queue(queue: WorkQueue) -> BrokerQueue:
    return BrokerQueue(queue_name(queue), routing_key=queue_name(queue))  # type: ignore[no-untyped-call]


def _register(app: Celery, task: Task, bench: Callable[[], Bench]) -> None:
    def carry_out(self: object, job_id: str, leg: int) -> None:
        try:
            attempt(bench(), job_id, leg, task, _WORK[task])
        except DatabaseUnavailable as error:
            retry: Callable[..., Retry] = self.retry  # type: ignore[attr-defined]
            raise retry(exc=error, countdown=_RETRY_SECONDS, max_retries=None) from error

    app.task(name=task_name(task), bind=True)(carry_out)
