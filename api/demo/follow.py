"""Watching one order and its job until what is waited for has happened."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from avow.api.errors import DemoError
from avow.api.local.steps import Steps
from avow.api.local.supervisor import Supervisor
from avow.prover.job import Job
from avow.prover.queue import Queue
from avow.verifier.chain.events import CallbackMade, LegExpired, MarketEvent
from avow.verifier.chain.market import Market
from avow.verifier.fields import to_hex
from avow.verifier.lifecycle import JobState, job_ends

E = TypeVar("E", bound=MarketEvent)
_POLL_SECONDS = 0.1


@dataclass(slots=True)
class Follower:
    """One order, from the block of its request on; gives up at `deadline` (monotonic seconds)."""

    market: Market
    queue: Queue
    supervisor: Supervisor
    steps: Steps
    order_id: bytes
    first_block: int
    deadline: float

    def event(self, kind: type[E]) -> E:
        """The order's first event of a kind; an order that expires is an error."""
        found: list[E] = []

        def happened() -> bool:
            for event in self.market.events(self.first_block, self.market.chain.head().number):
                if event.order_id != self.order_id:
                    continue
                if isinstance(event, kind):
                    found.append(event)
                elif isinstance(event, LegExpired):
                    raise DemoError(f"the order ended as {event.state.name.lower()}")
            return bool(found)

        self._wait(kind.__name__, happened)
        return found[0]

    def callback(self) -> CallbackMade:
        """The callback's event; one that failed is an error."""
        made = self.event(CallbackMade)
        if not made.succeeded:
            raise DemoError(f"the callback failed with 0x{made.reason.hex()}")
        return made

    def job(self, enough: Callable[[Job], bool], what: str) -> Job:
        """The provider's job for the order once it is far enough, its progress shown."""
        found: list[Job] = []

        def far_enough() -> bool:
            for job in self.queue.jobs(limit=10):
                if job.order != to_hex(self.order_id):
                    continue
                if job_ends(job.state) and job.state is not JobState.SETTLED:
                    raise DemoError(f"the job ended as {job.state.value}: {job.reason}")
                self._show(job)
                if enough(job):
                    found.append(job)
            return bool(found)

        self._wait(what, far_enough)
        return found[0]

    def _show(self, job: Job) -> None:
        progress = job.progress
        if progress is not None and progress.task == "prove":
            # An estimate exists only once a proof of this circuit was measured here.
            share = f" ({progress.percent} %)" if progress.percent else ""
            self.steps.progress(f"proof: {progress.stage}{share}")

    def _wait(self, what: str, happened: Callable[[], bool]) -> None:
        while not happened():
            self.supervisor.check()
            if time.monotonic() > self.deadline:
                raise DemoError(f"gave up waiting for {what}")
            time.sleep(_POLL_SECONDS)
