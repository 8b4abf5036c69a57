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
        known = self._until.get(name)
        return known is not None and self._clock() < known[0]

    def failed(self, name: bytes) -> bool:
        """Whether it has failed since it last went well."""
        return name in self._until

    def postpone(self, name: bytes, least: float = 0.0) -> None:
        """It failed: it waits twice as long as the last time, and `least` seconds anyway."""
        _, pause = self._until.get(name, (0.0, _FIRST))
        longest = max(self._longest, least)
        self._until[name] = (self._clock() + max(pause, least), min(2 * pause, longest))

    def clear(self, name: bytes) -> None:
        """It went well."""
        self._until.pop(name, None)
