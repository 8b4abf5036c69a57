"""Orders of one real model on a chain, proven without nodes: alone, or by one proof together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eth_abi.abi import decode, encode

from avow.circuits.sumcheck.artifact import load
from avow.circuits.sumcheck.compile import Made
from avow.prover.nodes.claims import expected_statement
from avow.prover.systems.sumcheck.prepared import prepare
from avow.prover.systems.sumcheck.prove import prove as prove_samples
from avow.prover.systems.sumcheck.system import proof_json
from avow.verifier.bundle import Bundle
from avow.verifier.chain.errors import Reverted
from avow.verifier.chain.orders import BatchItem, LegTerms, OrderTerms, selector_of
from avow.verifier.chain.registration import Registered, Registry
from avow.verifier.chain.seals import batch_seal, seal
from avow.verifier.commitment import commit_public
from avow.verifier.keccak import keccak256
from avow.verifier.merkle import build
from tests.circuits.sumcheck.small import inputs
from tests.integration.town import BOND, PRICE, PROVIDER, QUICK, REQUESTER, VALIDATOR, Town

SYSTEM = "sumcheck/v1"
SELECTOR = selector_of(SYSTEM)
BODY = ["bytes", "bytes", "bytes"]


@dataclass
class Trade:
    """A town where a model is registered; `bundles` is where they are left for validators."""

    town: Town
    made: Made
    registered: Registered
    bundles: Path

    def order(self, row: int) -> bytes:
        """An order for a held-out row."""
        values = inputs(self.made.artifact.model.name, row)
        now = self.town.chain.head().timestamp
        terms = OrderTerms(
            model_key=self.registered.model_key,
            input=commit_public(values),
            input_data=b"".join(tensor.data() for tensor in values),
            input_uri="",
            legs=(LegTerms(SELECTOR, now + 1_200, 10_000),),
            price=PRICE,
            bond=BOND,
            lock_deadline=now + 600,
        )
        order_id, _ = self.town.market().request(REQUESTER, terms)
        return order_id

    def settle(self, order_id: bytes, bundle: Bundle, made: bytes) -> bytes:
        """What the market would say to the validator's settlement with this seal."""
        output = b"".join(tensor.data() for tensor in bundle.outputs)
        stands = (bundle.path.index, list(bundle.path.siblings))
        return self.town.market().contract.simulate(
            "settle", order_id, 0, output, stands, made, sender=VALIDATOR.address
        )

    def accepts(self, order_id: bytes, bundle: Bundle, made: bytes) -> bool:
        """Whether the market would settle the order by this seal."""
        try:
            self.settle(order_id, bundle, made)
        except Reverted:
            return False
        return True

    def together(self, rows: Sequence[int]) -> "Batch":
        """Orders for these rows, locked, proven by one proof, delivered."""
        market, registry = (
            self.town.market(),
            Registry(self.town.chain, self.town.deployment, QUICK),
        )
        loaded, size = load(self.made.artifact), len(rows)
        prepared = prepare(loaded.program, loaded.blobs, loaded.key, loaded.powers_for(size), size)
        samples = [inputs(self.made.artifact.model.name, row) for row in rows]
        orders = [self.order(row) for row in rows]
        answers = prove_samples(prepared, bytes(32), samples).outputs
        statements = []
        for order_id, outputs in zip(orders, answers, strict=True):
            order = market.order(order_id)
            assert order is not None
            market.lock(PROVIDER, order)
            order = replace(order, provider=PROVIDER.address)
            output = commit_public(outputs)
            statement, _ = expected_statement(market, registry, order, SELECTOR, output)
            statements.append(statement)
        root, paths = build([statement.digest() for statement in statements])
        proved = prove_samples(prepared, root, samples)
        openings = proved.openings or (b"",)
        bundles = []
        self.bundles.mkdir(parents=True, exist_ok=True)
        for at, statement in enumerate(statements):
            bundle = Bundle(
                statement=statement,
                path=paths[at],
                model=self.made.artifact.model,
                system=self.made.artifact.record,
                signature=None,
                inputs=samples[at],
                salt=None,
                outputs=proved.outputs[at],
                proof=proof_json(proved.proof, size, openings[at]),
                material=loaded.key.to_json(),
            )
            data = bundle.encode()
            place = self.bundles / f"{statement.digest().hex()}.avow.json"
            place.write_bytes(data)
            digest, output = keccak256(data), statement.output
            market.deliver(
                PROVIDER, orders[at], 0, SELECTOR, output, digest, place.absolute().as_uri()
            )
            bundles.append(bundle)
        return Batch(orders, bundles)

    def refuses_together(self, batch: "Batch", items: list[BatchItem], made: bytes) -> bool:
        """Whether the market refuses the whole of it for its proof."""
        encoded = [item.encode() for item in items]
        key = self.registered.model_key
        try:
            self.town.market().contract.simulate(
                "settleBatch", key, batch.root, encoded, made, sender=VALIDATOR.address
            )
        except Reverted as error:
            assert "ProofRefused" in str(error), error
            return True
        return False


@dataclass
class Batch:
    """Orders that one proof speaks of, delivered; the bundles lie where they were said to."""

    orders: list[bytes]
    bundles: list[Bundle]

    @property
    def root(self) -> bytes:
        """What the proof binds."""
        return self.bundles[0].path.root(self.bundles[0].statement.digest())

    def items(self) -> list[BatchItem]:
        """Each order's part."""
        return [
            BatchItem(
                order_id=order,
                leg=0,
                output=b"".join(tensor.data() for tensor in bundle.outputs),
                path=bundle.path,
                part=batch_seal(bundle).part,
                callback_gas=0,
            )
            for order, bundle in zip(self.orders, self.bundles, strict=True)
        ]


def flipped(data: bytes, at: int) -> bytes:
    """One bit changed."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def forgeries(mine: Bundle, foreign: Bundle) -> Iterator[tuple[str, bytes]]:
    """Name and seal of each lie about `mine`."""
    inputs_, outputs, proof = decode(BODY, seal(mine)[4:])

    def made(*parts: bytes) -> bytes:
        return SELECTOR + encode(BODY, parts)

    for at in range(0, len(proof), len(proof) // 24):
        yield f"proof byte {at} flipped", made(inputs_, outputs, flipped(proof, at))
    for at in range(0, len(inputs_), 31):
        yield f"input byte {at} flipped", made(flipped(inputs_, at), outputs, proof)
    for at in range(0, len(outputs), 7):
        yield f"output byte {at} flipped", made(inputs_, flipped(outputs, at), proof)
    yield "an input byte missing", made(inputs_[:-1], outputs, proof)
    yield "an output byte too many", made(inputs_, outputs + b"\0", proof)
    yield "proof cut short", made(inputs_, outputs, proof[:-32])
    yield "proof with more behind it", made(inputs_, outputs, proof + bytes(32))
    yield "another order's proof", seal(foreign)
    yield "seal cut short", seal(mine)[:-32]
    yield "seal of another system", selector_of("ezkl/v1") + seal(mine)[4:]
    yield "nothing but a selector", SELECTOR
