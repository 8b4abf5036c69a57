"""A town where one program is attested, proven and claimed, and an enclave whose key leaked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from threading import Event, Thread

from eth_account import Account

from avow.circuits.tee.compile import Made, Options, compile_model
from avow.prover.enclave.simulated.guest import simulated_reference
from avow.prover.nodes.claims import expected_statement
from avow.prover.nodes.contracts import to_register
from avow.verifier.bundle import Bundle
from avow.verifier.chain.attestation_records import Enrolment, TeeTerms, Tier
from avow.verifier.chain.attested_keys import AttestedKeys
from avow.verifier.chain.orders import LegTerms, OrderTerms, selector_of
from avow.verifier.chain.registration import Registry, Royalty
from avow.verifier.commitment import commit_public
from avow.verifier.keccak import ZERO_WORD, keccak256
from avow.verifier.merkle import ALONE
from avow.verifier.statement import Domain
from avow.verifier.systems.tee.receipt import Receipt, receipt_digest
from avow.verifier.systems.tee.registration import Registration
from avow.verifier.tensor import Tensor
from tests.circuits.sumcheck.small import HOME, compiled, inputs, silent, stored
from tests.integration.court import made as claimed
from tests.integration.town import BOND, OWNER, PRICE, PROVIDER, QUICK, REQUESTER, Town
from tests.verifier.tee.enclave import Enclave as Signed

TEE, SUMCHECK, OPTIMISTIC = "tee/v1", "sumcheck/v1", "optimistic/v1"
LEAKED = Account.from_key(keccak256(b"an enclave's key that leaked"))
ADDRESS = bytes.fromhex(LEAKED.address[2:])


@cache
def attested() -> Made:
    """The artifact under tee/v1; tests must not change its files."""
    options = Options(simulated_reference(), 8)
    return compile_model(stored(), HOME, options, HOME / "attested", silent)


@dataclass(frozen=True)
class AttestedTown:
    """The model stands in the registry under three systems; the provider's key serves it."""

    town: Town
    keys: AttestedKeys
    model_key: bytes

    def order(self, row: int, systems: Sequence[str] = (TEE,)) -> bytes:
        """A locked order for a held-out row, one leg for each system."""
        given, market = inputs(row=row), self.town.reader
        self.town.mine()
        now = self.town.chain.head().timestamp
        share = 10_000 // len(systems)
        legs = tuple(LegTerms(selector_of(one), now + 1_200, share) for one in systems)
        data = b"".join(tensor.data() for tensor in given)
        terms = OrderTerms(
            *(self.model_key, commit_public(given), data, "", legs),
            *(PRICE, BOND, now + 600),
        )
        order_id, _ = market.request(REQUESTER, terms)
        order = market.order(order_id)
        assert order is not None
        market.lock(PROVIDER, order)
        return order_id

    def signed(self, order_id: bytes, row: int, outputs: Sequence[Tensor], ago: int = 0) -> Bundle:
        """Outputs that whoever has the key signed as the order's answer, `ago` seconds."""
        order = self.town.reader.order(order_id)
        assert order is not None
        registry = Registry(self.town.chain, self.town.deployment, QUICK)
        statement, _ = expected_statement(
            self.town.reader, registry, order, selector_of(TEE), commit_public(outputs)
        )
        time = self.town.chain.head().timestamp - ago
        domain = Domain(self.town.chain.chain_id, self.town.deployment.keys)
        digest = receipt_digest(ALONE.root(statement.digest()), time, domain)
        signature = bytes(LEAKED.unsafe_sign_hash(digest).signature)
        return replace(
            Signed().bundle(),
            statement=statement,
            path=ALONE,
            model=attested().artifact.model,
            system=attested().artifact.record,
            signature=None,
            inputs=inputs(row=row),
            outputs=tuple(outputs),
            proof=Receipt(time, signature).to_json(),
        )

    def deliver(self, order_id: bytes, leg: int, system: str, outputs: Sequence[Tensor]) -> None:
        """The provider's delivery of a leg; nobody fetches its bundle."""
        committed, selector = commit_public(outputs), selector_of(system)
        self.town.reader.deliver(PROVIDER, order_id, leg, selector, committed, ZERO_WORD, "")

    def show(self, order_id: bytes, leg: int, bundle: Bundle) -> Path:
        """The provider's delivery of a leg whose bundle can be fetched; the file of it."""
        data, statement = bundle.encode(), bundle.statement
        address = self.town.file_address(statement.digest())
        path = Path(address.removeprefix("file://"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.town.reader.deliver(
            PROVIDER,
            order_id,
            leg,
            selector_of(statement.system),
            statement.output,
            keccak256(data),
            address,
        )
        return path


def wrong(outputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The same outputs but for one bit."""
    first, *rest = outputs
    return (replace(first, values=(first.values[0] ^ 1, *first.values[1:])), *rest)


def open_attested(town: Town) -> AttestedTown:
    """Registers the model and the key."""
    registry, market = Registry(town.chain, town.deployment, QUICK), town.reader
    terms = TeeTerms(Tier.SIMULATED, provable=True)
    key = b""
    for artifact in (compiled().artifact, claimed().artifact, attested().artifact):
        system = artifact.record.system
        found = to_register(artifact.folder, (4,), market.gas_cap(selector_of(system)))
        found = replace(found, tee=terms if system == TEE else None)
        key = registry.register(OWNER, found, Royalty()).model_key
    keys, record = AttestedKeys(town.chain, town.deployment, QUICK), attested().artifact.record
    domain = Domain(town.chain.chain_id, town.deployment.keys)
    end = town.chain.head().timestamp + 30 * 86_400
    challenge = keys.issue_challenge(PROVIDER)
    document = Registration(record.program, domain, challenge, ZERO_WORD, ZERO_WORD, end)
    enrolment = Enrolment(ADDRESS, document, keys.parameters.minimum_stake)
    digest = enrolment.digest(PROVIDER.address)
    keys.register_simulated(PROVIDER, enrolment, bytes(LEAKED.unsafe_sign_hash(digest).signature))
    keys.serve(PROVIDER, ADDRESS, key, record.outputs, record.measurements)
    return AttestedTown(town, keys, key)


@contextmanager
def blocks(town: Town, pause: float = 0.1) -> Iterator[None]:
    """Blocks come by themselves, as on a chain that others use, too."""
    stop = Event()

    def mine() -> None:
        while not stop.wait(pause):
            town.mine()

    miner = Thread(target=mine)
    miner.start()
    try:
        yield
    finally:
        stop.set()
        miner.join()
