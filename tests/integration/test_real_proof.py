"""A real ezkl proof against the real contracts: accepted once, every forgery refused."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from eth_abi.abi import encode

from avow.circuits.ezkl.artifact import EzklArtifact
from avow.circuits.ezkl.compile import compile_model
from avow.circuits.ezkl.witness import Circuit, answer
from avow.circuits.ezkl.witness import prove as prove_circuit
from avow.prover.attempt import attempt
from avow.prover.bench import Bench, open_bench
from avow.prover.config import Config
from avow.prover.inference import infer
from avow.prover.nodes.claims import expected_statement
from avow.prover.nodes.fetch import FetchRules
from avow.prover.nodes.provider import Provider
from avow.prover.nodes.start import (
    ProviderOptions,
    ValidatorOptions,
    open_provider,
    open_validator,
)
from avow.prover.nodes.validator import Validator
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.queue import open_queue
from avow.verifier.bundle import Bundle, parse_bundle
from avow.verifier.chain.errors import Reverted
from avow.verifier.chain.events import LegSettled
from avow.verifier.chain.orders import LegTerms, OrderTerms, selector_of
from avow.verifier.chain.registration import Registered, Registry, Royalty, read_artifact
from avow.verifier.chain.seals import seal
from avow.verifier.commitment import commit_public
from avow.verifier.lifecycle import JobState, LegState
from avow.verifier.merkle import Path as TreePath
from avow.verifier.merkle import build
from avow.verifier.systems.ezkl.field import SCALAR_MODULUS
from avow.verifier.systems.ezkl.layout import BINDING_LIMBS
from avow.verifier.systems.ezkl.material import Proof, parse_proof
from tests.circuits.tiny import (
    HASHED,
    HIDDEN,
    LIMITS,
    SALT,
    SPACE,
    inputs,
    onnx_bytes,
    options,
    silent,
    source,
)
from tests.integration.town import (
    BOND,
    OWNER,
    PRICE,
    PROVIDER,
    QUICK,
    REQUESTER,
    VALIDATOR,
    Town,
    refusing,
)


@dataclass
class Works:
    """A town where the tiny model is compiled with ezkl and registered; both nodes run."""

    town: Town
    config: Config
    artifact: EzklArtifact
    registered: Registered
    bench: Bench
    provider: Provider
    validator: Validator

    def order(self, seed: int) -> bytes:
        """An order for random integers."""
        values = inputs(self.artifact, seed)
        now = self.town.chain.head().timestamp
        terms = OrderTerms(
            model_key=self.registered.model_key,
            input=commit_public(values),
            input_data=b"".join(tensor.data() for tensor in values),
            input_uri="",
            legs=(LegTerms(selector_of("ezkl/v1"), now + 1_200, 10_000),),
            price=PRICE,
            bond=BOND,
            lock_deadline=now + 600,
        )
        order_id, _ = self.town.market().request(REQUESTER, terms)
        return order_id

    def deliver(self, *orders: bytes) -> list[Bundle]:
        """Lets the provider serve these orders; the bundles that it delivered."""
        self.provider.step()
        queue = open_queue(self.config)
        try:
            jobs = {bytes.fromhex(job.order[2:]): job for job in queue.jobs([JobState.QUEUED])}
            for job in jobs.values():
                attempt(self.bench, job.id, 0, Task.INFER, infer)
                attempt(self.bench, job.id, 0, Task.PROVE, prove)
            self.provider.step()
            assert {self.town.state(order) for order in orders} == {LegState.DELIVERED}
            return [parse_bundle(queue.bundle(jobs[order].id)) for order in orders]
        finally:
            queue.close()

    def settle(self, order_id: bytes, output: bytes, path: TreePath, body: bytes) -> bytes:
        """What the market would say to the validator's settlement."""
        stands = (path.index, list(path.siblings))
        return self.town.market().contract.simulate(
            "settle", order_id, 0, output, stands, body, sender=VALIDATOR.address
        )


@pytest.fixture
def works(bare_town: Town, contracts_folder: Path) -> Iterator[Works]:
    """Compiles once per test run, registers on a chain that is put back afterwards."""
    town = bare_town
    config = replace(town.config, allow_unsafe_srs=True)
    solc = (contracts_folder / "solc").resolve()
    made = compile_model(source(), options(solc=solc), SPACE / "with-evm", silent)
    shutil.copytree(made.folder, config.artifacts / made.folder.name)
    model = config.models / made.model.digest().hex()
    model.mkdir(parents=True)
    (model / "model.onnx").write_bytes(onnx_bytes())

    registry = Registry(town.chain, town.deployment, QUICK)
    royalty = Royalty(OWNER.address, 300)
    artifact = read_artifact(made.folder)
    registered = registry.register(OWNER, artifact, royalty)
    assert registry.register(OWNER, artifact, royalty) == registered, "registering is idempotent"
    market = town.market()
    offers = ProviderOptions(1, {}, 0, 60.0, None)
    duties = ValidatorOptions(0, True, 10.0, config.bundles)
    provider = open_provider(config, market, PROVIDER, offers)
    validator = open_validator(config, market, VALIDATOR, duties)
    open_bench.cache_clear()
    bench = open_bench(config, "test")
    yield Works(town, config, made, registered, bench, provider, validator)
    provider.close()
    validator.close()
    bench.database.close()
    open_bench.cache_clear()


def output_of(bundle: Bundle) -> bytes:
    """The output tensors' data."""
    return b"".join(tensor.data() for tensor in bundle.outputs)


def flipped(data: bytes, at: int) -> bytes:
    """One bit changed."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def forgeries(mine: Bundle, foreign: Bundle) -> Iterator[tuple[str, str, bytes]]:
    """Name, what the contracts must answer, and the seal of each lie about `mine`."""
    proof = parse_proof(mine.proof)
    inputs_count = len(proof.instances) - BINDING_LIMBS - 5
    for at in range(0, len(proof.data), len(proof.data) // 12):
        changed = replace(proof, data=flipped(proof.data, at))
        yield f"proof byte {at} flipped", "ProofRefused", _sealed(mine, changed)
    for limb in range(BINDING_LIMBS):
        changed = _instance(proof, inputs_count + limb, lambda value: value ^ 1)
        yield f"binding limb {limb} changed", "BindingDiffers", _sealed(mine, changed)
    for at in range(inputs_count):
        changed = _instance(proof, at, lambda value: (value + 1) % SCALAR_MODULUS)
        yield f"input {at} changed", "InputDiffers", _sealed(mine, changed)
    for at in range(inputs_count + BINDING_LIMBS, len(proof.instances)):
        changed = _instance(proof, at, lambda value: (value + 1) % SCALAR_MODULUS)
        yield f"output {at} changed", "OutputDiffers", _sealed(mine, changed)
    unreduced = _instance(proof, 0, lambda value: value + SCALAR_MODULUS)
    yield "instance beyond the field", "NotInField", _sealed(mine, unreduced)
    fewer = replace(proof, instances=proof.instances[:-1])
    yield "an instance missing", "InstanceCountDiffers", _sealed(mine, fewer)
    more = replace(proof, instances=(*proof.instances, 0))
    yield "an instance too many", "InstanceCountDiffers", _sealed(mine, more)
    yield "another order's proof", "Differs", seal(foreign)
    cut = replace(proof, data=proof.data[:-32])
    yield "proof cut short", "ProofRefused", _sealed(mine, cut)
    longer = replace(proof, data=proof.data + bytes(32))
    yield "proof with more behind it", "ProofRefused", _sealed(mine, longer)
    yield "bytes behind the seal", "SealMalformed", seal(mine) + bytes(32)
    yield "seal cut short", "SealMalformed", seal(mine)[:-32]
    yield "seal of another system", "SelectorMismatch", b"\x00\x00\x00\x01" + seal(mine)[4:]


def _sealed(bundle: Bundle, proof: Proof) -> bytes:
    # A liar's seal need not be one that the project's own encoder would write.
    body = encode(["bytes", "uint256[]"], [proof.data, list(proof.instances)])
    return selector_of(bundle.statement.system) + body


def _instance(proof: Proof, at: int, change: Callable[[int], int]) -> Proof:
    changed = list(proof.instances)
    changed[at] = change(changed[at])
    return replace(proof, instances=tuple(changed))


def test_a_real_proof_is_paid_and_every_forgery_refused(works: Works) -> None:
    first, second = works.order(10), works.order(11)
    mine, foreign = works.deliver(first, second)
    honest = (output_of(mine), mine.path, seal(mine))

    accepted = []
    for name, expected, forged in forgeries(mine, foreign):
        try:
            works.settle(first, output_of(mine), mine.path, forged)
        except Reverted as error:
            assert expected in str(error), f"{name}: {error}"
        else:
            accepted.append(name)
    assert accepted == []

    with refusing(Reverted, "OutputDiffers"):
        works.settle(first, flipped(output_of(mine), 3), mine.path, seal(mine))
    with refusing(Reverted, "OutputDiffers"):
        works.settle(first, output_of(foreign), foreign.path, seal(foreign))
    with refusing(Reverted, "BindingDiffers"):
        works.settle(first, output_of(mine), TreePath(0, (bytes(32),)), seal(mine))
    works.settle(first, *honest)

    works.validator.step()
    assert works.town.state(first) is works.town.state(second) is LegState.SETTLED
    with refusing(Reverted, "WrongLegState"):
        works.settle(first, *honest)
    settled = {event.order_id: event for event in works.town.events(LegSettled)}
    assert settled[first].output == output_of(mine)  # type: ignore[union-attr]
    assert settled[first].statement == mine.statement.digest()  # type: ignore[union-attr]
    for _ in range(2):
        works.provider.step()
    queue = open_queue(works.config)
    assert {job.state for job in queue.jobs()} == {JobState.SETTLED}
    queue.close()


def test_a_cautious_validator_refuses_an_unsafe_srs(works: Works) -> None:
    order_id = works.order(12)
    works.deliver(order_id)
    cautious = Validator(
        market=works.town.market(),
        signer=VALIDATOR,
        database=works.town.database(),
        rules=FetchRules(file_folder=works.config.bundles),
        confirmations=0,
        wall=works.town.wall,
    )
    for _ in range(4):
        cautious.step()
        works.town.skew += 100_000
    assert works.town.state(order_id) is LegState.DELIVERED
    delivery = cautious.worklist.delivery(order_id, 0)
    assert delivery is not None and "the SRS is unsafe" in delivery.refused


def test_a_hidden_input_and_hidden_weights_are_settled(
    bare_town: Town, contracts_folder: Path
) -> None:
    """The order names the circuit's own hash of input and salt; nobody on chain sees either."""
    town, market = bare_town, bare_town.market()
    solc = (contracts_folder / "solc").resolve()
    choice = options(HIDDEN, HASHED, solc=solc)
    made = compile_model(source(), choice, SPACE / "with-evm", silent)
    registry = Registry(town.chain, town.deployment, QUICK)
    registered = registry.register(OWNER, read_artifact(made.folder), Royalty())
    selector = selector_of("ezkl/v1")
    assert registry.differs(registered.model_key, selector, made.model, made.record) is None

    circuit, values = Circuit.of(made), inputs(made)
    found = answer(circuit, values, SALT, LIMITS)
    now = town.chain.head().timestamp
    terms = OrderTerms(
        model_key=registered.model_key,
        input=found.input,
        input_data=b"",
        input_uri="https://example.org/only-for-the-provider",
        legs=(LegTerms(selector, now + 1_200, 10_000),),
        price=PRICE,
        bond=BOND,
        lock_deadline=now + 600,
    )
    order_id, _ = market.request(REQUESTER, terms)
    order = market.order(order_id)
    assert order is not None
    market.lock(PROVIDER, order)
    order = replace(order, provider=PROVIDER.address)
    output = commit_public(found.outputs)
    statement, _ = expected_statement(market, registry, order, selector, output)
    root, (path,) = build([statement.digest()])
    proved = prove_circuit(circuit, values, SALT, root, LIMITS)
    market.deliver(PROVIDER, order_id, 0, selector, output, bytes(32), "")
    data = b"".join(tensor.data() for tensor in found.outputs)

    def body(proof: Proof) -> bytes:
        return selector + encode(["bytes", "uint256[]"], [proof.data, list(proof.instances)])

    def settle(proof: Proof) -> None:
        stands = (path.index, list(path.siblings))
        market.contract.simulate(
            "settle", order_id, 0, data, stands, body(proof), sender=VALIDATOR.address
        )

    kinds = {0: "InputDiffers", 1: "ProofRefused", 2: "ConstantDiffers", 3: "OutputDiffers"}
    for at, expected in kinds.items():
        with refusing(Reverted, expected):
            settle(_instance(proved.proof, at, lambda value: (value + 1) % SCALAR_MODULUS))
    settle(proved.proof)
    market.settle(VALIDATOR, order_id, 0, data, path, body(proved.proof))
    assert town.state(order_id) is LegState.SETTLED
