"""What was used last, and no more than so many of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from avow.verifier.tensor import Tensor

Kept = TypeVar("Kept")


class Recent(Generic[Kept]):
    """Things by name. Those that were not asked for longest are forgotten while there are more than
    `most`, or while their sizes together exceed `room`; what was put last always stays."""

    def __init__(
        self, most: int, room: int = 0, size: Callable[[Kept], int] = lambda kept: 0
    ) -> None:
        self._most = most
        self._room = room
        self._size = size
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
        while len(self._kept) > 1 and self._is_too_much():
            self._kept.popitem(last=False)

    def _is_too_much(self) -> bool:
        taken = sum(self._size(kept) for kept in self._kept.values())
        return len(self._kept) > self._most or taken > self._room


def elements(tensors: tuple[Tensor, ...]) -> int:
    """How many numbers these hold, of some 8 to 36 bytes each."""
    return sum(len(tensor.values) for tensor in tensors)
