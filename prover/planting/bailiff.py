"""Penalties and bounties of the watch: anybody may call for them, the planter does."""

from __future__ import annotations

from collections.abc import Callable

from avow.verifier.chain.client import Block
from avow.verifier.chain.errors import Reverted
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.watch import Watch
from avow.verifier.chain.watch_events import PlantExposed, ValidatorJoined, WatchBegun
from avow.verifier.chain.watch_records import Outcome

_BLOCKS_PER_STEP = 10_000


class Bailiff:
    """Charges every validator that missed a plant or hid a seed, and closes plants, whoever
    exposed them. What it has read is read again after a restart, what was charged stands on
    chain."""

    def __init__(
        self, watch: Watch, signer: Signer, first_block: int, say: Callable[[str], None]
    ) -> None:
        self._watch = watch
        self._signer = signer
        self._next = first_block
        self._say = say
        self._validators: set[bytes] = set()
        self._watchers: dict[bytes, set[bytes]] = {}
        self._plants: dict[bytes, PlantExposed] = {}
        # Refused by the contract: not on duty, challenged, a seed that is still hidden.
        self._excused: set[tuple[bytes, bytes]] = set()

    def step(self, head: Block, confirmations: int) -> bool:
        """Makes at most one transaction; whether one was made."""
        self._read(head.number - confirmations)
        for account in sorted(self._validators):
            if self._is_silent(account, head.timestamp):
                self._watch.charge_silence(self._signer, account)
                self._say(f"watch: 0x{account.hex()} was charged for silence")
                return True
        for claim_id, plant in list(self._plants.items()):
            if head.timestamp <= self._watch.parameters.times(plant.epoch).answers_by:
                continue
            if self._judge(plant):
                return True
            del self._plants[claim_id]
        return False

    def _judge(self, plant: PlantExposed) -> bool:
        claim_id = plant.claim_id
        for account in sorted(self._watchers.get(plant.model_key, ())):
            if (claim_id, account) in self._excused:
                continue
            if self._watch.outcome(claim_id, account) is not Outcome.NONE:
                continue
            try:
                self._watch.charge_miss(self._signer, claim_id, account)
            except Reverted as error:
                self._excused.add((claim_id, account))
                self._say(f"watch: 0x{account.hex()} is not charged: {error.name}")
                continue
            self._say(f"watch: 0x{account.hex()} was charged for a plant that it missed")
            return True
        stored = self._watch.plant_of(claim_id)
        if stored is None or stored.closed:
            return False
        self._watch.close(self._signer, claim_id)
        self._say(f"watch: a plant was closed, {stored.finders} had found it")
        return True

    def _is_silent(self, account: bytes, now: int) -> bool:
        """Whether a seed of its duties is overdue that it was not charged for."""
        stored = self._watch.validator(account)
        if stored is None:
            return False
        parameters = self._watch.parameters
        late = parameters.epoch_at(now)
        while parameters.times(late).reveals_by >= now:
            late -= 1
        return min(late, stored.last_epoch) > max(stored.revealed, stored.charged)

    def _read(self, last: int) -> None:
        end = min(last, self._next + _BLOCKS_PER_STEP - 1)
        if end < self._next:
            return
        for event in self._watch.events(self._next, end):
            match event:
                case ValidatorJoined(validator=account):
                    self._validators.add(account)
                case WatchBegun(validator=account, model_key=model_key):
                    self._watchers.setdefault(model_key, set()).add(account)
                case PlantExposed():
                    self._plants[event.claim_id] = event
        self._next = end + 1
