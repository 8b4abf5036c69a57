"""Orders and legs as the market stores them, and the terms that a requester states."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from avow.verifier.chain.client import checksum, unchecksum
from avow.verifier.chain.errors import RpcRefused
from avow.verifier.commitment import Commitment, Scheme
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256
from avow.verifier.lifecycle import LegState
from avow.verifier.merkle import Path

NOBODY = bytes(20)


class CallbackState(IntEnum):
    """Whether the callback of a leg is owed; the numbers are the market's."""

    NONE = 0
    DONE = 1
    FAILED = 2


@dataclass(frozen=True, slots=True)
class LegTerms:
    """One leg asked for, by any of the systems that it names: the selectors of one to four, of 4
    bytes each, one after the other. `deadline` is Unix seconds, the share in bps."""

    selectors: bytes
    deadline: int
    share_bps: int

    @property
    def named(self) -> tuple[bytes, ...]:
        """The selectors of the systems, as the requester ordered them."""
        return split_selectors(self.selectors)


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """What a requester signs up for; see `OrderRequest` in the contracts.

    Either `input_data` (row-major, big-endian) or `input_uri` is given. `price` and `bond` are
    in token units, deadlines in Unix seconds. `callback` is 20 zero bytes for none.
    """

    model_key: bytes
    input: Commitment
    input_data: bytes
    input_uri: str
    legs: tuple[LegTerms, ...]
    price: int
    bond: int
    lock_deadline: int
    callback: bytes = NOBODY
    callback_gas: int = 0

    def encode(self) -> tuple[Any, ...]:
        """The form that the contract's ABI takes."""
        return (
            self.model_key,
            (int(self.input.scheme), self.input.value),
            self.input_data,
            self.input_uri,
            [(_padded(leg.selectors), leg.deadline, leg.share_bps) for leg in self.legs],
            self.price,
            self.bond,
            self.lock_deadline,
            (checksum(self.callback), self.callback_gas),
        )


@dataclass(frozen=True, slots=True)
class Order:
    """A stored order; `provider` and `validator` are 20 zero bytes while there is none."""

    order_id: bytes
    requester: bytes
    nonce: int
    provider: bytes
    validator: bytes
    model_key: bytes
    input: Commitment
    lock_deadline: int
    locked_at: int
    grace_period: int
    settlement_window: int
    price: int
    bond: int
    leg_count: int
    callback_gas: int = 0
    requested_at: int = 0


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One leg among those that one proof settles; `output` is the output tensors' data.

    `part` is what the proof system needs of this leg alone, `callback_gas` what its order's
    callback may use up.
    """

    order_id: bytes
    leg: int
    output: bytes
    path: Path
    part: bytes
    callback_gas: int

    def encode(self) -> tuple[Any, ...]:
        """The form that the contract's ABI takes."""
        stands = (self.path.index, list(self.path.siblings))
        return (self.order_id, self.leg, self.output, stands, self.part)


@dataclass(frozen=True, slots=True)
class Leg:
    """A stored leg. Before delivery `output` is None, `selector` the first system that is named and
    `others` the further ones; after it `selector` is the system that was chosen, alone."""

    selector: bytes
    deadline: int
    delivered_at: int
    share_bps: int
    state: LegState
    callback_state: CallbackState
    output: Commitment | None
    others: bytes = b""

    @property
    def named(self) -> tuple[bytes, ...]:
        """The systems that the leg may still be, or was, delivered by."""
        return split_selectors(self.selector + self.others)


def parse_terms(value: dict[str, Any]) -> OrderTerms:
    """Terms out of an `OrderRequested` event."""
    commitment = parse_chain_commitment(value["input"]["scheme"], value["input"]["value"])
    return OrderTerms(
        model_key=bytes(value["modelKey"]),
        input=commitment,
        input_data=bytes(value["inputData"]),
        input_uri=str(value["inputUri"]),
        legs=tuple(
            LegTerms(_trimmed(leg["selectors"]), int(leg["deadline"]), int(leg["shareBps"]))
            for leg in value["legs"]
        ),
        price=int(value["price"]),
        bond=int(value["bond"]),
        lock_deadline=int(value["lockDeadline"]),
        callback=unchecksum(value["callback"]["target"]),
        callback_gas=int(value["callback"]["gasLimit"]),
    )


def parse_order(order_id: bytes, raw: Any) -> Order:
    """A stored order out of `orderOf`."""
    return Order(
        order_id=order_id,
        requester=unchecksum(raw.requester),
        nonce=int(raw.nonce),
        provider=unchecksum(raw.provider),
        validator=unchecksum(raw.validator),
        model_key=bytes(raw.modelKey),
        input=parse_chain_commitment(raw.inputScheme, raw.inputValue),
        lock_deadline=int(raw.lockDeadline),
        locked_at=int(raw.lockedAt),
        grace_period=int(raw.gracePeriod),
        settlement_window=int(raw.settlementWindow),
        price=int(raw.price),
        bond=int(raw.bond),
        leg_count=int(raw.legCount),
        callback_gas=int(raw.callbackGas),
        requested_at=int(raw.requestedAt),
    )


def parse_leg(raw: Any) -> Leg:
    """A stored leg out of `legOf`."""
    return Leg(
        selector=bytes(raw.selector),
        deadline=int(raw.deadline),
        delivered_at=int(raw.deliveredAt),
        share_bps=int(raw.shareBps),
        state=LegState(int(raw.state)),
        callback_state=CallbackState(int(raw.callbackState)),
        output=parse_chain_commitment(raw.outputScheme, raw.outputValue)
        if int(raw.outputScheme)
        else None,
        others=_trimmed(raw.others),
    )


def parse_chain_commitment(scheme: int, value: bytes) -> Commitment:
    """A commitment as the contracts hold it; an unknown scheme is refused."""
    try:
        return Commitment(Scheme(int(scheme)), bytes(value))
    except (ValueError, VerificationError) as error:
        raise RpcRefused(f"market: unknown commitment scheme {int(scheme)}") from error


def split_selectors(joined: bytes) -> tuple[bytes, ...]:
    """Selectors that stand one after the other, of 4 bytes each."""
    return tuple(joined[at : at + 4] for at in range(0, len(joined), 4))


def _padded(selectors: bytes) -> bytes:
    """As the contracts hold them: no fifth, and none that is cut short."""
    if not 4 <= len(selectors) <= 16 or len(selectors) % 4:
        raise ValueError(f"a leg names one to four systems, {len(selectors)} bytes were given")
    return selectors.ljust(16, b"\0")


def _trimmed(selectors: bytes) -> bytes:
    """The selectors without the zeros behind them, in whole selectors."""
    named = split_selectors(bytes(selectors))
    while named and not any(named[-1]):
        named = named[:-1]
    return b"".join(named)


def selector_of(system: str) -> bytes:
    """The 4 bytes that stand for a proof system in the router and at the front of a seal."""
    return keccak256(system.encode("ascii"))[:4]
