"""A process's own server of metrics, and what worker and nodes show on it."""

import logging
import re
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from prometheus_client import CollectorRegistry

from avow.prover.database import Database, open_database
from avow.prover.disputes.journal import Journal, Verdict, Watched
from avow.prover.disputes.moves import Commit, Finish
from avow.prover.disputes.tally import PLANTS, Tally
from avow.prover.errors import ConfigurationError
from avow.prover.metrics import names
from avow.prover.metrics.names import METRICS, Metric, Shown
from avow.prover.metrics.serve import new_registry, shown
from avow.prover.metrics.worker import WorkerFigures
from avow.prover.nodes.cursors import Cursor
from avow.prover.nodes.figures import NodeFigures
from avow.prover.nodes.worklist import Worklist
from avow.prover.queues import WorkQueue
from avow.prover.reconcile import Reconciled
from avow.verifier.chain.errors import RpcUnavailable
from avow.verifier.chain.events import BondSlashed, Place
from avow.verifier.chain.watch_events import (
    PlantExposed,
    PlantFound,
    PlantMissed,
    SilenceCharged,
)
from avow.verifier.trace.refutation import TracedClaim

ACCOUNT, OTHER = bytes(19) + b"\x01", bytes(19) + b"\x02"


def family_names(registry: CollectorRegistry) -> set[str]:
    """What a registry shows, but not the kernel's figures of its process."""
    found = set()
    for family in registry.collect():
        if not family.name.startswith("process_"):
            found.add(family.name + ("_total" if family.type == "counter" else ""))
    return found


def named(place: Shown) -> set[str]:
    """What the list of metrics says of a kind of process."""
    return {metric.name for metric in METRICS if metric.shown in (place, Shown.EVERYWHERE)}


def test_names_are_listed_once_and_well_formed() -> None:
    listed = [metric.name for metric in METRICS]
    assert len(set(listed)) == len(listed)
    defined = {value for value in vars(names).values() if isinstance(value, Metric)}
    assert defined == set(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"avow_[a-z_]+", metric.name)
        assert (metric.kind is names.Kind.COUNTER) == metric.name.endswith("_total")
        assert list(metric.bounds) == sorted(set(metric.bounds)) and metric.help.endswith(".")


def test_a_workers_figures() -> None:
    registry = new_registry("1.2.3")
    figures = WorkerFigures(registry, (WorkQueue.INFER, WorkQueue.LARGE))
    figures.started(WorkQueue.LARGE)
    figures.relayed(3)
    figures.reconciled(Reconciled(1, 0, 2))
    figures.broker(True)
    assert family_names(registry) == named(Shown.WORKER)
    value = registry.get_sample_value
    assert value("avow_worker_labourers", {"queue": "large"}) == 1
    assert value("avow_worker_labourers", {"queue": "infer"}) == 0
    assert value("avow_worker_relayed_total") == 3
    assert value("avow_worker_reconciled_total", {"what": "resent"}) == 2
    assert value("avow_build_info", {"version": "1.2.3"}) == 1


def test_metrics_are_served_on_loopback(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "avow.prover")
    registry = new_registry("1.2.3")
    with shown(registry, ("127.0.0.1", 0)):
        address = re.search(r"http://\S+", caplog.text)
        assert address is not None
        assert 'avow_build_info{version="1.2.3"} 1.0' in httpx.get(address[0], timeout=60).text
        port = int(address[0].split(":")[2].partition("/")[0])
        with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1 port {port}: "):
            with shown(registry, ("127.0.0.1", port)):
                pass
    with shown(registry, None):
        pass


class Tokens:
    """A market of which only the money is asked."""

    contract = SimpleNamespace(address=bytes(20))
    away = False

    def tokens(self, account: bytes) -> int:
        """The contract holds more than the account."""
        if self.away:
            raise RpcUnavailable("no answer")
        return 5000 if account == bytes(20) else 70

    def credit(self, account: bytes) -> int:
        """What can be withdrawn."""
        return 30

    def stake(self, account: bytes) -> int:
        """What is staked."""
        return 100

    def order(self, order_id: bytes) -> None:
        """There are none."""
        return None


def disputed(database: Database) -> Journal:
    """One claim that was found wrong, and two moves."""
    journal = Journal(database, "chain:claims:provider:account")
    claim = bytes(32)
    traced = TracedClaim(claim, claim, claim, claim, claim, claim)
    journal.watch([Watched(traced, claim, 0, claim, OTHER, 100, 1, 0)])
    journal.decide(claim, Verdict.WRONG, "an output differs")
    journal.begin(claim, Commit(claim), 1)
    journal.sent(Commit(claim), claim)
    journal.begin(claim, Finish(claim), 2)
    return journal


class Looking:
    """Who looks at claims."""

    duties = 8

    def verdicts(self) -> int:
        """So many are kept."""
        return 2


class Watching:
    """A watch with a plant that the account found, and one that it missed; another, too."""

    chain = SimpleNamespace(head=lambda: SimpleNamespace(number=9))

    def validator(self, account: bytes) -> Any:
        """Who is it has a stake."""
        return SimpleNamespace(stake=900)

    def events(self, first: int, last: int) -> list[Any]:
        """All of them in one block, asked for once."""
        if not first <= 8 <= last:
            return []
        place, claim = Place(8, 0, bytes(32)), bytes(32)
        traced = TracedClaim(claim, claim, claim, claim, claim, claim)
        return [
            PlantExposed(place, claim, 3, claim, traced, b""),
            PlantFound(place, claim, ACCOUNT),
            PlantFound(place, claim, OTHER),
            PlantMissed(place, claim, ACCOUNT, 4),
            PlantMissed(place, claim, OTHER, 4),
            SilenceCharged(place, ACCOUNT, 3, 1, 7),
        ]


def test_a_nodes_figures(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("node")
    database = open_database(f"sqlite:///{folder / 'jobs.sqlite3'}")
    worklist = Worklist(database, "market", "node")
    slashes = [
        BondSlashed(Place(block, 0, bytes(32)), bytes([block]) * 32, 0, provider, 6, 1)
        for block, provider in ((3, ACCOUNT), (4, OTHER), (5, OTHER))
    ]
    # The same events twice do no harm.
    for _ in range(2):
        worklist.store(slashes, Cursor(5, bytes(32)))
    market, now = Tokens(), [0.0]
    node = SimpleNamespace(
        role="provider",
        market=market,
        signer=SimpleNamespace(address=ACCOUNT),
        worklist=worklist,
        party=SimpleNamespace(journal=disputed(database), claims=market),
        tally=Tally(cast(Any, Watching()), ACCOUNT, 1, Looking()),
        attested=SimpleNamespace(counts=lambda: {"contradicted": 1, "needs_proof": 2, "lost": 0}),
        confirmations=1,
    )
    registry = new_registry("1.2.3")
    figures = NodeFigures(node, registry, clock=lambda: now[0])  # type: ignore[arg-type]
    figures.refresh()
    assert family_names(registry) == named(Shown.NODE)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, {"role": "provider", **labels})

    assert value("avow_market_escrow_units") == 5000
    assert value("avow_node_stake_units") == 100
    assert value("avow_node_slashes_total", whose="own") == 1
    assert value("avow_node_slashes_total", whose="other") == 2
    assert value("avow_node_slashed_units_total", whose="other") == 14
    assert value("avow_node_claims", verdict="wrong") == 1
    assert value("avow_node_claims", verdict="agrees") == 0
    assert value("avow_node_disputes") == 1
    # One move was handed over, the other only begun.
    assert value("avow_node_dispute_moves_total", move="Commit") == 1
    assert value("avow_node_dispute_moves_total", move="Finish") is None
    assert value("avow_node_claim_credit_units") == 30
    assert value("avow_node_wrong_attested_total", outcome="needs_proof") == 2
    assert value("avow_watch_stake_units") == 900 and value("avow_watch_duties_total") == 8
    assert value("avow_watch_verdicts") == 2 and value("avow_watch_charged_units_total") == 11
    plants = {one: value("avow_watch_plants_total", outcome=one) for one in PLANTS}
    assert plants == {"exposed": 1, "found": 1, "paid": 0, "missed": 1}
    assert value("avow_node_block") == 5 and value("avow_node_chain_up") == 1
    # A re-organisation takes back what it took.
    worklist.rewind(5)
    market.away, now[0] = True, 60.0
    figures.refresh()
    assert value("avow_node_chain_up") == 0 and value("avow_market_escrow_units") == 5000
    market.away, now[0] = False, 120.0
    figures.refresh()
    assert value("avow_node_slashes_total", whose="other") == 1
    database.close()
