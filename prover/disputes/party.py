"""What both sides share: claims followed, moves sent, failures that stop nobody else."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from avow.circuits.errors import CircuitError
from avow.models.errors import ModelError
from avow.prover.database import Database
from avow.prover.disputes.follow import ClaimFollower
from avow.prover.disputes.journal import Journal, Watched
from avow.prover.disputes.moves import Move
from avow.prover.disputes.onchain import tensors_of, view_of
from avow.prover.disputes.plan import Plan, Planned
from avow.prover.disputes.sending import Sender
from avow.prover.disputes.state import ClaimView, StateTorn
from avow.prover.errors import DatabaseUnavailable, ProverError
from avow.prover.logs import about
from avow.prover.nodes.pauses import Pauses
from avow.verifier.chain.claim_events import Claimed, ClaimEvent
from avow.verifier.chain.claim_records import ClaimState
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.client import Block, Receipt
from avow.verifier.chain.errors import ChainError, RpcUnavailable
from avow.verifier.chain.market import Market
from avow.verifier.chain.signer import Signer
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.tensor import TensorSpec

LOG = logging.getLogger("avow.node")
# Clocks run meanwhile.
_LONGEST_PAUSE = 10.0
_HURRY_SECONDS = 5.0
# What goes wrong with one claim; but without chain or database nothing goes on.
FAILURES = (ChainError, ProverError, CircuitError, ModelError, VerificationError)
FATAL = (RpcUnavailable, DatabaseUnavailable)


@dataclass(frozen=True, slots=True)
class Standing:
    """A claim as it stands at one head: what is stored, and all that happened to it."""

    head: Block
    view: ClaimView
    claimed: Claimed
    happened: tuple[ClaimEvent, ...]


class Party(ABC):
    """One account's part in the disputes of a deployment.

    A step reads how each claim stands, and of all that could be done then does what has the least
    time left: so it may be cut off anywhere and taken again. What goes wrong with one claim keeps
    no other from its turn.
    """

    role: str

    def __init__(
        self,
        market: Market,
        claims: Claims,
        signer: Signer,
        database: Database,
        confirmations: int,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.market = market
        self.claims = claims
        self.signer = signer
        self.confirmations = confirmations
        name = f"{claims.chain.chain_id}:{to_hex(claims.contract.address)}"
        self.journal = Journal(database, f"{name}:{self.role}:{to_hex(signer.address)}")
        first = market.deployment.first_block
        self._follower = ClaimFollower(claims, self.journal, first, confirmations, self.concerns)
        self._sender = Sender(claims, signer, self.journal)
        self._pauses = Pauses(wall, _LONGEST_PAUSE)
        self._said: dict[bytes, str] = {}
        self._may_have_credit = True
        self._stepped = time.monotonic()
        # As they were when the last step began.
        self.watched: list[Watched] = []

    @abstractmethod
    def concerns(self, claimed: Claimed) -> bool:
        """Whether a claim is to be followed at all."""

    @abstractmethod
    def look(self, claim: Watched, head: Block) -> Iterable[Planned]:
        """What could be sent now about a claim. `head` is a recent one."""

    def step(self) -> bool:
        """Reads on and makes the most urgent moves, which wait for one block; whether anything
        moved.

        Raises RpcUnavailable and DatabaseUnavailable, after which the step is taken again.
        """
        head = self.claims.chain.head()
        moved = self._follower.sync(head)
        self.watched = watched = self.journal.watched()
        plan = Plan()
        for claim in watched:
            self.guarded(claim, partial(self._plan, claim, head, plan))
        if self._make(plan):
            moved = True
        elif self._may_have_credit and not any(self.is_engaged(claim) for claim in watched):
            moved |= self._withdraw()
        self._stepped = time.monotonic()
        return moved

    def hurry(self) -> bool:
        """A step, if the last one is some seconds ago; whether anything moved."""
        return time.monotonic() - self._stepped > _HURRY_SECONDS and self.step()

    def is_engaged(self, claim: Watched) -> bool:
        """Whether the account may need its credit for bonds of this claim."""
        return True

    def waits_after(self, error: Exception) -> float:
        """How many seconds to wait at least after such a failure."""
        return 0.0

    def guarded(self, claim: Watched, step: Callable[[], bool], name: bytes = b"") -> bool:
        """Takes a step about a claim; what fails waits a little, and is told once.

        `name` tells the steps about one claim apart, of which one may fail and not the other.
        """
        name = name or claim.traced.statement
        if self._pauses.waits(name):
            return False
        try:
            moved = step()
        except FATAL:
            raise
        except FAILURES as error:
            self._failed(claim, name, error)
            return False
        self._went_well(name, moved)
        return moved

    def _failed(self, claim: Watched, name: bytes, error: Exception) -> None:
        self._pauses.postpone(name, self.waits_after(error))
        if self._said.get(name) != str(error):
            self._said[name] = str(error)
            self.say(claim, f"waits: {error}")

    def _went_well(self, name: bytes, moved: bool) -> None:
        self._pauses.clear(name)
        if moved:
            self._said.pop(name, None)

    def standing(self, claim: Watched, outputs: tuple[TensorSpec, ...]) -> Standing:
        """How a claim stands; raises StateTorn where the chain no longer has it as it was read."""
        head = self.claims.chain.head()
        happened = self.claims.events_of(claim.traced.statement, claim.block, head.number)
        claimed = next((one for one in happened if isinstance(one, Claimed)), None)
        if claimed is None or claimed.traced != claim.traced:
            raise StateTorn("the chain has this claim no longer as it was read")
        tensors = tensors_of(outputs, claimed.output)
        view = view_of(self.claims, claimed, tensors, happened)
        return Standing(head, view, claimed, tuple(happened))

    def _plan(self, claim: Watched, head: Block, plan: Plan) -> bool:
        plan.add(self.look(claim, head))
        return False

    def _make(self, plan: Plan) -> bool:
        """Does what is most urgent, as much together as waits for one block; whether anything
        was done."""
        ready = [one for one in plan.urgent_first() if not self._pauses.waits(one.name)]
        together = [(one, one.move) for one in ready if one.move is not None]
        if together and self._send(together):
            return True
        acts = (one for one in ready if one.move is None)
        return any(self.guarded(one.claim, one.act, one.name) for one in acts)

    def _send(self, planned: Sequence[tuple[Planned, Move]]) -> bool:
        """Sends moves together, as many as are taken; whether one was made."""
        wanted = [(one.claim.traced.statement, move) for one, move in planned]
        try:
            outcomes = self._sender.send(wanted)
        except FATAL:
            raise
        except FAILURES as error:
            # Nothing was handed over: something else of this account waits.
            first = planned[0][0]
            self._failed(first.claim, first.name, error)
            return False
        moved, fatal = False, None
        for (one, move), outcome in zip(planned, outcomes, strict=True):
            if isinstance(outcome, Receipt):
                self._went_well(one.name, True)
                self._may_have_credit = moved = True
                self.say(one.claim, f"move {type(move).__name__}, gas {outcome.gas_used}")
            elif isinstance(outcome, FATAL):
                fatal = outcome
            elif outcome is not None:
                self._failed(one.claim, one.name, outcome)
        if fatal is not None:
            raise fatal
        return moved

    def end_when_deep(self, claim: Watched, head: Block, reason: str) -> bool:
        """Stops following a claim once its end lies deep enough; whether that is now."""
        before = max(claim.block, head.number - self.confirmations)
        stored = self.claims.stored(claim.traced.statement, before)
        over = stored is not None and (
            stored.state in (ClaimState.UPHELD, ClaimState.OVERTURNED)
            or (head.timestamp > stored.window_end and not stored.open)
        )
        if not over:
            return False
        self.journal.end(claim.traced.statement)
        self._said.pop(claim.traced.statement, None)
        self.say(claim, f"done: {reason}")
        return True

    def say(self, claim: Watched, what: str) -> None:
        """One line in the log about a claim."""
        with about(order=to_hex(claim.order_id), claim=to_hex(claim.traced.statement)):
            LOG.info("role=%s leg=%d %s", self.role, claim.leg, what)

    def _withdraw(self) -> bool:
        credit = self.claims.credit(self.signer.address)
        if credit:
            try:
                receipt = self.claims.withdraw(self.signer)
            except RpcUnavailable:
                raise
            except ChainError as error:
                LOG.warning("role=%s cannot withdraw %d yet: %s", self.role, credit, error)
                return False
            LOG.info("role=%s withdrew %d, gas %d", self.role, credit, receipt.gas_used)
        self._may_have_credit = False
        return bool(credit)
