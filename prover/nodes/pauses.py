"""Pauses after what failed: looked at again, less and less often."""

from __future__ import annotations

from collections.abc import Callable

_FIRST = 0.5


class Pauses:
    """Until when each thing waits; forgotten at a restart. Times in seconds."""

    def __init__(self, clock: Callable[[], float], longest: float) -> None:
        self._clock = clock
        self._longest = longest
        self._until: dict[bytes, tuple[float, float]] = {}

    def waits(self, name: bytes) -> bool:
        """Whether its pause is not over."""
        until, _ = self._until.get(name, (0.0, 0.0))
        return self._clock() < until

    def postpone(self, name: bytes) -> None:
        """It failed: it waits twice as long as the last time."""
        _, pause = self._until.get(name, (0.0, _FIRST))
        self._until[name] = (self._clock() + pause, min(2 * pause, self._longest))

    def clear(self, name: bytes) -> None:
        """It went well."""
        self._until.pop(name, None)
