"""Everybody who takes part, on one development chain, with time in the test's hands."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from avow.prover.attempt import attempt
from avow.prover.bench import Bench
from avow.prover.catalogue import Compiled
from avow.prover.config import Config, from_environment
from avow.prover.database import Database, open_database
from avow.prover.holder import this_process
from avow.prover.inference import infer
from avow.prover.nodes.fetch import FetchRules
from avow.prover.nodes.inputs import OrderedInputs
from avow.prover.nodes.node import Node
from avow.prover.nodes.offers import Pricing
from avow.prover.nodes.pace import Pace
from avow.prover.nodes.provider import Provider
from avow.prover.nodes.validator import Validator
from avow.prover.outbox import Task, claim_due, mark_sent
from avow.prover.proving import prove
from avow.prover.queue import Queue
from avow.prover.stores.folder import FolderStore
from avow.verifier.chain.claim_records import ClaimParameters
from avow.verifier.chain.client import Chain, checksum
from avow.verifier.chain.deploy import MarketTerms, Settings, deploy
from avow.verifier.chain.deployment import Deployment
from avow.verifier.chain.events import MarketEvent
from avow.verifier.chain.market import Market
from avow.verifier.chain.orders import LegTerms, OrderTerms, selector_of
from avow.verifier.chain.registration import Registered, Registry, Royalty
from avow.verifier.chain.signer import Signer, development_signer
from avow.verifier.chain.transactions import Patience, send
from avow.verifier.commitment import commit_public
from avow.verifier.lifecycle import LegState
from avow.verifier.tensor import ElementType, Tensor
from tests.integration.mock_ezkl import (
    SYSTEM,
    MockCatalogue,
    MockProving,
    check_draft,
    mock_verifier_code,
    model_record,
    no_preview,
    system_record,
    to_register,
)

DEPLOYER, OWNER, REQUESTER, PROVIDER, VALIDATOR, STRANGER = map(development_signer, range(6))
TREASURY = development_signer(6).address
QUICK = Patience(total=20.0, raise_fee_after=10.0, poll=0.01, slowest_poll=0.05)
_JSON = {"Content-Type": "application/json"}
UNIT = 10**18
PRICE = 100 * UNIT
BOND = 20 * UNIT
TERMS = MarketTerms(grace_period=900, settlement_window=3_600)
CLAIMS = ClaimParameters(
    claim_bond=40 * UNIT,
    challenge_bond=10 * UNIT,
    clock=300,
    extension=60,
    window=600,
    margin=300,
)
SETTINGS = Settings(treasury=TREASURY, terms=TERMS, timelock_delay=60, claims=CLAIMS)


@dataclass
class Town:
    """The chain's inhabitants. `skew` is how far the nodes' clock is ahead of the chain's head."""

    url: str
    chain: Chain
    deployment: Deployment
    compiled: Compiled
    registered: Registered
    creation_code: bytes
    home: Path | None = None
    proving: MockProving = field(default_factory=MockProving)
    databases: list[Database] = field(default_factory=list)
    skew: float = 0.0
    latest: int = 0
    # Most of what a test asks is the time: this costs a tenth of what a Chain would take.
    http: HTTPConnection = field(init=False)
    asking: threading.Lock = field(init=False)

    def __post_init__(self) -> None:
        self.http = HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        self.asking = threading.Lock()

    def with_home(self, home: Path) -> Town:
        """The same chain with a fresh job database under `home`."""
        return replace(self, home=home, proving=MockProving(), databases=[], skew=0.0, latest=0)

    def close(self) -> None:
        """Gives every database connection back."""
        for database in self.databases:
            database.close()
        self.http.close()

    def rpc(self, method: str, *parameters: object) -> Any:
        """A call of the development chain's own."""
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
        with self.asking:
            self.http.request("POST", "/", json.dumps(question), _JSON)
            answer = json.loads(self.http.getresponse().read())
        assert "error" not in answer, answer
        return answer["result"]

    def mine(self, blocks: int = 1) -> None:
        """Empty blocks."""
        self.rpc("anvil_mine", hex(blocks))

    def pass_time(self, seconds: int) -> None:
        """Lets the chain's time pass."""
        self.rpc("evm_increaseTime", seconds)
        self.mine()

    def wall(self) -> float:
        """The clock that the nodes read: the chain's own time, a little later at each look."""
        self.skew += 1.0
        return self.head_time() + self.skew / 1000

    def head_time(self) -> int:
        """The time of the chain's newest block, Unix seconds."""
        return int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    @property
    def config(self) -> Config:
        """A configuration under this test's folder."""
        assert self.home is not None
        return from_environment({"AVOW_HOME": str(self.home / "home")})

    def database(self) -> Database:
        """The job database, opened once: opening checks the whole schema."""
        if not self.databases:
            self.databases.append(open_database(self.config.database_url))
        return self.databases[0]

    def queue(self, database: Database | None = None) -> Queue:
        """What the provider submits to."""
        store = FolderStore(self.config.bundles)
        catalogue = MockCatalogue(self.compiled)
        return Queue(
            self.config, database or self.database(), catalogue, store, clock=self.milliseconds
        )

    def milliseconds(self) -> int:
        """The chain's time for the job database; unlike the chain's it never runs backwards."""
        self.latest = max(self.latest, self.head_time() * 1000)
        return self.latest

    @cached_property
    def reader(self) -> Market:
        """The market as the test itself looks at it."""
        return self.market()

    def market(self, url: str | None = None) -> Market:
        """The market through a connection of its own."""
        chain = Chain(url or self.url, self.chain.chain_id)
        return Market(chain, self.deployment, QUICK)

    def provider(
        self,
        *,
        url: str | None = None,
        signer: Signer = PROVIDER,
        confirmations: int = 0,
        least_price: int = 1,
        unmeasured: float = 10.0,
        address: Callable[[bytes], str] | None = None,
        market: Market | None = None,
        inputs: OrderedInputs | None = None,
    ) -> Provider:
        """A provider that has just started."""
        database = self.database()
        node = Provider(
            market=market or self.market(url),
            signer=signer,
            database=database,
            queue=self.queue(database),
            catalogue=MockCatalogue(self.compiled).all,
            pricing=Pricing(least_price),
            pace=Pace(database, 1, unmeasured),
            address=address or self.file_address,
            confirmations=confirmations,
            wall=self.wall,
            inputs=inputs,
        )
        return node

    def validator(
        self,
        *,
        url: str | None = None,
        signer: Signer = VALIDATOR,
        confirmations: int = 0,
        expire_overdue: bool = True,
        market: Market | None = None,
    ) -> Validator:
        """A validator that has just started."""
        return Validator(
            market=market or self.market(url),
            signer=signer,
            database=self.database(),
            rules=FetchRules(file_folder=self.config.bundles, seconds=5.0),
            confirmations=confirmations,
            expire_overdue=expire_overdue,
            wall=self.wall,
        )

    def file_address(self, statement: bytes) -> str:
        """Where a bundle lies on this machine."""
        return f"file://{self.config.bundles / (statement.hex() + '.avow.json')}"

    def work(self) -> int:
        """Carries out every task that is due, as workers would; how many there were."""
        database = self.database()
        bench = Bench(
            config=self.config,
            database=database,
            catalogue=MockCatalogue(self.compiled),
            store=FolderStore(self.config.bundles),
            holder=this_process("test"),
            clock=self.milliseconds,
            preview=no_preview,
            check=check_draft,
            systems={SYSTEM: self.proving},
        )
        count = 0
        while True:
            now = self.milliseconds()
            with database.write() as session:
                messages = claim_due(session, now)
            if not messages:
                return count
            for message in messages:
                task = infer if message.task is Task.INFER else prove
                attempt(bench, message.job_id, message.leg, message.task, task)
                with database.write() as session:
                    mark_sent(session, message.id, now)
                count += 1

    def terms(
        self,
        values: Sequence[int] = (1, 2, 3, 4),
        *,
        price: int = PRICE,
        bond: int = BOND,
        lock_seconds: int = 600,
        seconds: int = 1_200,
        **changes: Any,
    ) -> OrderTerms:
        """Terms of an order for the mock model."""
        # The last block may be old, and the next one's time is that of the clock.
        self.mine()
        now = self.head_time()
        x = Tensor(ElementType.INT16, (4,), tuple(values))
        terms = OrderTerms(
            model_key=self.registered.model_key,
            input=commit_public([x]),
            input_data=x.data(),
            input_uri="",
            legs=(LegTerms(selector_of(SYSTEM), now + seconds, 10_000),),
            price=price,
            bond=bond,
            lock_deadline=now + lock_seconds,
        )
        return replace(terms, **changes)

    def order(self, values: Sequence[int] = (1, 2, 3, 4), **changes: Any) -> bytes:
        """Places an order; its id."""
        order_id, _ = self.reader.request(REQUESTER, self.terms(values, **changes))
        return order_id

    def state(self, order_id: bytes) -> LegState:
        """How the only leg of an order stands."""
        return self.reader.leg(order_id, 0).state

    def events(self, kind: type[MarketEvent]) -> list[MarketEvent]:
        """All events of a kind, from the beginning."""
        found = self.reader.events(self.deployment.first_block, self.chain.head().number)
        return [event for event in found if isinstance(event, kind)]

    def holdings(self, *accounts: bytes) -> dict[bytes, int]:
        """Tokens and credit of each account together."""
        return {account: self.reader.affordable(account) for account in accounts}


def build(url: str, contracts: Path, folder: Path) -> Town:
    """Deploys the contracts, funds everybody, registers the mock model and a validator."""
    chain = Chain(url)
    deployment = deploy(chain, DEPLOYER, folder / "31337.json", SETTINGS, patience=QUICK)
    market = Market(chain, deployment, QUICK)
    for account in (REQUESTER, PROVIDER, VALIDATOR, STRANGER):
        call = market.token.call("transfer", checksum(account.address), 10_000 * UNIT)
        send(chain, DEPLOYER, call, QUICK)
    market.join_validators(VALIDATOR, SETTINGS.minimum_stake)
    creation, runtime = mock_verifier_code(contracts)
    model = model_record(OWNER.address)
    compiled = Compiled(folder, folder / "none.onnx", model, system_record(model, runtime))
    registered = Registry(chain, deployment, QUICK).register(
        OWNER, to_register(compiled, creation), Royalty(OWNER.address, 300)
    )
    return Town(url, chain, deployment, compiled, registered, creation)


def run_to_end(town: Town, nodes: Sequence[Node], order_id: bytes, rounds: int = 40) -> LegState:
    """Lets nodes and workers take turns until the order's leg has ended."""
    for _ in range(rounds):
        for node in nodes:
            node.step()
        town.work()
        if town.state(order_id) in (LegState.SETTLED, LegState.REFUNDED, LegState.SLASHED):
            for node in nodes:
                node.step()
                node.step()
            return town.state(order_id)
    seen = [node.worklist.order(order_id) for node in nodes]
    jobs = [(job.state, job.reason) for job in town.queue().jobs()]
    pytest.fail(f"the order stands at {town.state(order_id).name}: {seen}, jobs {jobs}")


@contextmanager
def refusing(kind: type[Exception], *words: str) -> Iterator[None]:
    """Expects an error of one line that says these words."""
    with pytest.raises(kind) as caught:
        yield
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert word in text, text
