"""Labourers that run and take nothing: consumers can hang when their broker was away."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from avow.prover.holder import parse_holder
from avow.prover.outbox import Task
from avow.prover.queues import WorkQueue
from avow.prover.tables import LeaseRow

_TASKS = {
    WorkQueue.INFER: Task.INFER,
    WorkQueue.PROVE: Task.PROVE,
    WorkQueue.LARGE: Task.PROVE,
}


def at_work(session: Session, worker: str) -> set[Task]:
    """The tasks of which any process of a worker holds a lease."""
    held = session.execute(select(LeaseRow.task, LeaseRow.holder).where(LeaseRow.token != ""))
    return {
        Task(task)
        for task, holder in held
        if (found := parse_holder(holder)) is not None and found.worker == worker
    }


@dataclass(slots=True)
class _Seen:
    since: float
    fewest: int


class Stalls:
    """Finds the queues whose messages wait although this worker has nothing to do in them.

    A queue stalls when for `seconds` it has held messages, never fewer than before, while no
    process of the worker held a lease of its task. So who works, waits for memory, or shares the
    queue with somebody that takes from it, never stalls.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._seen: dict[WorkQueue, _Seen] = {}

    def forget(self, queue: WorkQueue | None = None) -> None:
        """Begins anew for a queue whose labourer has just begun; for all when nothing is known."""
        if queue is None:
            self._seen.clear()
        else:
            self._seen.pop(queue, None)

    def observe(self, waiting: Mapping[WorkQueue, int], busy: Collection[Task]) -> list[WorkQueue]:
        """The queues that stall, by how many messages wait in each and the tasks under way."""
        now, stalled = self._clock(), []
        for queue, count in waiting.items():
            seen = self._seen.get(queue)
            if not count or _TASKS[queue] in busy:
                self.forget(queue)
            elif seen is None or count < seen.fewest:
                self._seen[queue] = _Seen(now, count)
            elif now - seen.since >= self.seconds:
                self.forget(queue)
                stalled.append(queue)
        return stalled
