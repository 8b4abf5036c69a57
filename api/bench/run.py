"""A whole benchmark: every model on every system, several times, on one machine."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
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
from avow.circuits.ezkl.child import Limits
from avow.circuits.memory import machine_bytes
from avow.models.catalogue import add_zoo_model, built_in_names
from avow.models.store import ModelStore, StoredModel
from avow.prover.catalogue import system_id
from avow.verifier.chain.market import Market
from avow.verifier.chain.registration import Registry, Royalty, read_artifact
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
    stored: StoredModel, measures: Mapping[str, Measure], runs: int, say: Say
) -> Iterator[Row]:
    found: dict[str, list[Measured]] = {system: [] for system in measures}
    name = stored.record.name
    for number in range(runs):
        for system, measure in measures.items():

            def at(what: str, number: int = number, system: str = system) -> None:
                say(f"{name}, {system}, run {number + 1} of {runs}: {what}")

            found[system].append(measure(stored, number, at))
    for system, measured in found.items():
        yield Row(name, system, tuple(one.sample for one in measured), measured[-1].facts)


def _facts(record: SystemRecord) -> dict[str, object]:
    fidelity = record.fidelity
    return {
        "held_out_rows": fidelity.rows,
        "agreement": fidelity.agreement,
        "max_error": fidelity.max_error,
        "predicted_rss_bytes": record.proving_memory_bytes,
    }


@contextmanager
def _measures(plan: Plan, folders: Folders) -> Iterator[dict[str, Measure]]:
    """How to measure each system of the plan; a chain runs only for those that settle on one."""
    limits = Limits(_STEP_SECONDS, machine_bytes() * 9 // 10)
    with _network(plan, folders) as market:
        measures: dict[str, Measure] = {}
        for system in plan.system_ids:
            if system == sumcheck.SYSTEM:

                def measure(stored: StoredModel, number: int, say: Say) -> Measured:
                    made = sumcheck.measure_once(stored, folders.home, number, limits, say)
                    facts = _facts(made.record) | {"predicted_stages": made.predicted}
                    return Measured(made.sample, facts)

            else:

                def measure(stored: StoredModel, number: int, say: Say) -> Measured:
                    if market is None:
                        raise TypeError("a settling system without a chain")
                    return _ezkl(stored, number, folders, market, limits, say)

            measures[system] = measure
        yield measures


def _ezkl(
    stored: StoredModel, number: int, folders: Folders, market: Market, limits: Limits, say: Say
) -> Measured:
    say("compile")
    compiled = ezkl.compile_once(stored, folders.home, folders.contracts, limits)
    desk = _desk(market, compiled)
    sample = ezkl.measure_once(compiled, stored, number, desk, limits, say)
    return Measured(sample, _facts(compiled.artifact.record))


@contextmanager
def _network(plan: Plan, folders: Folders) -> Iterator[Market | None]:
    if ezkl.SYSTEM not in plan.system_ids:
        yield None
        return
    with Supervisor(folders.logs, base_environment(folders)) as supervisor:
        network = Network(supervisor, folders, development_people())
        network.start_chain(0, keep=False)
        network.deploy()
        market = network.market()
        endow(market, network.people)
        market.join_validators(network.people.validator, STAKE)
        purse = plan.runs * len(plan.models) * UNIT
        transfer(market, network.people.deployer, network.people.requester.address, purse)
        yield market


def _desk(market: Market, compiled: ezkl.Compilation) -> Desk:
    people = development_people()
    registry = Registry(market.chain, market.deployment)
    found = read_artifact(compiled.artifact.folder)
    registered = registry.register(people.owner, found, Royalty())
    return Desk(market, people, registered.model_key, compiled.artifact.record)
