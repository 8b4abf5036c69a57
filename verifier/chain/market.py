"""The market of a deployment: orders read, written and followed."""

import pathlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from avow.verifier.chain.allowance import allow
from avow.verifier.chain.client import Chain, Log, Receipt, checksum, known_errors
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.deployment import Deployment, read_deployment
from avow.verifier.chain.errors import ChainError, Reverted, RpcRefused
from avow.verifier.chain.events import READ, MarketEvent, parse_event
from avow.verifier.chain.logs import read_logs
from avow.verifier.chain.orders import BatchItem, Leg, Order, OrderTerms, parse_leg, parse_order
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.transactions import PATIENT, Patience, send
from avow.verifier.commitment import Commitment
from avow.verifier.merkle import Path
from avow.verifier.statement import Domain

_SKIPPED = "BatchItemSkipped"


@dataclass(frozen=True, slots=True)
class Skipped:
    """An item of a batch that was left out; `reason` is the name of the market's error."""

    order_id: bytes
    leg: int
    reason: str


@dataclass(frozen=True, slots=True)
class BatchReceipt:
    """What became of a batch: its transaction, and the items that were left out."""

    receipt: Receipt
    skipped: tuple[Skipped, ...]


class Market:
    """The market contract, its payment token and its validator set."""

    def __init__(self, chain: Chain, deployment: Deployment, patience: Patience = PATIENT) -> None:
        self.chain = chain
        self.deployment = deployment
        self.domain = Domain(chain.chain_id, deployment.market)
        self.contract = Contract(chain, "Market", deployment.market)
        self.token = Contract(chain, "PaymentToken", deployment.token)
        self.validators = Contract(chain, "ValidatorSet", deployment.validators)
        self._patience = patience
        self._names = {self.contract.topic(name): name for name in READ}

    def order(self, order_id: bytes) -> Order | None:
        """A stored order, None when the market has none of this id."""
        try:
            return parse_order(order_id, self.contract.read("orderOf", order_id))
        except Reverted as error:
            if error.name == "OrderUnknown":
                return None
            raise

    def leg(self, order_id: bytes, leg: int) -> Leg:
        """A stored leg; raises Reverted (`LegUnknown`)."""
        return parse_leg(self.contract.read("legOf", order_id, leg))

    def credit(self, account: bytes) -> int:
        """What an account can withdraw, in token units."""
        return int(self.contract.read("creditOf", checksum(account)))

    def tokens(self, account: bytes) -> int:
        """An account's balance of the payment token, outside the market."""
        return int(self.token.read("balanceOf", checksum(account)))

    def affordable(self, account: bytes) -> int:
        """The most that an account can put up here: its credit and its tokens."""
        return self.credit(account) + self.tokens(account)

    def request(self, signer: Signer, terms: OrderTerms) -> tuple[bytes, Receipt]:
        """Places an order, allowing the market to take what credit does not cover; its id."""
        self._allow(signer, terms.price)
        receipt = self._send(signer, "request", terms.encode())
        for log in receipt.logs:
            if log.address == self.contract.address and self._name(log.raw["topics"][0]) == READ[0]:
                return parse_event(self.contract, READ[0], log).order_id, receipt
        raise RpcRefused("market: a request without an OrderRequested event")

    def lock(self, signer: Signer, order: Order) -> Receipt:
        """Takes an open order, putting up its bond."""
        self._allow(signer, order.bond)
        return self._send(signer, "lock", order.order_id)

    def release(self, signer: Signer, order_id: bytes) -> Receipt:
        """Hands back a locked order whose input by URI cannot be obtained."""
        return self._send(signer, "release", order_id)

    def deliver(
        self,
        signer: Signer,
        order_id: bytes,
        leg: int,
        selector: bytes,
        output: Commitment,
        bundle_digest: bytes,
        bundle_uri: str,
    ) -> Receipt:
        """Publishes an answer's commitment and where its bundle is; `selector` is of the system
        that proves it, one of those that the leg names."""
        committed = (int(output.scheme), output.value)
        published = (bundle_digest, bundle_uri)
        return self._send(signer, "deliver", order_id, leg, selector, committed, *published)

    def settle(
        self, signer: Signer, order_id: bytes, leg: int, output: bytes, path: Path, seal: bytes
    ) -> Receipt:
        """Has a proof checked and everybody paid; `output` is the output tensors' data."""
        stands = (path.index, list(path.siblings))
        return self._send(signer, "settle", order_id, leg, output, stands, seal)

    def settle_batch(
        self,
        signer: Signer,
        model_key: bytes,
        root: bytes,
        items: Sequence[BatchItem],
        seal: bytes,
    ) -> BatchReceipt:
        """Settles the legs that one proof speaks of; what cannot be settled is left out.

        Raises Reverted when nothing is left (`NothingToSettle`) or the proof is refused.
        """
        encoded = [item.encode() for item in items]
        call = self.contract.call("settleBatch", model_key, root, encoded, seal)
        # A callback may use up more than it did when the gas was estimated.
        spare = sum(item.callback_gas for item in items)
        receipt = send(self.chain, signer, replace(call, spare_gas=spare), self._patience)
        return BatchReceipt(receipt, self._skipped(receipt))

    def expire(self, signer: Signer, order_id: bytes, leg: int) -> Receipt:
        """Ends a leg whose time has passed."""
        return self._send(signer, "expire", order_id, leg)

    def refute(self, signer: Signer, order_id: bytes, leg: int) -> Receipt:
        """Ends a delivered leg whose claim was overturned: refund, and slash of its bond."""
        return self._send(signer, "refute", order_id, leg)

    def cancel(self, signer: Signer, order_id: bytes) -> Receipt:
        """Takes back an open order."""
        return self._send(signer, "cancel", order_id)

    def withdraw(self, signer: Signer) -> Receipt:
        """Pays the signer's credit out to it."""
        return self._send(signer, "withdraw")

    def gas_cap(self, selector: bytes) -> int:
        """The gas that the router gives a system's adapter for each statement."""
        router = Contract(self.chain, "ProofRouter", self.deployment.router)
        return int(router.read("entryOf", selector).gasCap)

    def verifies(self, selector: bytes) -> bool:
        """Whether the router verifies seals of this system now."""
        router = Contract(self.chain, "ProofRouter", self.deployment.router)
        return bool(router.read("isActive", selector))

    def join_validators(self, signer: Signer, stake: int) -> Receipt:
        """Stakes and joins the rotation of validators."""
        allow(self.token, signer, self.validators.address, stake, self._patience)
        call = self.validators.call("join", stake)
        return send(self.chain, signer, call, self._patience)

    def leave_validators(self, signer: Signer) -> Receipt:
        """Leaves the rotation of validators; from then on the stake is unbonding."""
        return send(self.chain, signer, self.validators.call("exit"), self._patience)

    def stake_bound_until(self, account: bytes) -> int | None:
        """Unix time from which an account that has left can take its stake; None where it can now.

        Raises Reverted (`NothingUnbonding`) for an account in the rotation, or without a stake.
        """
        try:
            self.validators.simulate("withdrawStake", sender=account)
        except Reverted as error:
            if error.name != "StillUnbonding":
                raise
            return int(str(error.arguments[1]))
        return None

    def take_stake(self, signer: Signer) -> Receipt:
        """Takes out the stake of an account that has left, when it is bound no more."""
        return send(self.chain, signer, self.validators.call("withdrawStake"), self._patience)

    def is_validator(self, account: bytes) -> bool:
        """Whether an account is in the rotation."""
        return bool(self.validators.read("isValidator", checksum(account)))

    def stake(self, account: bytes) -> int:
        """What an account has staked as a validator or has unbonding, in token units."""
        return int(self.validators.read("stakeOf", checksum(account)))

    def events(self, first: int, last: int) -> list[MarketEvent]:
        """What happened in the blocks `first` to `last`, oldest first."""
        return self._parse(read_logs(self.chain, self.contract.address, first, last))

    def _skipped(self, receipt: Receipt) -> tuple[Skipped, ...]:
        topic, found = self.contract.topic(_SKIPPED), []
        for log in receipt.logs:
            if log.address != self.contract.address or bytes(log.raw["topics"][0]) != topic:
                continue
            value = self.contract.decode(_SKIPPED, log)
            name, _ = known_errors().describe(bytes(value["reason"]))
            found.append(Skipped(bytes(value["orderId"]), int(value["leg"]), name))
        return tuple(found)

    def _parse(self, logs: Iterable[Log]) -> list[MarketEvent]:
        found = []
        for log in logs:
            name = self._name(log.raw["topics"][0]) if log.raw["topics"] else None
            if name is None:
                continue
            try:
                found.append(parse_event(self.contract, name, log))
            except ChainError:
                # Text that is no UTF-8, an unknown commitment scheme: whoever wrote such an
                # event must not be able to stop everybody who reads the market.
                continue
        return found

    def _name(self, topic: bytes) -> str | None:
        return self._names.get(bytes(topic))

    def _allow(self, signer: Signer, amount: int) -> None:
        """Lets the market take what the signer's credit does not cover."""
        needed = amount - self.credit(signer.address)
        allow(self.token, signer, self.contract.address, needed, self._patience)

    def _send(self, signer: Signer, function: str, *arguments: object) -> Receipt:
        return send(self.chain, signer, self.contract.call(function, *arguments), self._patience)


def open_market(url: str, deployment: pathlib.Path) -> Market:
    """The market of a deployment file, checked against the chain behind `url`."""
    placed = read_deployment(deployment)
    chain = Chain(url, placed.chain_id)
    placed.check(chain)
    return Market(chain, placed)
