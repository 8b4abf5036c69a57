"""What was used last, and no more than so many of it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

Kept = TypeVar("Kept")


class Recent(Generic[Kept]):
    """Things by name; of more than `most` the one that was not asked for longest is forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()

    def get(self, name: bytes) -> Kept | None:
        """What was put there, unless it was forgotten."""
        if name in self._kept:
            self._kept.move_to_end(name)
        return self._kept.get(name)

    def put(self, name: bytes, kept: Kept) -> None:
        """Keeps it, instead of what was there."""
        self._kept[name] = kept
        self._kept.move_to_end(name)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
