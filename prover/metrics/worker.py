"""What a worker's own process knows: the processes that it keeps, and what it carried."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from avow.prover.metrics import names
from avow.prover.metrics.serve import counter_of, gauge_of
from avow.prover.queues import WorkQueue
from avow.prover.reconcile import Reconciled


class WorkerFigures:
    """Metrics of one `avow worker`, all there from its start."""

    def __init__(self, registry: CollectorRegistry, queues: tuple[WorkQueue, ...]) -> None:
        self._labourers = gauge_of(names.LABOURERS, registry)
        self._starts = counter_of(names.LABOURER_STARTS, registry)
        self._relayed = counter_of(names.RELAYED, registry)
        self._reconciled = counter_of(names.RECONCILED, registry)
        self._broker = gauge_of(names.BROKER_UP, registry)
        for queue in queues:
            self._labourers.labels(queue.value)
            self._starts.labels(queue.value)
        for what in ("taken_back", "expired", "resent"):
            self._reconciled.labels(what)

    def labourer(self, queue: WorkQueue, runs: bool) -> None:
        """Whether the process of a queue runs."""
        self._labourers.labels(queue.value).set(int(runs))

    def started(self, queue: WorkQueue) -> None:
        """The process of a queue was started."""
        self._starts.labels(queue.value).inc()
        self.labourer(queue, True)

    def relayed(self, count: int) -> None:
        """Messages went to the broker."""
        self._relayed.inc(count)

    def reconciled(self, done: Reconciled) -> None:
        """A pass of the reconciler ended."""
        self._reconciled.labels("taken_back").inc(done.taken_back)
        self._reconciled.labels("expired").inc(done.expired)
        self._reconciled.labels("resent").inc(done.resent)

    def broker(self, up: bool) -> None:
        """Whether the broker answered."""
        self._broker.set(int(up))
