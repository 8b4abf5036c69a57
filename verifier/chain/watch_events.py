"""What happened to validators and plants of a watch, as typed values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from avow.verifier.chain.claim_events import parse_traced
from avow.verifier.chain.client import Log, unchecksum
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.events import Place
from avow.verifier.trace.refutation import TracedClaim


@dataclass(frozen=True, slots=True)
class ValidatorJoined:
    """An account put up `stake` token units; its duties begin with `first_epoch`."""

    place: Place
    validator: bytes
    stake: int
    first_epoch: int


@dataclass(frozen=True, slots=True)
class WatchBegun:
    """A validator watches a model from `first_epoch` on."""

    place: Place
    validator: bytes
    model_key: bytes
    first_epoch: int


@dataclass(frozen=True, slots=True)
class PlantExposed:
    """A claim was planted and is wrong, as `refutation` shows."""

    place: Place
    claim_id: bytes
    epoch: int
    model_key: bytes
    traced: TracedClaim
    refutation: bytes


@dataclass(frozen=True, slots=True)
class PlantFound:
    """A validator showed that it had found a plant."""

    place: Place
    claim_id: bytes
    validator: bytes


@dataclass(frozen=True, slots=True)
class PlantMissed:
    """A validator on duty had not found a plant; `penalty` in token units was burned."""

    place: Place
    claim_id: bytes
    validator: bytes
    penalty: int


@dataclass(frozen=True, slots=True)
class BountyPaid:
    """A finder was credited its share, in token units."""

    place: Place
    claim_id: bytes
    validator: bytes
    share: int


@dataclass(frozen=True, slots=True)
class SilenceCharged:
    """A validator's seeds were late up to `last_epoch`; `penalty` in token units was burned."""

    place: Place
    validator: bytes
    last_epoch: int
    epochs: int
    penalty: int


WatchEvent = (
    ValidatorJoined
    | WatchBegun
    | PlantExposed
    | PlantFound
    | PlantMissed
    | BountyPaid
    | SilenceCharged
)


def parse_watch_event(watch: Contract, name: str, log: Log) -> WatchEvent:
    """A log of the watch in typed form; `name` is one of `READ`."""
    value = watch.decode(name, log)
    return _PARSERS[name](Place(log.block, log.index, log.transaction), value)


def _exposed(place: Place, value: dict[str, Any]) -> WatchEvent:
    return PlantExposed(
        place=place,
        claim_id=bytes(value["claimId"]),
        epoch=int(value["epoch"]),
        model_key=bytes(value["modelKey"]),
        traced=parse_traced(value["traced"]),
        refutation=bytes(value["refutation"]),
    )


def _silence(place: Place, value: dict[str, Any]) -> WatchEvent:
    return SilenceCharged(
        place=place,
        validator=unchecksum(value["validator"]),
        last_epoch=int(value["lastEpoch"]),
        epochs=int(value["epochs"]),
        penalty=int(value["penalty"]),
    )


def _joined(place: Place, value: dict[str, Any]) -> WatchEvent:
    account = unchecksum(value["validator"])
    return ValidatorJoined(place, account, int(value["stake"]), int(value["firstEpoch"]))


def _begun(place: Place, value: dict[str, Any]) -> WatchEvent:
    account, model_key = unchecksum(value["validator"]), bytes(value["modelKey"])
    return WatchBegun(place, account, model_key, int(value["fromEpoch"]))


def _of(value: dict[str, Any]) -> tuple[bytes, bytes]:
    return bytes(value["claimId"]), unchecksum(value["validator"])


_PARSERS: dict[str, Callable[[Place, dict[str, Any]], WatchEvent]] = {
    "ValidatorJoined": _joined,
    "WatchBegun": _begun,
    "PlantExposed": _exposed,
    "PlantFound": lambda place, value: PlantFound(place, *_of(value)),
    "PlantMissed": lambda place, value: PlantMissed(place, *_of(value), int(value["penalty"])),
    "BountyPaid": lambda place, value: BountyPaid(place, *_of(value), int(value["share"])),
    "SilenceCharged": _silence,
}
READ = tuple(_PARSERS)
