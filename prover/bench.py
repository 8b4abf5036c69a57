"""The workbench of one process: everything that a task needs, opened once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from avow.models.devices import Device
from avow.prover.catalogue import Catalogue, Compiled, FolderCatalogue
from avow.prover.config import Config
from avow.prover.database import Database, open_database
from avow.prover.errors import WorkFailed
from avow.prover.holder import Holder, this_process
from avow.prover.leases import Terms
from avow.prover.preview import Preview, run_preview
from avow.prover.program import ProgramAnswer, run_program
from avow.prover.queue import Clock, now_ms
from avow.prover.selfcheck import check_draft, check_drafts
from avow.prover.stores.address import open_store
from avow.prover.stores.store import BundleStore
from avow.prover.systems.provers import PROVERS
from avow.prover.systems.system import Limits, ProvingSystem, Tick
from avow.prover.tracing import set_up_tracing
from avow.verifier.policy import Policy
from avow.verifier.tensor import Tensor
from avow.verifier.verdict import Assurance

# The verdict's assurance; raises WorkFailed when the draft does not convince under the policy.
DraftCheck = Callable[[Path, Policy, Limits, Tick], Assurance]
# The same for the bundles of one proof: of each its assurance, or what is wrong with it.
DraftsCheck = Callable[
    [Sequence[tuple[Path, Policy]], Limits, Tick], Sequence[Assurance | WorkFailed]
]
PreviewRun = Callable[[Compiled, tuple[Tensor, ...]], Preview]
ProgramRun = Callable[[Path, Compiled, tuple[Tensor, ...]], ProgramAnswer | None]


@dataclass(frozen=True, slots=True)
class Bench:
    """What inference and proof work with; `systems` and `check` are the real ones by default.

    Without `check_together` the bundles of a batch are checked one after the other.
    """

    config: Config
    database: Database
    catalogue: Catalogue
    store: BundleStore
    holder: Holder
    clock: Clock = now_ms
    preview: PreviewRun = run_preview
    program: ProgramRun = run_program
    check: DraftCheck = check_draft
    check_together: DraftsCheck | None = None
    systems: Mapping[str, ProvingSystem] | None = None

    @property
    def terms(self) -> Terms:
        """How long a lease lasts and how often a task is attempted."""
        return Terms(self.config.lease_seconds * 1000, self.config.max_attempts)

    def system(self, system_id: str) -> ProvingSystem | None:
        """The proving half of a system, None when this installation has none."""
        table = PROVERS if self.systems is None else self.systems
        return table.get(system_id)

    def check_all(
        self, drafts: Sequence[tuple[Path, Policy]], limits: Limits, tick: Tick
    ) -> list[Assurance | WorkFailed]:
        """Of each draft the verdict's assurance under its policy, or what is wrong with it."""
        if self.check_together is not None and len(drafts) > 1:
            return list(self.check_together(drafts, limits, tick))
        found: list[Assurance | WorkFailed] = []
        for draft, policy in drafts:
            try:
                found.append(self.check(draft, policy, limits, tick))
            except WorkFailed as error:
                found.append(error)
        return found


@lru_cache(maxsize=1)
def open_bench(config: Config, worker: str) -> Bench:
    """The bench of the calling process, which traces from now on where that is configured."""
    set_up_tracing(config, "avow-worker")
    device = Device(config.device)
    return Bench(
        config=config,
        database=open_database(config.database_url),
        catalogue=FolderCatalogue(config.artifacts, config.models),
        store=open_store(config),
        holder=this_process(worker),
        preview=partial(run_preview, device=device),
        program=partial(run_program, device=device),
        check_together=check_drafts,
    )
