"""Inputs that were read and wait until their orders are looked at."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass

from avow.verifier.tensor import Tensor

# After its own step, one whole step: in that every order had its turn.
_STEPS = 2


@dataclass(slots=True)
class _Ready:
    tensors: tuple[Tensor, ...]
    steps: int = 0


class AtHand:
    """At most so many inputs, by name. None makes room for another before it was given out, or an
    order had its turn: were the oldest dropped, orders that take turns would drop each other's."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._ready: dict[bytes, _Ready] = {}
        self._changing = threading.Lock()

    def get(self, name: bytes) -> tuple[Tensor, ...] | None:
        """What is there under a name; from now on it may make room."""
        with self._changing:
            found = self._ready.get(name)
            if found is None:
                return None
            found.steps = _STEPS
            return found.tensors

    def has_room(self) -> bool:
        """Whether one more would be kept."""
        with self._changing:
            return len(self._ready) < self._most or self._over() is not None

    def put(self, name: bytes, tensors: tuple[Tensor, ...]) -> None:
        """Keeps an input for its order; without room it has to be read again."""
        with self._changing:
            if name not in self._ready and len(self._ready) == self._most:
                over = self._over()
                if over is None:
                    return
                del self._ready[over]
            self._ready[name] = _Ready(tensors)

    def end_step(self, names: Collection[bytes]) -> None:
        """Every order was looked at; all but these are forgotten."""
        with self._changing:
            self._ready = {name: one for name, one in self._ready.items() if name in names}
            for one in self._ready.values():
                one.steps += 1

    def _over(self) -> bytes | None:
        """The first that may make room."""
        return next((name for name, one in self._ready.items() if one.steps >= _STEPS), None)
