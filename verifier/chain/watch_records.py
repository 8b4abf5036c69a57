"""The watch over claims as the contract stores it: its terms, validators, plants and verdicts."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from enum import IntEnum
from typing import Any

from avow.verifier.chain.client import unchecksum
from avow.verifier.chain.errors import DeploymentRefused
from avow.verifier.keccak import keccak256

# `last_epoch` of a validator, and `until` of a model, that have no end yet.
NEVER = 2**32 - 1
# Most seeds that one transaction reveals: Verdicts.MOST_SEEDS of the contracts.
MOST_SEEDS = 64


class Outcome(IntEnum):
    """What an exposed plant was to a validator; the numbers are the contract's."""

    NONE = 0
    FOUND = 1
    PAID = 2
    MISSED = 3


@dataclass(frozen=True, slots=True)
class EpochTimes:
    """The first second of an epoch, and the last ones of its parts; Unix seconds."""

    begins: int
    ends: int
    verdicts_by: int
    reveals_by: int
    answers_by: int
    penalties_by: int


@dataclass(frozen=True, slots=True)
class WatchParameters:
    """What a watch is made with: token units and seconds. The values are a development chain's."""

    minimum_stake: int = 100 * 10**18
    miss_penalty: int = 10 * 10**18
    bounty: int = 100 * 10**18
    epoch: int = 600
    verdict_delay: int = 300
    reveal_time: int = 600
    answer_time: int = 3_600
    duty_bps: int = 5_000
    maximum_plants: int = 4

    def encode(self) -> tuple[int, ...]:
        """The form that the contract takes."""
        return tuple(asdict(self).values())

    @property
    def silence_penalty(self) -> int:
        """What an epoch without a seed costs."""
        return self.miss_penalty * self.maximum_plants

    def epoch_at(self, time: int) -> int:
        """The epoch of a moment."""
        return time // self.epoch

    def times(self, epoch: int) -> EpochTimes:
        """When an epoch's parts begin and end."""
        begins = epoch * self.epoch
        ends = begins + self.epoch - 1
        verdicts = ends + self.verdict_delay
        reveals = verdicts + self.reveal_time
        answers = reveals + self.answer_time
        return EpochTimes(begins, ends, verdicts, reveals, answers, answers + self.answer_time)

    def is_duty(self, seed: bytes, claim_id: bytes) -> bool:
        """Whether who has that seed in the claim's epoch has to check the claim."""
        return int.from_bytes(keccak256(seed + claim_id), "big") % 10_000 < self.duty_bps


@dataclass(frozen=True, slots=True)
class StoredValidator:
    """A validator: `stake` in token units, its first and last epoch, and what it has revealed.

    `seed` is the seed of the epoch `revealed`, the anchor at first.
    """

    stake: int
    first_epoch: int
    last_epoch: int
    revealed: int
    charged: int
    seed: bytes

    def serves(self, epoch: int) -> bool:
        """Whether it has duties in an epoch."""
        return self.first_epoch <= epoch <= self.last_epoch


@dataclass(frozen=True, slots=True)
class Watching:
    """First and last epoch in which a validator watches a model; zeros for never."""

    since: int
    until: int

    def covers(self, epoch: int) -> bool:
        """Whether it watches it in that epoch."""
        return self.since != 0 and self.since <= epoch <= self.until


@dataclass(frozen=True, slots=True)
class StoredPlant:
    """An exposed plant; `share` is what each of its finders gets once it is closed."""

    provider: bytes
    epoch: int
    finders: int
    closed: bool
    model_key: bytes
    share: int


def parse_watch_file(data: bytes) -> WatchParameters:
    """Parameters out of a JSON object with any of their names; the rest are as above.

    Raises DeploymentRefused. Whether they are within bounds the contract says.
    """
    try:
        value = json.loads(data)
    except ValueError as error:
        raise DeploymentRefused("watch: the file is not JSON") from error
    names = [one.name for one in fields(WatchParameters)]
    if not isinstance(value, dict) or not set(value) <= set(names):
        raise DeploymentRefused(f"watch: expected an object with any of {', '.join(names)}")
    for name, number in value.items():
        if type(number) is not int or number < 0:
            raise DeploymentRefused(f"watch: {name}: expected a whole number from 0")
    return WatchParameters(**value)


def parse_watch_parameters(raw: Any) -> WatchParameters:
    """The parameters out of `parameters`."""
    return WatchParameters(
        minimum_stake=int(raw.minimumStake),
        miss_penalty=int(raw.missPenalty),
        bounty=int(raw.bounty),
        epoch=int(raw.epoch),
        verdict_delay=int(raw.verdictDelay),
        reveal_time=int(raw.revealTime),
        answer_time=int(raw.answerTime),
        duty_bps=int(raw.dutyBps),
        maximum_plants=int(raw.maximumPlants),
    )


def parse_validator(raw: Any) -> StoredValidator:
    """A stored validator out of `validatorOf`."""
    return StoredValidator(
        stake=int(raw.stake),
        first_epoch=int(raw.firstEpoch),
        last_epoch=int(raw.lastEpoch),
        revealed=int(raw.revealed),
        charged=int(raw.charged),
        seed=bytes(raw.seed),
    )


def parse_plant(raw: Any) -> StoredPlant:
    """A stored plant out of `plantOf`."""
    return StoredPlant(
        provider=unchecksum(raw.provider),
        epoch=int(raw.epoch),
        finders=int(raw.finders),
        closed=bool(raw.closed),
        model_key=bytes(raw.modelKey),
        share=int(raw.share),
    )


def verdict_leaf(
    validator: bytes, epoch: int, claim_id: bytes, refutation: bytes, salt: bytes
) -> bytes:
    """A verdict that a claim is wrong, as a leaf of a validator's tree of an epoch."""
    words = validator.rjust(32, b"\0") + epoch.to_bytes(32, "big") + claim_id
    return keccak256(keccak256(words + keccak256(refutation) + salt))


class VerdictTree:
    """The tree over an epoch's verdicts: pairs of nodes sorted, one that is left over goes up."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        """`leaves` of 32 bytes; at least one."""
        if not leaves:
            raise ValueError("verdicts: expected at least one leaf")
        self._levels = [list(leaves)]
        while len(self._levels[-1]) > 1:
            below = self._levels[-1]
            pairs = [_pair(*below[at : at + 2]) for at in range(0, len(below) - 1, 2)]
            self._levels.append(pairs + below[len(pairs) * 2 :])

    @property
    def root(self) -> bytes:
        """What is committed to."""
        return self._levels[-1][0]

    def path(self, index: int) -> list[bytes]:
        """The siblings of a leaf, from the leaf upwards."""
        siblings = []
        for level in self._levels[:-1]:
            if index ^ 1 < len(level):
                siblings.append(level[index ^ 1])
            index //= 2
        return siblings


def planted(claim_id: bytes, salt: bytes) -> bytes:
    """What is planted for a claim before it is made."""
    return keccak256(claim_id + salt)


def _pair(one: bytes, other: bytes) -> bytes:
    return keccak256(min(one, other) + max(one, other))
