"""Work on arrays in as many threads as the native core may use: numpy lets other threads go on."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self

from avow.prover.native._core import threads


class Threads:
    """The caller's own thread and others, which are started when there is work for them.

    `count` is how many there are in all. The others wait while the caller does anything else, so
    that never more work than the native core may use. `with` ends them.
    """

    def __init__(self) -> None:
        self.count = threads()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def each(self, jobs: Sequence[Callable[[], None]]) -> None:
        """Do all jobs, the first in the caller's thread; best as many as there are threads.

        What a job raises is raised here, when none runs any more.
        """
        if len(jobs) > 1 and self.count > 1 and self._pool is None:
            self._pool = ThreadPoolExecutor(self.count - 1)
        if self._pool is None:
            for job in jobs:
                job()
            return
        others = [self._pool.submit(job) for job in jobs[1:]]
        try:
            for job in jobs[:1]:
                job()
        finally:
            wait(others)
        for other in others:
            other.result()
