"""Legs of one proof, gathered for a while so that one transaction settles them together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from avow.verifier.bundle import Bundle
from avow.verifier.chain.market import BatchReceipt, Market
from avow.verifier.chain.orders import BatchItem, Order
from avow.verifier.chain.seals import batch_of, batch_seal
from avow.verifier.chain.signer import Signer
from avow.verifier.trace.layout import MOST_OCTETS

# The others of a batch are delivered within seconds of one another.
PATIENCE_SECONDS = 5.0
# With more to call back, the legs of a batch are settled by several transactions.
CALLBACK_GAS = 3_000_000
MOST_ITEMS = 64

_Leg = tuple[bytes, int]
# Model key, root and shared seal: legs for which these are equal settle together. A leg that is to
# settle by itself stands behind them.
_Proof = tuple[bytes, bytes, bytes, _Leg | None]


@dataclass(slots=True)
class _Group:
    size: int
    items: dict[_Leg, BatchItem] = field(default_factory=dict)
    newest: float = 0.0
    deadline: float = 0.0


@dataclass(frozen=True, slots=True)
class Gathered:
    """Legs that one proof settles in one transaction."""

    model_key: bytes
    root: bytes
    seal: bytes
    items: tuple[BatchItem, ...]

    def settle(self, market: Market, signer: Signer) -> BatchReceipt:
        """Settles them."""
        return market.settle_batch(signer, self.model_key, self.root, self.items, self.seal)


class Batches:
    """The legs that wait for the others of their proof; forgotten at a restart, and found again."""

    def __init__(self) -> None:
        self._groups: dict[_Proof, _Group] = {}
        self._apart: set[_Leg] = set()

    def holds(self, order_id: bytes, leg: int | None = None) -> bool:
        """Whether a leg of an order waits here, or this one."""
        return any(
            held == order_id and leg in (None, index)
            for group in self._groups.values()
            for held, index in group.items
        )

    def add(self, order: Order, leg: int, bundle: Bundle, now: float, deadline: float) -> None:
        """Takes in a leg whose bundle convinced; it is due at `deadline`, alone if need be."""
        made = batch_seal(bundle)
        item = BatchItem(
            order_id=order.order_id,
            leg=leg,
            output=b"".join(tensor.data() for tensor in bundle.outputs),
            path=bundle.path,
            part=made.part,
            callback_gas=order.callback_gas,
        )
        root = bundle.path.root(bundle.statement.digest())
        apart = (order.order_id, leg) if (order.order_id, leg) in self._apart else None
        size = 1 if apart is not None else batch_of(bundle)
        key = (order.model_key, root, made.shared, apart)
        group = self._groups.setdefault(key, _Group(size, deadline=deadline))
        group.items[order.order_id, leg] = item
        group.newest = now
        group.deadline = min(group.deadline, deadline)

    def due(self, now: float) -> Iterator[Gathered]:
        """The transactions for which waiting longer brings nothing; what they settle leaves."""
        for key, group in list(self._groups.items()):
            whole = len(group.items) >= group.size
            if whole or now >= min(group.newest + PATIENCE_SECONDS, group.deadline):
                del self._groups[key]
                for items in _portions(list(group.items.values()), len(key[2])):
                    yield Gathered(*key[:3], items)

    def separate(self, gathered: Gathered) -> None:
        """Lets legs that were refused together settle one by one: one of them may be at fault."""
        self._apart |= {(item.order_id, item.leg) for item in gathered.items}


def _portions(items: list[BatchItem], seal: int) -> Iterator[tuple[BatchItem, ...]]:
    """As many at once as one transaction has room for beside a seal of so many bytes, and at least
    one."""
    portion: list[BatchItem] = []
    for item in items:
        gas = sum(one.callback_gas for one in portion) + item.callback_gas
        octets = calldata_bytes([*portion, item], seal)
        full = len(portion) == MOST_ITEMS or octets > MOST_OCTETS
        if portion and (gas > CALLBACK_GAS or full):
            yield tuple(portion)
            portion = []
        portion.append(item)
    if portion:
        yield tuple(portion)


def calldata_bytes(items: Sequence[BatchItem], seal: int) -> int:
    """What a transaction sends that settles these by a seal of so many bytes."""
    # Model key, root, the places of items and seal, and how long these are.
    words = 6 + _words(seal)
    for item in items:
        # Its place, order, leg, output, path and part, the last three with places and lengths.
        words += 11 + _words(len(item.output)) + len(item.path.siblings) + _words(len(item.part))
    return 4 + 32 * words


def _words(octets: int) -> int:
    return (octets + 31) // 32
