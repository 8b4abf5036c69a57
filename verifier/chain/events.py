"""What happened in the market, as typed values."""

from dataclasses import dataclass
from typing import Any

from avow.verifier.chain.client import Log, unchecksum
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.orders import OrderTerms, parse_chain_commitment, parse_terms
from avow.verifier.commitment import Commitment
from avow.verifier.lifecycle import LegState


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event stands; (block, index) orders events."""

    block: int
    index: int
    transaction: bytes


@dataclass(frozen=True, slots=True)
class OrderRequested:
    """A new order with its terms; `nonce` is that of its statements."""

    place: Place
    order_id: bytes
    requester: bytes
    nonce: int
    terms: OrderTerms


@dataclass(frozen=True, slots=True)
class OrderLocked:
    """A provider took the order; `validator` is zero when there was none to assign."""

    place: Place
    order_id: bytes
    provider: bytes
    validator: bytes
    bond: int


@dataclass(frozen=True, slots=True)
class LegDelivered:
    """An answer's commitment, the system that was chosen for it, and where its bundle is."""

    place: Place
    order_id: bytes
    provider: bytes
    validator: bytes
    leg: int
    selector: bytes
    output: Commitment
    bundle_digest: bytes
    bundle_uri: str


@dataclass(frozen=True, slots=True)
class Payout:
    """Who was credited what for a settled leg, in token units."""

    provider: int
    validator: int
    royalty: int
    treasury: int


@dataclass(frozen=True, slots=True)
class LegSettled:
    """A leg was proven and paid; `output` is the output tensors' data."""

    place: Place
    order_id: bytes
    provider: bytes
    settler: bytes
    leg: int
    statement: bytes
    output: bytes
    payout: Payout


@dataclass(frozen=True, slots=True)
class LegExpired:
    """A leg ended without payment; `state` is REFUNDED or SLASHED."""

    place: Place
    order_id: bytes
    leg: int
    state: LegState
    refund: int


@dataclass(frozen=True, slots=True)
class BondSlashed:
    """A provider lost a leg's bond."""

    place: Place
    order_id: bytes
    leg: int
    provider: bytes
    to_requester: int
    to_treasury: int


@dataclass(frozen=True, slots=True)
class CallbackMade:
    """The answer was handed to the requester's contract, or could not be (`reason`)."""

    place: Place
    order_id: bytes
    leg: int
    target: bytes
    succeeded: bool
    reason: bytes


MarketEvent = (
    OrderRequested
    | OrderLocked
    | LegDelivered
    | LegSettled
    | LegExpired
    | BondSlashed
    | CallbackMade
)

READ = (
    "OrderRequested",
    "OrderLocked",
    "LegDelivered",
    "LegSettled",
    "LegExpired",
    "BondSlashed",
    "CallbackSucceeded",
    "CallbackFailed",
)


def parse_event(market: Contract, name: str, log: Log) -> MarketEvent:
    """A market's log in typed form; `name` is one of `READ`."""
    value = market.decode(name, log)
    place = Place(log.block, log.index, log.transaction)
    order_id = bytes(value["orderId"])
    match name:
        case "OrderRequested":
            terms = parse_terms(value["terms"])
            requester = unchecksum(value["requester"])
            return OrderRequested(place, order_id, requester, int(value["nonce"]), terms)
        case "OrderLocked":
            provider, validator = unchecksum(value["provider"]), unchecksum(value["validator"])
            return OrderLocked(place, order_id, provider, validator, int(value["bond"]))
        case "LegDelivered":
            return _delivered(place, order_id, value)
        case "LegSettled":
            return _settled(place, order_id, value)
        case "LegExpired":
            state = LegState(int(value["state"]))
            return LegExpired(place, order_id, int(value["leg"]), state, int(value["refund"]))
        case "BondSlashed":
            return BondSlashed(
                place,
                order_id,
                int(value["leg"]),
                unchecksum(value["provider"]),
                int(value["toRequester"]),
                int(value["toTreasury"]),
            )
        case _:
            reason = bytes(value.get("reason", b""))
            target = unchecksum(value["target"])
            succeeded = name == "CallbackSucceeded"
            return CallbackMade(place, order_id, int(value["leg"]), target, succeeded, reason)


def _delivered(place: Place, order_id: bytes, value: dict[str, Any]) -> LegDelivered:
    output = value["output"]
    return LegDelivered(
        place=place,
        order_id=order_id,
        provider=unchecksum(value["provider"]),
        validator=unchecksum(value["validator"]),
        leg=int(value["leg"]),
        selector=bytes(value["selector"]),
        output=parse_chain_commitment(output["scheme"], output["value"]),
        bundle_digest=bytes(value["bundleDigest"]),
        bundle_uri=str(value["bundleUri"]),
    )


def _settled(place: Place, order_id: bytes, value: dict[str, Any]) -> LegSettled:
    paid = value["payout"]
    return LegSettled(
        place=place,
        order_id=order_id,
        provider=unchecksum(value["provider"]),
        settler=unchecksum(value["settler"]),
        leg=int(value["leg"]),
        statement=bytes(value["statementDigest"]),
        output=bytes(value["output"]),
        payout=Payout(
            int(paid["provider"]),
            int(paid["validator"]),
            int(paid["royalty"]),
            int(paid["treasury"]),
        ),
    )
