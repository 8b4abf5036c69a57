"""One order on a development chain, served and settled by hand, to learn what it costs."""

from dataclasses import dataclass

from avow.api.local.people import People
from avow.api.local.tokens import UNIT
from avow.prover.nodes.offers import LARGEST_INLINE
from avow.verifier.bundle import Bundle
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.market import Market
from avow.verifier.chain.orders import LegTerms, Order, OrderTerms, selector_of
from avow.verifier.chain.seals import seal, statement_struct
from avow.verifier.chain.transactions import PATIENT, send
from avow.verifier.commitment import Commitment
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.keccak import keccak256
from avow.verifier.records import SystemRecord
from avow.verifier.statement import Statement
from avow.verifier.tensor import Tensor
from avow.verifier.trace.inputs import commit_input

_PRICE = UNIT
_BOND = UNIT
_LOCK_SECONDS = 3_600
_DELIVERY_SECONDS = 7_200
# Inputs and bundles pass by hand.
_NOWHERE = "urn:avow:bench"


@dataclass(frozen=True, slots=True)
class Settled:
    """What the settling transaction took, and one that asks the router about the proof alone."""

    calldata_bytes: int
    gas: int
    verify_gas: int


@dataclass(frozen=True, slots=True)
class Desk:
    """A market, the people who trade there, and one registered model."""

    market: Market
    people: People
    model_key: bytes
    record: SystemRecord

    def open(self, inputs: tuple[Tensor, ...]) -> Order:
        """An order for these public inputs, locked by the provider."""
        now = self.market.chain.head().timestamp
        data = b"".join(tensor.data() for tensor in inputs)
        inline = len(data) <= LARGEST_INLINE
        leg = LegTerms(selector_of(self.record.system), now + _DELIVERY_SECONDS, 10_000)
        terms = OrderTerms(
            model_key=self.model_key,
            input=commit_input(inputs),
            input_data=data if inline else b"",
            input_uri="" if inline else _NOWHERE,
            legs=(leg,),
            price=_PRICE,
            bond=_BOND,
            lock_deadline=now + _LOCK_SECONDS,
        )
        order_id, _ = self.market.request(self.people.requester, terms)
        self.market.lock(self.people.provider, self._order(order_id))
        return self._order(order_id)

    def statement(self, order: Order, output: Commitment) -> Statement:
        """What the order's proof must be of."""
        return Statement(
            domain=self.market.domain,
            model=self.record.model,
            system=self.record.system,
            program=self.record.program,
            key=self.record.key,
            input=order.input,
            output=output,
            order=order.order_id,
            provider=self.people.provider.address,
            nonce=order.nonce,
        )

    def settle(self, order: Order, bundle: Bundle) -> Settled:
        """Have the router check the proof, deliver and settle; what both transactions took."""
        verify_gas = self._checked(bundle)
        digest = keccak256(bundle.encode())
        output = bundle.statement.output
        self.deliver(order, output, digest)
        data = b"".join(tensor.data() for tensor in bundle.outputs)
        stands = (bundle.path.index, list(bundle.path.siblings))
        sent = self.market.contract.call("settle", order.order_id, 0, data, stands, seal(bundle))
        receipt = self.market.settle(
            self.people.validator, order.order_id, 0, data, bundle.path, seal(bundle)
        )
        return Settled(len(sent.data), receipt.gas_used, verify_gas)

    def deliver(self, order: Order, output: Commitment, digest: bytes) -> None:
        """Publishes the answer of an order's only leg; nobody fetches its bundle."""
        provider, selector = self.people.provider, selector_of(self.record.system)
        self.market.deliver(provider, order.order_id, 0, selector, output, digest, _NOWHERE)

    def _checked(self, bundle: Bundle) -> int:
        """Gas of a transaction to the router; raises `VerificationError` where it refuses."""
        chain = self.market.chain
        router = Contract(chain, "ProofRouter", self.market.deployment.router)
        root = bundle.path.root(bundle.statement.digest())
        arguments = (self.model_key, statement_struct(bundle.statement), root, seal(bundle))
        accepted, reason = router.read("verify", *arguments)
        if not accepted:
            raise VerificationError("router", f"the router refuses the proof: {to_hex(reason)}")
        call = router.call("verify", *arguments)
        return send(chain, self.people.validator, call, PATIENT).gas_used

    def _order(self, order_id: bytes) -> Order:
        order = self.market.order(order_id)
        if order is None:
            raise VerificationError("order", f"the market lost order {to_hex(order_id)}")
        return order
