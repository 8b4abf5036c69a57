"""So many at a time: a bound on threads, for each event loop."""

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar


class Turns:
    """At most `at_once` threads at a time in an event loop; `name` tells bounds apart."""

    def __init__(self, name: str, at_once: int) -> None:
        self.at_once = at_once
        self._limiter: RunVar[CapacityLimiter] = RunVar(name)

    def limiter(self) -> CapacityLimiter:
        """That of the running event loop, to which alone a limiter belongs."""
        try:
            return self._limiter.get()
        except LookupError:
            limiter = CapacityLimiter(self.at_once)
            self._limiter.set(limiter)
            return limiter
