"""A whole benchmark: a chain, and every model on every system, several times."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from avow.api.bench.ezkl import SYSTEM, Compilation, compile_once, measure_once
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
from avow.models.store import ModelStore
from avow.verifier.chain.market import Market
from avow.verifier.chain.registration import Registry, Royalty, read_artifact

SYSTEMS = {"ezkl": SYSTEM, SYSTEM: SYSTEM}
_STEP_SECONDS = 6 * 3600.0


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
            if name not in SYSTEMS:
                raise BenchError(f"--systems: expected ezkl, got {name[:60]!r}")
        if not self.models or not self.systems:
            raise BenchError("expected at least one model and one system")


def run_bench(
    plan: Plan, folder: Path, contracts: Path, say: Callable[[str], None]
) -> dict[str, object]:
    """Measure in a scratch folder; the report with the machine and one row per pair."""
    with scratch(folder) as root:
        folders = Folders(root, contracts)
        with Supervisor(folders.logs, base_environment(folders)) as supervisor:
            network = Network(supervisor, folders, development_people())
            network.start_chain(0, keep=False)
            network.deploy()
            market = network.market()
            endow(market, network.people)
            market.join_validators(network.people.validator, STAKE)
            purse = plan.runs * len(plan.models) * UNIT
            transfer(market, network.people.deployer, network.people.requester.address, purse)
            rows = [
                _measure(network, market, name, plan.runs, say).to_json() for name in plan.models
            ]
            return {"machine": describe_machine(), "runs": plan.runs, "rows": rows}


def _measure(
    network: Network, market: Market, name: str, runs: int, say: Callable[[str], None]
) -> Row:
    home = network.folders.home
    limits = Limits(_STEP_SECONDS, machine_bytes() * 9 // 10)
    owner = network.people.owner
    stored = add_zoo_model(ModelStore.at(home), name, owner.address).stored
    samples: list[Sample] = []
    for number in range(runs):

        def at(what: str, number: int = number) -> None:
            say(f"{name}, run {number + 1} of {runs}: {what}")

        at("compile")
        compiled = compile_once(stored, home, network.folders.contracts, limits)
        desk = _desk(network, market, compiled)
        samples.append(measure_once(compiled, stored, number, desk, limits, at))
    return Row(name, SYSTEM, tuple(samples))


def _desk(network: Network, market: Market, compiled: Compilation) -> Desk:
    registry = Registry(market.chain, market.deployment)
    found = read_artifact(compiled.artifact.folder)
    registered = registry.register(network.people.owner, found, Royalty())
    return Desk(market, network.people, registered.model_key, compiled.artifact.record)
