"""Where attested answers are shown: a development chain, one program under two systems, and
simulated enclaves whose keys stand on the chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from avow.api.errors import DemoError
from avow.api.local.clock import Clock
from avow.api.local.interrupts import check_interrupted
from avow.api.local.people import People, development_people
from avow.api.local.tokens import STAKE, UNIT, endow, transfer
from avow.circuits.artifact import Artifact
from avow.circuits.srs_choice import UnsafeSrs
from avow.circuits.sumcheck import compile as sumcheck
from avow.circuits.sumcheck.artifact import load
from avow.circuits.tee import compile as tee
from avow.models.catalogue import add_zoo_model
from avow.models.schema import quantise_row
from avow.models.store import ModelStore, StoredModel
from avow.prover.config import from_environment
from avow.prover.enclave.key import SessionKey
from avow.prover.enclave.opening import Terms, open_session
from avow.prover.enclave.platform import NoDevices
from avow.prover.enclave.registered import Registered
from avow.prover.enclave.served import Served
from avow.prover.enclave.session import Session
from avow.prover.enclave.simulated.guest import simulated_reference, started
from avow.prover.enclave.simulated.platform import Platform, make_platform
from avow.prover.native.curve import NativeCurve
from avow.prover.nodes.claims import expected_statement
from avow.prover.nodes.contracts import to_register
from avow.prover.systems.sumcheck.prepared import Prepared, prepare
from avow.prover.systems.sumcheck.prove import prove as prove_samples
from avow.prover.systems.sumcheck.system import proof_json
from avow.verifier.bundle import Bundle
from avow.verifier.canonical import Json
from avow.verifier.chain.anvil import CHAIN_ID, running_anvil
from avow.verifier.chain.attestation_records import Enrolment, TeeTerms, Tier
from avow.verifier.chain.attested_keys import AttestedKeys
from avow.verifier.chain.client import Chain
from avow.verifier.chain.deploy import Settings, deploy
from avow.verifier.chain.market import Market, open_market
from avow.verifier.chain.orders import LegTerms, OrderTerms, selector_of
from avow.verifier.chain.registration import Registry, Royalty
from avow.verifier.chain.seals import seal
from avow.verifier.chain.signer import Signer, development_signer
from avow.verifier.commitment import commit_public
from avow.verifier.keccak import keccak256
from avow.verifier.merkle import ALONE
from avow.verifier.statement import Domain, Statement
from avow.verifier.systems.sumcheck.key import SYSTEM_ID as SUMCHECK
from avow.verifier.systems.tee.registration import SYSTEM_ID as TEE
from avow.verifier.tensor import Tensor
from avow.verifier.trace.inputs import commit_input

MODEL = "digits-mlp"
PRICE, BOND = 100 * UNIT, 20 * UNIT
_BITS = 8
_ROYALTY_BPS = 300
_WEALTH = 1_000 * UNIT
_LIFETIME = 7 * 86_400

Say = Callable[[str], None]


@dataclass(frozen=True)
class Stage:
    """What scenes need. `liar` has a key of its own, `challenger` an eye on it; `machine` is the
    simulated one on which every enclave here "runs"."""

    market: Market
    keys: AttestedKeys
    clock: Clock
    people: People
    liar: Signer
    challenger: Signer
    stored: StoredModel
    attested: Artifact
    proven: Artifact
    prepared: Prepared
    material: Json
    model_key: bytes
    machine: Platform

    @property
    def registry(self) -> Domain:
        """Chain and address of the attested keys."""
        return Domain(self.market.chain.chain_id, self.keys.contract.address)

    def now(self) -> int:
        """The chain's time."""
        return self.market.chain.head().timestamp

    def inputs(self, row: int) -> tuple[Tensor, ...]:
        """A held-out row as integers."""
        rows = self.stored.held_out()
        if rows is None:
            raise DemoError(f"{MODEL} has no held-out rows")
        return tuple(quantise_row(self.stored.record, rows, row))

    def request(self, row: int, legs: Sequence[tuple[str, int, int]]) -> bytes:
        """An order of (system, seconds to its deadline, share in basis points) for that row."""
        check_interrupted()
        given = self.inputs(row)
        self.clock.mine()
        now = self.now()
        terms = OrderTerms(
            model_key=self.model_key,
            input=commit_input(given),
            input_data=b"".join(tensor.data() for tensor in given),
            input_uri="",
            legs=tuple(
                LegTerms(selector_of(system), now + seconds, share)
                for system, seconds, share in legs
            ),
            price=PRICE,
            bond=BOND,
            lock_deadline=now + 60,
        )
        return self.market.request(self.people.requester, terms)[0]

    def lock(self, provider: Signer, order_id: bytes) -> None:
        """Take an order."""
        order = self.market.order(order_id)
        if order is None:
            raise DemoError("the market has lost an order")
        self.market.lock(provider, order)

    def statement(self, order_id: bytes, system: str, outputs: Sequence[Tensor]) -> Statement:
        """What a locked order's answer says."""
        order = self.market.order(order_id)
        if order is None:
            raise DemoError("the market has lost an order")
        registry = Registry(self.market.chain, self.market.deployment)
        committed = commit_public(outputs)
        return expected_statement(self.market, registry, order, selector_of(system), committed)[0]

    def deliver(self, provider: Signer, leg: int, bundle: Bundle) -> None:
        """Publish an answer's commitment."""
        check_interrupted()
        statement, digest = bundle.statement, keccak256(bundle.encode())
        selector, output = selector_of(statement.system), statement.output
        self.market.deliver(provider, statement.order, leg, selector, output, digest, "")

    def settle(self, leg: int, bundle: Bundle) -> None:
        """Have the validator settle a leg."""
        check_interrupted()
        data = b"".join(tensor.data() for tensor in bundle.outputs)
        order, validator = bundle.statement.order, self.people.validator
        self.market.settle(validator, order, leg, data, bundle.path, seal(bundle))

    def bundle(self, artifact: Artifact, statement: Statement, row: int, answer: Answer) -> Bundle:
        """The bundle of one answer."""
        return Bundle(
            statement=statement,
            path=ALONE,
            model=artifact.model,
            system=artifact.record,
            signature=None,
            inputs=self.inputs(row),
            salt=None,
            outputs=answer.outputs,
            proof=answer.proof,
            material=answer.material,
        )

    def prove(self, row: int, statement: Statement) -> Bundle:
        """A proof by sumcheck/v1 of a statement about that row."""
        check_interrupted()
        root = ALONE.root(statement.digest())
        made = prove_samples(self.prepared, root, [self.inputs(row)])
        answer = Answer(made.outputs[0], proof_json(made.proof), self.material)
        return self.bundle(self.proven, statement, row, answer)

    def right(self, row: int) -> tuple[Tensor, ...]:
        """What the program gives for that row."""
        return prove_samples(self.prepared, bytes(32), [self.inputs(row)]).outputs[0]

    def open_enclave(self, operator: Signer) -> tuple[Session, SessionKey, Registered]:
        """A session of a simulated enclave, its key registered as simulated and serving."""
        challenge = self.keys.issue_challenge(operator)
        guest = started(self.machine, self.now())
        served = Served(self.attested.folder.parent, self.attested.record.program)
        terms = Terms(self.registry, challenge, _LIFETIME)
        key, registered = open_session(
            guest, guest, NoDevices(), served, terms, lambda: float(self.now())
        )
        self.register(operator, key, registered)
        session = Session(key, served, registered, lambda: float(self.now()))
        return session, key, registered

    def register(self, operator: Signer, key: SessionKey, registered: Registered) -> None:
        """Register a key for which nothing speaks but itself, and let it serve the model."""
        stake = self.keys.parameters.minimum_stake
        enrolment = Enrolment(registered.address, registered.material.registration, stake)
        signature = key.sign(enrolment.digest(operator.address))
        self.keys.register_simulated(operator, enrolment, signature)
        record = self.attested.record
        bound = record.outputs, record.measurements
        self.keys.serve(operator, registered.address, self.model_key, *bound)


@dataclass(frozen=True, slots=True)
class Answer:
    """Outputs, and what stands behind them, as a bundle holds it."""

    outputs: tuple[Tensor, ...]
    proof: Json
    material: Json


@contextmanager
def set_up(root: Path, contracts: Path, say: Say) -> Iterator[Stage]:
    """A stage under an empty folder; the chain ends with the block."""
    with running_anvil(contracts) as anvil:
        people = development_people()
        deployment = root / f"{CHAIN_ID}.json"
        deploy(
            Chain(anvil.url),
            people.deployer,
            deployment,
            Settings(treasury=people.treasury.address),
        )
        say("contracts deployed")
        market = open_market(anvil.url, deployment)
        liar, challenger = development_signer(6), development_signer(7)
        endow(market, people)
        market.join_validators(people.validator, STAKE)
        for account in (people.requester, people.provider, people.validator, liar, challenger):
            transfer(market, people.deployer, account.address, _WEALTH)
        config = replace(from_environment({"AVOW_HOME": str(root / "home")}), allow_unsafe_srs=True)
        store = ModelStore.at(config.home)
        stored = add_zoo_model(store, MODEL, people.owner.address).stored
        curve = NativeCurve()
        options = sumcheck.Options(UnsafeSrs(config.home / "srs", curve), curve, bits=_BITS)
        proven = sumcheck.compile_model(
            stored, config.home, options, config.artifacts, _quiet
        ).artifact
        attested = tee.compile_model(
            stored, config.home, tee.Options(simulated_reference(), _BITS), config.artifacts, _quiet
        ).artifact
        if attested.record.program != proven.record.program:
            raise DemoError("the two systems do not have one program")
        say(f"{MODEL} compiled: one program, attested by tee/v1 and proven by sumcheck/v1")
        model_key = _register(market, people.owner, proven, attested)
        say("registered for both; its owner has allowed simulated keys")
        loaded = load(proven)
        yield Stage(
            market=market,
            keys=AttestedKeys(market.chain, market.deployment),
            clock=Clock(market.chain),
            people=people,
            liar=liar,
            challenger=challenger,
            stored=stored,
            attested=attested,
            proven=proven,
            prepared=prepare(loaded.program, loaded.blobs, loaded.key, loaded.powers_for(1), 1),
            material=loaded.key.to_json(),
            model_key=model_key,
            machine=make_platform(market.chain.head().timestamp),
        )


def _register(market: Market, owner: Signer, proven: Artifact, attested: Artifact) -> bytes:
    registry = Registry(market.chain, market.deployment)
    royalty = Royalty(owner.address, _ROYALTY_BPS)
    found = to_register(proven.folder, (1,), market.gas_cap(selector_of(SUMCHECK)))
    registry.register(owner, found, royalty)
    found = to_register(attested.folder, (), market.gas_cap(selector_of(TEE)))
    # Provable: a proof must be able to cost a key its stake.
    found = replace(found, tee=TeeTerms(Tier.SIMULATED, provable=True))
    return registry.register(owner, found, royalty).model_key


def _quiet(step: str, what: str) -> None:
    """Compiling says nothing here."""
