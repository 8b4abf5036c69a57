"""A whole service for every number of workers, made anew, under load: `avow bench --load`."""

import os
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from avow.api.bench.load_run import Load, drive
from avow.api.bench.machine import describe_machine
from avow.api.errors import BenchError
from avow.api.local.folder import scratch
from avow.api.local.network import Folders, avow, base_environment, wait_api, wait_ready
from avow.api.local.supervisor import Supervisor
from avow.circuits.artifact import Artifact
from avow.circuits.srs_choice import UnsafeSrs
from avow.circuits.sumcheck.compile import Options, compile_model
from avow.models.catalogue import add_zoo_model
from avow.models.schema import quantise_row
from avow.models.store import ModelStore, StoredModel
from avow.prover.native.curve import NativeCurve
from avow.verifier.tensor import Tensor

MODEL = "digits-mlp"
WORKERS = (1, 2)
SECONDS = 60.0
CLIENTS = 16
_DRAIN_SECONDS = 120.0
_ROWS = 64


def measure(
    folder: Path,
    say: Callable[[str], None],
    model: str = MODEL,
    workers: Sequence[int] = WORKERS,
    clients: int = CLIENTS,
    seconds: float = SECONDS,
) -> dict[str, Any]:
    """The report, measured in a scratch folder; each number of workers has a service of its own."""
    began, average = datetime.now(UTC).strftime("%Y-%m-%d"), os.getloadavg()[0]
    load = Load(clients, seconds, _DRAIN_SECONDS)
    with scratch(folder) as root:
        say("compile")
        home = root / "home"
        stored = add_zoo_model(ModelStore.at(home), model).stored
        artifact, samples = _compile(stored, home), _samples(stored)
        rows = []
        for count in workers:
            say(f"{count} worker(s), {clients} clients, {seconds:g} s")
            place = root / f"workers-{count}"
            for part in ("models", "artifacts", "programs"):
                if (home / part).exists():
                    shutil.copytree(home / part, place / "home" / part)
            rows.append(_row(place, artifact, samples, load, count))
    return {
        "measured_at": began,
        "machine": describe_machine(),
        "load_average": round(average, 1),
        "model": model,
        "rows": rows,
    }


def _row(
    place: Path,
    artifact: Artifact,
    samples: Sequence[tuple[Tensor, ...]],
    load: Load,
    workers: int,
) -> dict[str, Any]:
    # Nothing here touches a chain, so that there need be no contracts.
    folders = Folders(place, place)
    with Supervisor(folders.logs, base_environment(folders)) as supervisor:
        command = avow("worker", "--allow-unsafe-srs")
        programs = [supervisor.start("worker", command)]
        # The first one starts the broker, which the others share.
        wait_ready(programs[0])
        for number in range(1, workers):
            programs.append(supervisor.start(f"worker-{number + 1}", command))
            wait_ready(programs[-1])
        api = supervisor.start("api", avow("api", "--port", "0"))
        model = f"0x{artifact.model.digest().hex()}"
        row = drive(wait_api(api), model, samples, load, [*programs, api], workers)
        supervisor.check()
    return row.to_json()


def _compile(stored: StoredModel, home: Path) -> Artifact:
    curve = NativeCurve()
    options = Options(UnsafeSrs(home / "srs", curve), curve)
    return compile_model(
        stored, home, options, home / "artifacts", lambda step, what: None
    ).artifact


def _samples(stored: StoredModel) -> list[tuple[Tensor, ...]]:
    rows = stored.held_out()
    if rows is None:
        raise BenchError(f"{stored.record.name} has no held-out rows to ask about")
    count = min(_ROWS, len(rows))
    return [tuple(quantise_row(stored.record, rows, at)) for at in range(count)]
