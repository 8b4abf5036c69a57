"""What could be done about claims at one moment, and what of it first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum

from avow.prover.disputes import moves
from avow.prover.disputes.journal import Watched
from avow.prover.disputes.moves import Move, digest


class Urgency(IntEnum):
    """What comes before what, whatever the deadlines: smaller first."""

    CLOCK = 0
    """One's own clock runs, and a bond is lost when it has run out."""
    REFUTE = 1
    """It ends a matter for which a transaction was paid already. Who commits to everything first
    refutes nothing in time."""
    BEGIN = 2
    """It must be done within the window."""
    COLLECT = 3
    """Nobody loses by what comes back later."""


_COLLECTED = moves.Finish | moves.Reclaim


def _nothing() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Planned:
    """A move that could be sent now, or an act beside the game where `move` is None.

    `deadline` is the last second at which it counts, `on_clock` says that it is the account's own
    clock that ends there.
    """

    claim: Watched
    move: Move | None
    deadline: int
    on_clock: bool = False
    act: Callable[[], bool] = _nothing

    @property
    def name(self) -> bytes:
        """What tells it from everything else that is planned."""
        return self.claim.traced.statement + b"act" if self.move is None else digest(self.move)

    @property
    def urgency(self) -> Urgency:
        """What it comes before."""
        if self.on_clock:
            return Urgency.CLOCK
        if self.move is None or isinstance(self.move, _COLLECTED):
            return Urgency.COLLECT
        return Urgency.REFUTE if isinstance(self.move, moves.Refute) else Urgency.BEGIN


class Plan:
    """What one look at all claims has found to do."""

    def __init__(self) -> None:
        self._planned: list[Planned] = []

    def add(self, found: Iterable[Planned]) -> None:
        """More to do."""
        self._planned.extend(found)

    def urgent_first(self) -> list[Planned]:
        """All of it, in the order in which it is to be done."""
        return sorted(self._planned, key=lambda one: (one.urgency, one.deadline))
