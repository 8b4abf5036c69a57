"""Where disputes are shown: a development chain, two nodes with their homes, a worker's bench."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from avow.api.errors import DemoError
from avow.api.local.clock import Clock
from avow.api.local.interrupts import check_interrupted
from avow.api.local.people import People, development_people
from avow.api.local.tokens import STAKE, UNIT, endow, transfer
from avow.circuits.artifact import Artifact
from avow.circuits.optimistic import compile as optimistic
from avow.circuits.optimistic.artifact import Loaded, load
from avow.circuits.srs_choice import UnsafeSrs
from avow.circuits.sumcheck import compile as sumcheck
from avow.models.catalogue import add_zoo_model
from avow.models.schema import quantise_row
from avow.models.store import ModelStore, StoredModel
from avow.prover.attempt import attempt
from avow.prover.bench import Bench, open_bench
from avow.prover.config import Config, from_environment
from avow.prover.inference import infer
from avow.prover.native.curve import NativeCurve
from avow.prover.nodes.contracts import to_register
from avow.prover.nodes.node import Node
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
from avow.prover.queue import Queue, open_queue
from avow.prover.trace import fast_key
from avow.verifier.chain.anvil import CHAIN_ID, running_anvil
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.client import Chain
from avow.verifier.chain.deploy import Settings, deploy
from avow.verifier.chain.market import Market, open_market
from avow.verifier.chain.orders import LegTerms, Order, OrderTerms, selector_of
from avow.verifier.chain.registration import Registry, Royalty
from avow.verifier.chain.signer import Signer, development_signer
from avow.verifier.lifecycle import JobState
from avow.verifier.systems.optimistic.claim import SYSTEM_ID
from avow.verifier.systems.sumcheck.key import SYSTEM_ID as SUMCHECK
from avow.verifier.tensor import Tensor
from avow.verifier.trace.inputs import commit_input

MODEL = "digits-mlp"
SELECTOR = selector_of(SYSTEM_ID)
PRICE, BOND = 100 * UNIT, 20 * UNIT
_BITS = 8
_ROYALTY_BPS = 300
_WEALTH = 1_000 * UNIT
_DRIVE_SECONDS = 120.0
_PAUSE_SECONDS = 0.02

Say = Callable[[str], None]


@dataclass(frozen=True)
class Stage:
    """What scenes need. `liar` and `griefer` are accounts that follow no node's rules."""

    config: Config
    market: Market
    claims: Claims
    clock: Clock
    people: People
    liar: Signer
    griefer: Signer
    stored: StoredModel
    artifact: Artifact
    loaded: Loaded
    model_key: bytes
    bench: Bench
    queue: Queue
    provider: Provider
    prover: Provider
    validator: Validator

    def inputs(self, row: int) -> tuple[Tensor, ...]:
        """A held-out row as integers."""
        rows = self.stored.held_out()
        if rows is None:
            raise DemoError(f"{MODEL} has no held-out rows")
        return tuple(quantise_row(self.stored.record, rows, row))

    def request(self, row: int) -> bytes:
        """An order for that row, which nobody has locked yet; its id."""
        given = self.inputs(row)
        self.clock.mine()
        now = self.market.chain.head().timestamp
        terms = OrderTerms(
            model_key=self.model_key,
            input=commit_input(given),
            input_data=b"".join(tensor.data() for tensor in given),
            input_uri="",
            legs=(LegTerms(SELECTOR, now + 1_200, 10_000),),
            price=PRICE,
            bond=BOND,
            lock_deadline=now + 600,
        )
        return self.market.request(self.people.requester, terms)[0]

    def order(self, order_id: bytes) -> Order:
        """An order as it stands."""
        found = self.market.order(order_id)
        if found is None:
            raise DemoError("the market has lost an order")
        return found

    def drive(
        self, nodes: Sequence[Node], done: Callable[[], bool], other: Callable[[], bool]
    ) -> None:
        """Let nodes, the worker and somebody else take turns until `done`; blocks come when all
        wait. Raises `DemoError` when it takes too long."""
        end = time.monotonic() + _DRIVE_SECONDS
        while not done():
            check_interrupted()
            if time.monotonic() > end:
                raise DemoError(f"nothing came of it in {_DRIVE_SECONDS:.0f} s")
            moved = other()
            for node in nodes:
                moved |= node.step()
            moved |= self._work()
            if not moved:
                self.clock.mine()
                time.sleep(_PAUSE_SECONDS)

    def _work(self) -> bool:
        """Carry out what waits in the queue, as a worker does."""
        waiting = self.queue.jobs([JobState.QUEUED])
        for job in waiting:
            leg = job.evidence[0].leg
            attempt(self.bench, job.id, leg, Task.INFER, infer)
            attempt(self.bench, job.id, leg, Task.PROVE, prove)
        return bool(waiting)


@contextmanager
def set_up(root: Path, contracts: Path, say: Say) -> Iterator[Stage]:
    """A stage under an empty folder; the chain ends with the block."""
    with running_anvil(contracts) as anvil, ExitStack() as opened:
        people = development_people()
        deployment = root / f"{CHAIN_ID}.json"
        settings = Settings(treasury=people.treasury.address)
        deploy(Chain(anvil.url), people.deployer, deployment, settings)
        say("contracts deployed")
        market = open_market(anvil.url, deployment)
        liar, griefer = development_signer(6), development_signer(7)
        _fund(market, people, (liar, griefer))
        config = _config(root / "home")
        stored = add_zoo_model(ModelStore.at(config.home), MODEL, people.owner.address).stored
        artifact = _compile(stored, config)
        proofs = _compile_proofs(stored, config)
        say(f"{MODEL} compiled for claims and for proofs")
        registry = Registry(market.chain, market.deployment)
        caps = {one: market.gas_cap(selector_of(one)) for one in (SYSTEM_ID, SUMCHECK)}
        royalty = Royalty(people.owner.address, _ROYALTY_BPS)
        found = to_register(artifact.folder, (), caps[SYSTEM_ID])
        model_key = registry.register(people.owner, found, royalty).model_key
        found = to_register(proofs.folder, (1,), caps[SUMCHECK])
        registry.register(people.owner, found, royalty)
        say("registered for both")
        # The validator trusts nobody's artifacts: it has compiled the model itself.
        own = _config(root / "validator")
        kept = add_zoo_model(ModelStore.at(own.home), MODEL, people.owner.address).stored
        _compile(kept, own)
        open_bench.cache_clear()
        bench = open_bench(config, "demo")
        opened.callback(open_bench.cache_clear)
        opened.callback(bench.database.close)
        queue = open_queue(config)
        opened.callback(queue.close)
        nodes = [
            open_provider(
                config,
                open_market(anvil.url, deployment),
                people.provider,
                ProviderOptions(1, {}, 0, 60.0, None, defend_by_proof=by_proof),
            )
            for by_proof in (False, True)
        ]
        validator = open_validator(
            own,
            open_market(anvil.url, deployment),
            people.validator,
            ValidatorOptions(0, True, 10.0, config.bundles),
        )
        for node in (*nodes, validator):
            opened.callback(node.close)
        yield Stage(
            config=config,
            market=market,
            claims=Claims(market.chain, market.deployment),
            clock=Clock(market.chain),
            people=people,
            liar=liar,
            griefer=griefer,
            stored=stored,
            artifact=artifact,
            loaded=load(artifact, fast_key),
            model_key=model_key,
            bench=bench,
            queue=queue,
            provider=nodes[0],
            prover=nodes[1],
            validator=validator,
        )


def _config(home: Path) -> Config:
    return replace(from_environment({"AVOW_HOME": str(home)}), allow_unsafe_srs=True)


def _fund(market: Market, people: People, others: Sequence[Signer]) -> None:
    endow(market, people)
    market.join_validators(people.validator, STAKE)
    for account in (people.requester, people.validator, *others):
        transfer(market, people.deployer, account.address, _WEALTH)


def _compile(stored: StoredModel, config: Config) -> Artifact:
    options = optimistic.Options(bits=_BITS)
    return optimistic.compile_model(
        stored, config.home, options, config.artifacts, lambda step, what: None
    ).artifact


def _compile_proofs(stored: StoredModel, config: Config) -> Artifact:
    """The same program with keys under a string that is made here, which is unsafe."""
    curve = NativeCurve()
    options = sumcheck.Options(UnsafeSrs(config.home / "srs", curve), curve, bits=_BITS)
    return sumcheck.compile_model(
        stored, config.home, options, config.artifacts, lambda step, what: None
    ).artifact
