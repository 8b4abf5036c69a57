"""Real proofs of `sumcheck/v1` through the contracts: paid, and every lie refused."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from eth_abi.abi import decode, encode

from avow.circuits.artifact import load_artifact
from avow.circuits.sumcheck.artifact import load
from avow.prover.attempt import attempt
from avow.prover.bench import Bench, open_bench
from avow.prover.config import Config
from avow.prover.inference import infer
from avow.prover.nodes.contracts import KeyContracts, to_register
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
from avow.verifier.chain.errors import ArtifactRefused, Reverted
from avow.verifier.chain.events import LegSettled
from avow.verifier.chain.registration import Registry, Royalty
from avow.verifier.chain.seals import batch_seal, seal
from avow.verifier.lifecycle import JobState, LegState
from avow.verifier.merkle import Path as TreePath
from tests.circuits.sumcheck.small import compiled, stored
from tests.integration.town import OWNER, PROVIDER, QUICK, VALIDATOR, Town, refusing
from tests.integration.trade import BODY, SELECTOR, Trade, flipped, forgeries


@dataclass
class Works(Trade):
    """A town where the small model is compiled and registered; both nodes run."""

    config: Config
    bench: Bench
    provider: Provider
    validator: Validator

    def deliver(self, *orders: bytes) -> list[Bundle]:
        """Lets the provider serve these orders; the bundles that it delivered."""
        self.provider.step()
        queue = open_queue(self.config)
        try:
            jobs = {bytes.fromhex(job.order[2:]): job for job in queue.jobs([JobState.QUEUED])}
            for job in jobs.values():
                attempt(self.bench, job.id, 0, Task.INFER, infer)
            for job in jobs.values():
                attempt(self.bench, job.id, 0, Task.PROVE, prove)
            self.provider.step()
            assert {self.town.state(order) for order in orders} == {LegState.DELIVERED}
            return [parse_bundle(queue.bundle(jobs[order].id)) for order in orders]
        finally:
            queue.close()


@pytest.fixture
def works(bare_town: Town) -> Iterator[Works]:
    """Compiles once per test run, registers on a chain that is put back afterwards."""
    town = bare_town
    # One core and little time: proofs of one order each, unless a test says otherwise.
    config = replace(town.config, allow_unsafe_srs=True)
    folder = compiled().artifact.folder
    shutil.copytree(folder, config.artifacts / folder.name)
    model = config.models / stored().digest.hex()
    model.mkdir(parents=True)
    (model / "model.onnx").write_bytes(stored().model().data)

    market = town.market()
    registry = Registry(town.chain, town.deployment, QUICK)
    artifact = to_register(folder, (4,), market.gas_cap(SELECTOR))
    registered = registry.register(OWNER, artifact, Royalty(OWNER.address, 300))
    assert registry.register(OWNER, artifact, Royalty(OWNER.address, 300)) == registered
    assert registry.batch_sizes(registered.model_key, SELECTOR) == (1, 4)
    offers = ProviderOptions(1, {}, 0, 60.0, None)
    duties = ValidatorOptions(0, True, 10.0, config.bundles)
    provider = open_provider(config, market, PROVIDER, offers)
    validator = open_validator(config, market, VALIDATOR, duties)
    open_bench.cache_clear()
    bench = open_bench(config, "test")
    yield Works(town, compiled(), registered, config.bundles, config, bench, provider, validator)
    provider.close()
    validator.close()
    bench.database.close()
    open_bench.cache_clear()


def test_a_real_proof_is_paid_and_every_forgery_refused(works: Works) -> None:
    first, second = works.order(10), works.order(11)
    mine, foreign = works.deliver(first, second)

    lies = forgeries(mine, foreign)
    assert [name for name, forged in lies if works.accepts(first, mine, forged)] == []
    with refusing(Reverted, "OutputDiffers"):
        works.settle(first, foreign, seal(foreign))
    with refusing(Reverted, "ProofRefused"):
        works.settle(first, replace(mine, path=TreePath(0, (bytes(32),))), seal(mine))
    works.settle(first, mine, seal(mine))

    works.validator.step()
    assert works.town.state(first) is works.town.state(second) is LegState.SETTLED
    with refusing(Reverted, "WrongLegState"):
        works.settle(first, mine, seal(mine))
    for _ in range(2):
        works.provider.step()
    queue = open_queue(works.config)
    assert {job.state for job in queue.jobs()} == {JobState.SETTLED}
    queue.close()


def test_orders_of_one_proof_are_settled_by_one_transaction(works: Works) -> None:
    batch = works.together(range(4))
    for _ in range(3):
        works.validator.step()
    assert {works.town.state(order) for order in batch.orders} == {LegState.SETTLED}
    settled = [event for event in works.town.events(LegSettled) if isinstance(event, LegSettled)]
    mine = [event for event in settled if event.order_id in batch.orders]
    assert len({event.place.transaction for event in mine}) == 1
    assert {event.settler for event in mine} == {VALIDATOR.address}
    assert {event.output for event in mine} == {item.output for item in batch.items()}


def test_a_bad_item_holds_up_nobody_and_a_wrong_proof_everybody(works: Works) -> None:
    batch = works.together(range(4))
    items, made = batch.items(), batch_seal(batch.bundles[0]).shared
    assert not works.refuses_together(batch, items, made)

    _, proof = decode(["uint32", "bytes"], made[4:])
    for at in range(0, len(proof), len(proof) // 12):
        wrong = made[:4] + encode(["uint32", "bytes"], [4, flipped(proof, at)])
        assert works.refuses_together(batch, items, wrong), f"proof byte {at}"
    for size in (1, 2, 5, 16):
        wrong = made[:4] + encode(["uint32", "bytes"], [size, proof])
        assert works.refuses_together(batch, items, wrong), f"batch of {size}"
    x, y, opening = decode(BODY, items[1].part)
    parts = {
        "input": [flipped(x, 3), y, opening],
        "output": [x, flipped(y, 3), opening],
        "opening": [x, y, flipped(opening, 40)],
        "another's opening": [x, y, decode(BODY, items[2].part)[2]],
        "no opening": [x, y, b""],
    }
    for name, part in parts.items():
        lie = [items[0], replace(items[1], part=encode(BODY, part)), *items[2:]]
        assert works.refuses_together(batch, lie, made), name
    swapped = [replace(items[0], part=items[1].part), replace(items[1], part=items[0].part)]
    assert works.refuses_together(batch, swapped, made)

    bad = [
        items[0],
        replace(items[1], output=flipped(items[1].output, 3)),
        replace(items[2], path=items[3].path),
        replace(items[0]),
    ]
    key = works.registered.model_key
    done = works.town.market().settle_batch(VALIDATOR, key, batch.root, bad, made)
    reasons = {item.order_id: item.reason for item in done.skipped}
    assert reasons == {
        batch.orders[0]: "WrongLegState",
        batch.orders[1]: "OutputDiffers",
        batch.orders[2]: "StatementNotUnderRoot",
    }
    states = [works.town.state(order) for order in batch.orders]
    assert states == [LegState.SETTLED, *[LegState.DELIVERED] * 3]
    # One after the other, in any company.
    last = works.town.market().settle_batch(VALIDATOR, key, batch.root, items[3:], made)
    assert last.skipped == ()
    rest = works.town.market().settle_batch(VALIDATOR, key, batch.root, items, made)
    assert [item.reason for item in rest.skipped] == ["WrongLegState"] * 2
    with refusing(Reverted, "NothingToSettle", "WrongLegState"):
        works.town.market().settle_batch(VALIDATOR, key, batch.root, items, made)


def test_contracts_of_another_key_are_neither_served_nor_settled(bare_town: Town) -> None:
    """An owner's record names what it likes; nodes make the contracts again from the key."""
    town, folder = bare_town, compiled().artifact.folder
    market, registry = town.market(), Registry(town.chain, town.deployment, QUICK)
    honest = to_register(folder, (4, 16), market.gas_cap(SELECTOR))
    _, sixteen = honest.batches
    lying = replace(honest, batches=(replace(sixteen, batch=4),))
    registered = registry.register(OWNER, lying, Royalty())
    artifact = load_artifact(folder)
    found = registry.system(registered.model_key, SELECTOR)
    assert found is not None
    assert registry.differs(registered.model_key, SELECTOR, artifact.model, artifact.record) is None
    contracts = KeyContracts(load(artifact).key)
    assert contracts.differs(found) is not None
    assert "batches of 4" in str(contracts.differs(found))


def test_what_takes_too_much_gas_is_not_registered() -> None:
    with refusing(ArtifactRefused, "the router gives 50000"):
        to_register(compiled().artifact.folder, (), 50_000)
