"""What the watch over claims was to one account: counts for an operator, decided by nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from avow.verifier.chain.watch import Watch
from avow.verifier.chain.watch_events import (
    BountyPaid,
    PlantExposed,
    PlantFound,
    PlantMissed,
    SilenceCharged,
)

_BLOCKS_PER_LOOK = 10_000
# What a plant can be: exposed to everybody, the rest to this account.
PLANTS = ("exposed", "found", "paid", "missed")


class Looking(Protocol):
    """Who looks at claims for an account."""

    @property
    def duties(self) -> int:
        """How many claims it had to look at, since it was started."""
        ...

    def verdicts(self) -> int:
        """How many claims it keeps that it found wrong."""
        ...


@dataclass(frozen=True, slots=True)
class WatchCounts:
    """Counts of one account; `stake` and `charged` in token units."""

    stake: int
    duties: int
    verdicts: int
    plants: dict[str, int]
    charged: int


NOTHING = WatchCounts(0, 0, 0, dict.fromkeys(PLANTS, 0), 0)


class Tally:
    """One account in one watch. Events are read on from look to look, anew after a restart."""

    def __init__(
        self, watch: Watch, account: bytes, first_block: int, looking: Looking | None = None
    ) -> None:
        self._watch = watch
        self._account = account
        self._next = first_block
        self._looking = looking
        self._plants = dict.fromkeys(PLANTS, 0)
        self._charged = 0

    def counts(self, confirmations: int) -> WatchCounts:
        """As far as was read, `confirmations` blocks behind the head."""
        self._read(self._watch.chain.head().number - confirmations)
        stored, looking = self._watch.validator(self._account), self._looking
        return WatchCounts(
            stake=0 if stored is None else stored.stake,
            duties=0 if looking is None else looking.duties,
            verdicts=0 if looking is None else looking.verdicts(),
            plants=dict(self._plants),
            charged=self._charged,
        )

    def _read(self, last: int) -> None:
        end = min(last, self._next + _BLOCKS_PER_LOOK - 1)
        if end < self._next:
            return
        for event in self._watch.events(self._next, end):
            if isinstance(event, PlantExposed):
                self._plants["exposed"] += 1
            elif event.validator != self._account:
                continue
            elif isinstance(event, PlantFound):
                self._plants["found"] += 1
            elif isinstance(event, BountyPaid):
                self._plants["paid"] += 1
            elif isinstance(event, PlantMissed):
                self._plants["missed"] += 1
                self._charged += event.penalty
            elif isinstance(event, SilenceCharged):
                self._charged += event.penalty
        self._next = end + 1
