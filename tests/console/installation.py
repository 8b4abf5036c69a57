"""A real installation for browsers: a compiled model, a worker's bench, a served application."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn

from avow.api.app import create_app
from avow.api.services import open_services
from avow.circuits.srs_choice import UnsafeSrs
from avow.circuits.sumcheck.compile import Options, compile_model
from avow.models.catalogue import add_zoo_model
from avow.models.schema import quantise_row
from avow.models.store import ModelStore, StoredModel
from avow.prover.attempt import attempt
from avow.prover.bench import Bench, open_bench
from avow.prover.catalogue import Compiled
from avow.prover.config import from_environment
from avow.prover.errors import Refused
from avow.prover.inference import infer
from avow.prover.job import Job
from avow.prover.native.curve import NativeCurve
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.queue import Queue
from avow.prover.request import Request
from avow.prover.systems.sumcheck.system import SumcheckProver
from avow.prover.systems.system import Limits, Proof, Tick
from avow.verifier.lifecycle import JobState
from avow.verifier.tensor import Tensor

MODEL = "digits-mlp"


class HeldProver(SumcheckProver):
    """Proves as ever, but waits at one stage until a test lets it go on, or refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.refusal = ""
        self.hold_at = ""
        self.go_on = threading.Event()

    def prove(
        self,
        compiled: Compiled,
        inputs: Sequence[Tensor],
        salt: bytes,
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> Proof:
        """A proof; the stage at which it waits is noted before."""
        if self.refusal:
            raise Refused(self.refusal)

        def noted(stage: str, percent: int | None) -> None:
            tick(stage, percent)
            if stage == self.hold_at:
                self.go_on.wait(120)

        return super().prove(compiled, inputs, salt, root, limits, noted)


@dataclass(frozen=True, slots=True)
class Installation:
    """Where it is served, and the parts that a test takes into its own hands."""

    url: str
    queue: Queue
    bench: Bench
    prover: HeldProver
    stored: StoredModel

    def ask(self, row: int) -> Job:
        """A job for one held-out row."""
        rows = self.stored.held_out()
        assert rows is not None
        inputs = tuple(quantise_row(self.stored.record, rows, row))
        return self.queue.submit(Request(MODEL, None, inputs))

    def give_up(self, row: int) -> Job:
        """A job for one held-out row, whose proof was refused."""
        job = self.ask(row)
        self.prover.refusal = "the artifact's key does not fit its program"
        try:
            self.work(job)
        finally:
            self.prover.refusal = ""
        assert self.queue.status(job.id).state is JobState.FAILED
        return job

    def work(self, job: Job) -> None:
        """Both tasks, as a worker would."""
        attempt(self.bench, job.id, 0, Task.INFER, infer)
        attempt(self.bench, job.id, 0, Task.PROVE, prove)


@contextmanager
def installed(home: Path) -> Iterator[Installation]:
    """One compiled model under `home`, served on the loopback address."""
    config = from_environment({"AVOW_HOME": str(home), "AVOW_ALLOW_UNSAFE_SRS": "1"})
    stored = add_zoo_model(ModelStore.at(home), MODEL).stored
    curve = NativeCurve()
    options = Options(UnsafeSrs(home / "srs", curve), curve)
    compile_model(stored, home, options, config.artifacts, lambda step, what: None)
    services = open_services(config)
    prover = HeldProver()
    bench = replace(open_bench(config, "w1"), systems={"sumcheck/v1": prover})
    server = uvicorn.Server(uvicorn.Config(create_app(services), log_level="critical"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.02)
            port = listening.getsockname()[1]
            url = f"http://127.0.0.1:{port}"
            yield Installation(url, services.queue, bench, prover, stored)
        finally:
            server.should_exit = True
            thread.join(20)
            prover.close()
            bench.database.close()
            open_bench.cache_clear()
