"""What a labourer carries out: the tasks of the Celery application.

Apart from the application, since who only sends need not load what inference and proofs need.
"""

from __future__ import annotations

from collections.abc import Callable

from celery import Celery
from celery.exceptions import Retry

from avow.prover.app import task_name
from avow.prover.attempt import attempt
from avow.prover.bench import Bench
from avow.prover.errors import DatabaseUnavailable
from avow.prover.inference import infer
from avow.prover.outbox import Task
from avow.prover.proving import prove

_WORK = {Task.INFER: infer, Task.PROVE: prove}
_RETRY_SECONDS = 5


def register(app: Celery, bench: Callable[[], Bench]) -> None:
    """Adds the tasks; `bench` is called in the process that carries them out."""
    for task in Task:
        _register(app, task, bench)


def _register(app: Celery, task: Task, bench: Callable[[], Bench]) -> None:
    def carry_out(self: object, job_id: str, leg: int) -> None:
        try:
            attempt(bench(), job_id, leg, task, _WORK[task])
        except DatabaseUnavailable as error:
            retry: Callable[..., Retry] = self.retry  # type: ignore[attr-defined]
            raise retry(exc=error, countdown=_RETRY_SECONDS, max_retries=None) from error

    app.task(name=task_name(task), bind=True)(carry_out)
