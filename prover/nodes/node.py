"""What provider and validator share: read on, look at every active order, survive what fails."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from avow.prover.database import Database
from avow.prover.disputes.attested import AttestedAnswers
from avow.prover.disputes.party import FAILURES, Party
from avow.prover.disputes.tally import Tally
from avow.prover.errors import DatabaseUnavailable, ProverError
from avow.prover.logs import about
from avow.prover.nodes.batches import Batches, Gathered
from avow.prover.nodes.follow import Follower
from avow.prover.nodes.pauses import Pauses
from avow.prover.nodes.worklist import Seen, Status, Worklist
from avow.verifier.bundle import Bundle
from avow.verifier.chain.client import Block
from avow.verifier.chain.errors import ChainError, Reverted, RpcUnavailable
from avow.verifier.chain.market import Market
from avow.verifier.chain.orders import Leg, Order
from avow.verifier.chain.registration import Registry
from avow.verifier.chain.seals import batch_of, seal
from avow.verifier.chain.signer import Signer
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.lifecycle import leg_ends

LOG = logging.getLogger("avow.node")
# An order that the chain has not had for so many blocks will not come back.
_GONE_AFTER_BLOCKS = 256
_LONGEST_PAUSE = 60.0

Wall = Callable[[], float]


@dataclass(frozen=True, slots=True)
class View:
    """An order as the chain has it at one head; `now` is in Unix seconds.

    `now` is the later of the head's time and the clock's: a chain without traffic stands still.
    """

    order: Order
    legs: tuple[Leg, ...]
    head: Block
    now: int

    @property
    def ended(self) -> bool:
        """Whether every leg has come to its end."""
        return all(leg_ends(leg.state) for leg in self.legs)


class Node(ABC):
    """One role of one account in one market.

    Nothing that was done is trusted to memory: every step reads from the chain how an order
    stands and derives the next move. So a step may be cut off anywhere and taken again, and
    after a re-organisation the same rules hold for the new chain.
    """

    role: str

    def __init__(
        self,
        market: Market,
        signer: Signer,
        database: Database,
        confirmations: int,
        wall: Wall = time.time,
    ) -> None:
        signer.check(market.chain.chain_id)
        self.market = market
        self.signer = signer
        self.registry = Registry(market.chain, market.deployment)
        self.confirmations = confirmations
        self.database = database
        self._wall = wall
        name = f"{market.chain.chain_id}:{to_hex(market.contract.address)}"
        self.worklist = Worklist(database, name, f"{self.role}:{to_hex(signer.address)}")
        self._follower = Follower(market, self.worklist, confirmations)
        self._pauses = Pauses(wall, _LONGEST_PAUSE)
        self._batches = Batches()
        # What the watch over claims is to the account, where there is one.
        self.tally: Tally | None = None
        # What it knows of attested answers, where it judges claims.
        self.attested: AttestedAnswers | None = None

    def step(self) -> bool:
        """Reads on and makes at most one move for each order; whether anything moved.

        Raises RpcUnavailable and DatabaseUnavailable, after which the step is taken again.
        What goes wrong with one order keeps no other from its turn.
        """
        moved = self._follower.sync()
        self._follower.price()
        for seen in self.worklist.active():
            moved |= self._guarded(seen)
            moved |= self.meanwhile()
        for gathered in self._batches.due(self._wall()):
            moved |= self._settle_gathered(gathered)
        return moved

    @property
    def party(self) -> Party | None:
        """Its part in disputes about claims, if it takes one."""
        return None

    def meanwhile(self) -> bool:
        """Called after each order: what cannot wait for all the others; whether anything moved."""
        return False

    def join(self) -> bool:
        """Waits until nothing goes on beside the steps; whether another step may find something new
        to do after that."""
        return False

    def close(self) -> None:
        """Gives the database connections back."""
        self.database.close()

    @abstractmethod
    def advance(self, seen: Seen, view: View) -> bool:
        """Makes the next move for an order that has not ended; whether there was one."""

    @abstractmethod
    def finish(self, seen: Seen, view: View) -> None:
        """Called once an order's end lies deep enough, before it leaves the worklist."""

    def concerns(self, view: View) -> str | None:
        """None while the order is this node's business, else why it is not."""
        return None

    def view(self, order_id: bytes) -> View | None:
        """The order as it stands on chain; None when the market has none of this id."""
        head = self.market.chain.head()
        order = self.market.order(order_id)
        if order is None:
            return None
        legs = tuple(self.market.leg(order_id, leg) for leg in range(order.leg_count))
        return View(order, legs, head, max(head.timestamp, int(self._wall())))

    def say(self, order_id: bytes, what: str) -> None:
        """One line in the log about an order."""
        with about(order=to_hex(order_id)):
            LOG.info("role=%s %s", self.role, what)

    def settle_leg(self, view: View, index: int, bundle: Bundle, deadline: float) -> str | None:
        """Settles a delivered leg whose bundle convinced; what was done, in words.

        A leg whose proof speaks of others waits for them, until `deadline` at the latest: None.
        """
        order = view.order
        if batch_of(bundle) > 1:
            self._batches.add(order, index, bundle, self._wall(), deadline)
            return None
        data = b"".join(tensor.data() for tensor in bundle.outputs)
        receipt = self.market.settle(
            self.signer, order.order_id, index, data, bundle.path, seal(bundle)
        )
        return f"settled leg {index}, gas {receipt.gas_used}"

    def each_leg(self, seen: Seen, legs: Iterable[int], move: Callable[[int], bool]) -> bool:
        """Makes a move for each of these legs; what goes wrong with one keeps no other from its
        turn, and that one waits for a while."""
        moved = False
        for index in legs:
            name = _leg_name(seen.order_id, index)
            if self._pauses.waits(name):
                continue
            try:
                moved |= move(index)
            except (RpcUnavailable, DatabaseUnavailable):
                raise
            except (ChainError, ProverError, VerificationError) as error:
                self._postpone(seen.order_id, error, index)
                continue
            if not self.gathers(seen.order_id, index):
                self._pauses.clear(name)
        return moved

    def gathers(self, order_id: bytes, leg: int) -> bool:
        """Whether a leg waits for the others of its proof."""
        return self._batches.holds(order_id, leg)

    def _settle_gathered(self, gathered: Gathered) -> bool:
        legs = {(item.order_id, item.leg) for item in gathered.items}
        try:
            done = gathered.settle(self.market, self.signer)
        except (RpcUnavailable, DatabaseUnavailable):
            raise
        except ChainError as error:
            if isinstance(error, Reverted):
                self._batches.separate(gathered)
            for order_id, leg in legs:
                self._postpone(order_id, error, leg)
            return False
        skipped = {(item.order_id, item.leg): item.reason for item in done.skipped}
        each = done.receipt.gas_used // max(1, len(legs) - len(skipped))
        for order_id, leg in sorted(legs):
            reason = skipped.get((order_id, leg))
            if reason is None:
                self.say(order_id, f"settled leg {leg} in a batch of {len(legs)}, gas {each} each")
            else:
                self.say(order_id, f"leg {leg} was left out of a batch: {reason}")
        return True

    def _postpone(self, order_id: bytes, error: Exception, leg: int | None = None) -> None:
        """Refused by the contract (somebody came first, or it is not due yet), out of gas money,
        an earlier transaction under way, ...: looked at again, less and less often."""
        self._pauses.postpone(order_id if leg is None else _leg_name(order_id, leg))
        if self.worklist.remark(order_id, str(error)):
            self.say(order_id, f"waits: {error}")

    def _guarded(self, seen: Seen) -> bool:
        if self._pauses.waits(seen.order_id):
            return False
        try:
            moved = self._look(seen)
        except (RpcUnavailable, DatabaseUnavailable):
            raise
        except (ChainError, ProverError, VerificationError) as error:
            self._postpone(seen.order_id, error)
            return False
        if not self._batches.holds(seen.order_id):
            self._pauses.clear(seen.order_id)
        return moved

    def _look(self, seen: Seen) -> bool:
        view = self.view(seen.order_id)
        if view is None:
            return self._gone(seen)
        reason = "it has ended" if view.ended else self.concerns(view)
        if reason is None:
            if seen.ended_block is not None:
                self.worklist.ended(seen.order_id, None)
            return self.advance(seen, view)
        if seen.ended_block is None or seen.ended_block > view.head.number:
            self.worklist.ended(seen.order_id, view.head.number)
            if self.confirmations:
                return True
        elif view.head.number < seen.ended_block + self.confirmations:
            return False
        self.finish(seen, view)
        for index in range(len(view.legs)):
            self._pauses.clear(_leg_name(seen.order_id, index))
        self.worklist.decide(seen.order_id, Status.DONE, reason)
        self.say(seen.order_id, f"done: {reason}, {_states(view.legs)}")
        return True

    def _gone(self, seen: Seen) -> bool:
        head = self.market.chain.head().number
        if head < seen.requested_block + _GONE_AFTER_BLOCKS:
            return False
        self.worklist.decide(seen.order_id, Status.DONE, "the chain no longer has it")
        return True


def run(
    node: Node,
    stop: threading.Event,
    poll: float = 1.0,
    longest_pause: float = 30.0,
    between: Callable[[], None] = lambda: None,
) -> None:
    """Takes steps until `stop` is set; failures are told in one line and waited out.

    `between` is called before every step and must not raise.
    """
    pause = poll
    while not stop.is_set():
        between()
        try:
            moved = node.step()
        except FAILURES as error:
            LOG.warning("role=%s waits %.0f s: %s", node.role, pause, error)
            stop.wait(pause)
            pause = min(2 * pause, longest_pause)
            continue
        pause = poll
        if not moved:
            stop.wait(poll)


def _leg_name(order_id: bytes, leg: int) -> bytes:
    """Under which a leg has its pauses."""
    return order_id + leg.to_bytes(2, "big")


def _states(legs: Sequence[Leg]) -> str:
    return ", ".join(leg.state.name.lower() for leg in legs)
