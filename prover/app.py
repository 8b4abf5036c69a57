"""The Celery application that sends: two tasks on three queues, delivered at least once."""

from __future__ import annotations

from celery import Celery
from kombu.entity import Queue as BrokerQueue

from avow.prover.config import Config
from avow.prover.outbox import Task
from avow.prover.queues import WorkQueue
from avow.prover.request import PRIORITIES

_CONNECT_SECONDS = 5


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
    """An application that can send; `tasks.register` adds what a labourer carries out."""
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


def _queue(queue: WorkQueue) -> BrokerQueue:
    return BrokerQueue(queue_name(queue), routing_key=queue_name(queue))  # type: ignore[no-untyped-call]
