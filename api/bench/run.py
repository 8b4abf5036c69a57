"""A whole benchmark: every model on every system, several times, on one machine."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from avow.api.bench import ezkl, sumcheck
from avow.api.bench.machine import describe_machine
from avow.api.bench.order import Desk
from avow.api.bench.rows import Row, Sample
from avow.api.errors import BenchError
from avow.api.local.folder import scratch
from avow.api.local.network import Folders, Network, base_environment
from avow.api.local.people import development_people
from avow.api.local.supervisor import Supervisor
from avow.api.local.tokens import STAKE, UNIT, endow, transfer
from avow.circuits.artifact import Artifact
from avow.circuits.ezkl.artifact import EzklArtifact
from avow.circuits.ezkl.child import Limits
from avow.circuits.memory import machine_bytes
from avow.circuits.sumcheck.plan import Target
from avow.models.catalogue import add_zoo_model, built_in_names
from avow.models.store import ModelStore, StoredModel
from avow.prover.catalogue import system_id
from avow.prover.nodes.contracts import to_register
from avow.verifier.chain.market import Market
from avow.verifier.chain.orders import selector_of
from avow.verifier.chain.registration import Registry, Royalty
from avow.verifier.records import SystemRecord

SYSTEMS = (ezkl.SYSTEM, sumcheck.SYSTEM)
_STEP_SECONDS = 6 * 3600.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure. Construction refuses models and systems that are not there."""

    models: tuple[str, ...]
    systems: tuple[str, ...]
    runs: int

    def __post_init__(self) -> None:
        for name in self.models:
            if name not in built_in_names():
                known = ", ".join(built_in_names())
                raise BenchError(f"--models: expected some of {known}, got {name[:60]!r}")
        for name in self.systems:
            if system_id(name) not in SYSTEMS:
                raise BenchError(f"--systems: expected ezkl, sumcheck or both, got {name[:60]!r}")
        if not self.models or not self.systems:
            raise BenchError("expected at least one model and one system")

    @property
    def system_ids(self) -> tuple[str, ...]:
        """The full ids, each once."""
        return tuple(dict.fromkeys(map(system_id, self.systems)))


@dataclass(frozen=True, slots=True)
class Measured:
    """One run, and what else its row says."""

    sample: Sample
    facts: Mapping[str, object]


# One run of one model on one system, the number of the run given.
Measure = Callable[[StoredModel, int, Say], Measured]
# A system, and what its keys are chosen for where there is a choice.
Variant = tuple[str, str | None]


def run_bench(plan: Plan, folder: Path, contracts: Path, say: Say) -> dict[str, object]:
    """Measure in a scratch folder; the report with the machine and one row per pair.

    Systems take turns within each run, so that other work on the machine disturbs all alike.
    """
    began, load = datetime.now(UTC).strftime("%Y-%m-%d"), os.getloadavg()[0]
    with scratch(folder) as root, _measures(plan, Folders(root, contracts)) as measures:
        rows: list[dict[str, object]] = []
        store = ModelStore.at(root / "home")
        owner = development_people().owner.address
        for name in plan.models:
            stored = add_zoo_model(store, name, owner).stored
            rows += [row.to_json() for row in _rows(stored, measures, plan.runs, say)]
    return {
        "measured_at": began,
        "machine": describe_machine(),
        "load_average": round(load, 1),
        "runs": plan.runs,
        "rows": rows,
    }


def _rows(
    stored: StoredModel, measures: Mapping[Variant, Measure], runs: int, say: Say
) -> Iterator[Row]:
    found: dict[Variant, list[Measured]] = {variant: [] for variant in measures}
    name = stored.record.name
    for number in range(runs):
        for variant, measure in measures.items():
            system, optimize = variant
            title = system if optimize is None else f"{system} for {optimize}"

            def at(what: str, number: int = number, title: str = title) -> None:
                say(f"{name}, {title}, run {number + 1} of {runs}: {what}")

            found[variant].append(measure(stored, number, at))
    for (system, optimize), measured in found.items():
        facts = measured[-1].facts
        if optimize is not None:
            facts = {"optimize": optimize, **facts}
        yield Row(name, system, tuple(one.sample for one in measured), facts)


def _facts(record: SystemRecord) -> dict[str, object]:
    fidelity = record.fidelity
    return {
        "held_out_rows": fidelity.rows,
        "agreement": fidelity.agreement,
        "max_error": fidelity.max_error,
        "predicted_rss_bytes": record.proving_memory_bytes,
    }


@contextmanager
def _measures(plan: Plan, folders: Folders) -> Iterator[dict[Variant, Measure]]:
    """How to measure each system of the plan, in the order in which they take turns."""
    limits = Limits(_STEP_SECONDS, machine_bytes() * 9 // 10)
    with _network(plan, folders) as market:
        measures: dict[Variant, Measure] = {}
        for system in plan.system_ids:
            if system == sumcheck.SYSTEM:
                desk = partial(_registered, market)
                for wish in (sumcheck.Wish(), sumcheck.Wish(Target.GAS, desk)):
                    measures[system, wish.target.value] = partial(_sumcheck, folders, limits, wish)
            else:
                measures[system, None] = partial(_ezkl, folders, limits, market)
        yield measures


def _sumcheck(
    folders: Folders,
    limits: Limits,
    wish: sumcheck.Wish,
    stored: StoredModel,
    number: int,
    say: Say,
) -> Measured:
    made = sumcheck.measure_once(stored, folders.home, number, limits, wish, say)
    facts = _facts(made.record) | {"predicted_stages": made.predicted}
    if made.unsettled is not None:
        facts["unsettled"] = made.unsettled
    return Measured(made.sample, facts)


def _ezkl(
    folders: Folders, limits: Limits, market: Market, stored: StoredModel, number: int, say: Say
) -> Measured:
    say("compile")
    compiled = ezkl.compile_once(stored, folders.home, folders.contracts, limits)
    desk = _registered(market, compiled.artifact)
    sample = ezkl.measure_once(compiled, stored, number, desk, limits, say)
    return Measured(sample, _facts(compiled.artifact.record))


@contextmanager
def _network(plan: Plan, folders: Folders) -> Iterator[Market]:
    with Supervisor(folders.logs, base_environment(folders)) as supervisor:
        network = Network(supervisor, folders, development_people())
        network.start_chain(0, keep=False)
        network.deploy()
        market = network.market()
        endow(market, network.people)
        market.join_validators(network.people.validator, STAKE)
        purse = len(plan.system_ids) * plan.runs * len(plan.models) * UNIT
        transfer(market, network.people.deployer, network.people.requester.address, purse)
        yield market


def _registered(market: Market, artifact: Artifact | EzklArtifact) -> Desk:
    people, record = development_people(), artifact.record
    gas_cap = market.gas_cap(selector_of(record.system))
    # Orders here are settled one by one.
    found = to_register(artifact.folder, (1,), gas_cap)
    registry = Registry(market.chain, market.deployment)
    registered = registry.register(people.owner, found, Royalty())
    return Desk(market, people, registered.model_key, record)
