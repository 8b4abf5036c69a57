"""Homes with a model compiled for simulated enclaves, and sessions that answer in this process."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

from avow.circuits.artifact import Artifact
from avow.circuits.tee.compile import Options, compile_model
from avow.models.catalogue import add_zoo_model
from avow.models.schema import quantise_row
from avow.models.store import ModelStore, StoredModel
from avow.prover.attempt import Outcome, attempt
from avow.prover.bench import Bench, open_bench
from avow.prover.config import Config
from avow.prover.enclave.archive import Archive
from avow.prover.enclave.keeper import SOCKET
from avow.prover.enclave.key import SessionKey
from avow.prover.enclave.opening import Terms, open_session
from avow.prover.enclave.platform import Devices, NoDevices
from avow.prover.enclave.registered import Registered
from avow.prover.enclave.served import Served
from avow.prover.enclave.service import Server
from avow.prover.enclave.session import Session
from avow.prover.enclave.simulated.guest import SimulatedGuest, simulated_reference, started
from avow.prover.enclave.simulated.platform import Platform, make_platform
from avow.prover.inference import infer
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.queue import Queue, open_queue
from avow.prover.request import Request
from avow.prover.systems.system import ProvingSystem
from avow.prover.systems.tee.system import TeeProver
from avow.verifier.policy import Policy
from avow.verifier.statement import OFF_CHAIN
from avow.verifier.tensor import Tensor
from avow.verifier.verdict import Assurance

NOW = 1_800_000_000
DAY = 86_400
OFF_CHAIN_TERMS = Terms(OFF_CHAIN, bytes(32), 7 * DAY)
HOMES: list[Path] = []


@lru_cache(maxsize=4)
def compiled(
    name: str = "digits-mlp", bits: int | None = None
) -> tuple[Path, StoredModel, Artifact]:
    """The model compiled once for all tests."""
    home = Path(mkdtemp(prefix="avow-tee-"))
    HOMES.append(home)
    stored = add_zoo_model(ModelStore.at(home), name).stored
    options = Options(simulated_reference())
    made = compile_model(stored, home, options, home / "artifacts", lambda step, what: None)
    return home, stored, made.artifact


def remove_homes() -> None:
    """Every shared home goes away at the end."""
    for home in HOMES:
        shutil.rmtree(home, ignore_errors=True)
    HOMES.clear()
    compiled.cache_clear()


@lru_cache(maxsize=1)
def simulated_machine() -> Platform:
    """One simulated machine for all tests."""
    return make_platform(NOW)


@dataclass
class Clock:
    """A clock that a test sets, in Unix seconds."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Enclave:
    """A simulated enclave of a model's artifact, open in this process."""

    artifacts: Path
    program: bytes
    clock: Clock = field(default_factory=Clock)
    terms: Terms = OFF_CHAIN_TERMS
    guest: SimulatedGuest = field(default_factory=lambda: started(simulated_machine(), NOW))
    devices: Devices = field(default_factory=NoDevices)

    def served(self) -> Served:
        """The program, checked."""
        return Served(self.artifacts, self.program)

    def open(self) -> tuple[SessionKey, Registered]:
        """Key and registration."""
        served = self.served()
        return open_session(self.guest, self.guest, self.devices, served, self.terms, self.clock)

    def session(self) -> Session:
        """A session."""
        key, registered = self.open()
        return Session(key, self.served(), registered, self.clock)


def enclave(name: str = "digits-mlp") -> Enclave:
    """An enclave of a model of the zoo."""
    _, _, artifact = compiled(name)
    return Enclave(artifact.folder.parent, artifact.record.program)


def row(stored: StoredModel, number: int = 0) -> tuple[Tensor, ...]:
    """A held-out row as integers."""
    rows = stored.held_out()
    assert rows is not None
    return tuple(quantise_row(stored.record, rows, number))


@contextmanager
def serving(
    session: Session, folder: Path, register: Path | None = None
) -> Iterator[dict[str, str]]:
    """The session on a socket until the block ends; archived in the home `register`."""
    if register is not None:
        Archive(register).keep(session.registered)
    socket = folder / "enclave.sock"
    server = Server(session, socket)
    answering = threading.Thread(target=server.answer_until_over, daemon=True)
    answering.start()
    try:
        yield {SOCKET: str(socket)}
    finally:
        server.stop()
        answering.join(60)
    assert not answering.is_alive()


@dataclass(frozen=True, slots=True)
class Place:
    """A home with a compiled model, its queue and its bench."""

    config: Config
    queue: Queue
    bench: Bench
    stored: StoredModel

    def ask(self, number: int = 0) -> str:
        """A job for one held-out row."""
        inputs = row(self.stored, number)
        return self.queue.submit(Request(self.stored.record.name, "tee/v1", inputs)).id

    def work(self, job_id: str, prover: ProvingSystem | None = None) -> tuple[Outcome, Outcome]:
        """Both tasks, as a worker would."""
        return self.infer(job_id, prover), self.prove(job_id, prover)

    def infer(self, job_id: str, prover: ProvingSystem | None = None) -> Outcome:
        """The first task."""
        return attempt(self._with(prover), job_id, 0, Task.INFER, infer)

    def prove(self, job_id: str, prover: ProvingSystem | None = None) -> Outcome:
        """The second."""
        return attempt(self._with(prover), job_id, 0, Task.PROVE, prove)

    def _with(self, prover: ProvingSystem | None) -> Bench:
        return replace(self.bench, systems={"tee/v1": prover or TeeProver()})


@contextmanager
def place(config: Config, name: str = "digits-mlp") -> Iterator[Place]:
    """A home of its own with the model."""
    home, stored, _ = compiled(name)
    for part in ("artifacts", "models"):
        shutil.copytree(home / part, config.home / part)
    queue, bench = open_queue(config), open_bench(config, "w1")
    yield Place(config, queue, bench, stored)
    queue.close()
    bench.database.close()
    open_bench.cache_clear()


def accepting(registered: Registered) -> Policy:
    """The explicit policy that accepts the simulation's answers."""
    return Policy(minimum_assurance=Assurance.SIMULATED, attestation=registered.terms())


def values(tensors: Sequence[Tensor]) -> list[tuple[int, ...]]:
    """The integers of tensors."""
    return [tensor.values for tensor in tensors]
