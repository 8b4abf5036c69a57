"""A proof system for tests alone: it answers with a sum and "proves" by a keyed hash."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from avow.prover.bench import Bench
from avow.prover.catalogue import Compiled
from avow.prover.children import before_exec
from avow.prover.config import Config
from avow.prover.database import Database
from avow.prover.errors import RequestRefused, TryAgain
from avow.prover.holder import this_process
from avow.prover.preview import Preview
from avow.prover.queue import Queue
from avow.prover.request import Numbers, Request
from avow.prover.stores.folder import FolderStore
from avow.prover.stores.store import BundleStore
from avow.prover.systems.system import Answer, Limits, Proof, Tick
from avow.verifier.bundle import parse_bundle
from avow.verifier.commitment import commit_public
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.keccak import keccak256
from avow.verifier.policy import Policy
from avow.verifier.records import (
    Fidelity,
    InputVisibility,
    ModelRecord,
    OutputShape,
    SystemRecord,
    WeightVisibility,
)
from avow.verifier.tensor import ElementType, Tensor, TensorSpec, tensors_digest
from avow.verifier.verdict import Assurance, Hides

SYSTEM = "tiny/v1"
MODEL = ModelRecord(
    name="tiny",
    version="1",
    onnx_sha256=bytes(31) + b"\x01",
    inputs=(TensorSpec("x", ElementType.INT16, (4,), 4, -320, 320),),
    outputs=(OutputShape("y", (1,)),),
    licence="Apache-2.0",
    owner=bytes(20),
)
RECORD = SystemRecord(
    model=MODEL.digest(),
    system=SYSTEM,
    program=keccak256(b"sum"),
    key=keccak256(b"key"),
    srs=None,
    outputs=(TensorSpec("y", ElementType.INT32, (1,), 4, -(2**31), 2**31 - 1),),
    input_visibility=InputVisibility.PUBLIC,
    weight_visibility=WeightVisibility.FIXED,
    fidelity=Fidelity(0, "0", "0", "0"),
    constraints=1,
    proving_memory_bytes=1000,
    evm_codehash=None,
    measurements=(),
    details=(),
)
COMPILED = Compiled(Path("/nowhere"), Path("/nowhere/model.onnx"), MODEL, RECORD)


def request(*values: int, client_key: str | None = None, nonce: int | None = None) -> Request:
    """A request for the sum of four integers."""
    numbers = Numbers((4,), tuple(values or (1, 2, 3, 4)), real=False)
    return Request("tiny", SYSTEM, (numbers,), client_key=client_key, nonce=nonce)


def run_sum(inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The proven program."""
    return (Tensor(ElementType.INT32, (1,), (sum(inputs[0].values),)),)


def seal(root: bytes, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> str:
    """The hash that stands for a proof."""
    return to_hex(keccak256(root + tensors_digest(inputs) + tensors_digest(outputs)))


class TinyCatalogue:
    """Knows one artifact."""

    def __init__(self, compiled: Compiled = COMPILED) -> None:
        self.compiled = compiled

    def find(
        self, model: str, system: str | None, record: str | None, hides: Hides | None = None
    ) -> Compiled:
        """The artifact, when the names are its own."""
        known = model in ("tiny", "tiny@1", self.compiled.model_digest)
        known &= system in (None, SYSTEM) and hides in (None, Hides.NONE)
        if not known or record not in (None, self.compiled.record_digest):
            raise RequestRefused(f"model: no compiled model {model!r}")
        return self.compiled

    def all(self) -> list[Compiled]:
        """Everything there is."""
        return [self.compiled]


@dataclass
class TinySystem:
    """Counts what it does; hooks let a test fail, wait or interfere inside the work."""

    answered: int = 0
    proved: int = 0
    on_answer: Callable[[Tick], None] = lambda tick: None
    on_prove: Callable[[Tick], None] = lambda tick: None
    forge: bool = False
    sizes: tuple[int, ...] = (1,)
    alone: list[int] = field(default_factory=list)
    batches: list[list[int]] = field(default_factory=list)

    def answer(
        self, compiled: Compiled, inputs: Sequence[Tensor], salt: bytes, limits: Limits, tick: Tick
    ) -> Answer:
        """The sum."""
        self.on_answer(tick)
        self.answered += 1
        return Answer(run_sum(inputs), commit_public(inputs))

    def prove(
        self,
        compiled: Compiled,
        inputs: Sequence[Tensor],
        salt: bytes,
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> Proof:
        """The hash, or a wrong one."""
        self.on_prove(tick)
        self.proved += 1
        self.alone.append(sum(inputs[0].values))
        outputs = run_sum(inputs)
        made = seal(bytes(32) if self.forge else root, inputs, outputs)
        return Proof(outputs, {"seal": made}, {})

    def batch_sizes(self, compiled: Compiled) -> tuple[int, ...]:
        """What the test says."""
        return self.sizes

    def batch_memory(self, compiled: Compiled, size: int) -> int:
        """As much for each sample as for one alone."""
        return size * compiled.record.proving_memory_bytes

    def prove_batch(
        self,
        compiled: Compiled,
        inputs: Sequence[Sequence[Tensor]],
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> list[Proof]:
        """The hash of each sample, all under one root."""
        self.on_prove(tick)
        self.batches.append([sum(sample[0].values) for sample in inputs])
        found = []
        for sample in inputs:
            outputs = run_sum(sample)
            made = seal(bytes(32) if self.forge else root, sample, outputs)
            found.append(Proof(outputs, {"seal": made}, {}))
        return found


def check(draft: Path, policy: Policy, limits: Limits, tick: Tick) -> Assurance:
    """What the verifier would do for this system: parse, recompute, compare.

    A bundle that passes is worth what was asked of it, and no more.
    """
    try:
        bundle = parse_bundle(draft.read_bytes())
    except VerificationError as error:
        raise TryAgain(f"the evidence did not pass its own check: {error}") from error
    root = bundle.path.root(bundle.statement.digest())
    if bundle.inputs is None or bundle.proof != {
        "seal": seal(root, bundle.inputs, run_sum(bundle.inputs))
    }:
        raise TryAgain("the evidence did not pass its own check: wrong seal")
    said = (bundle.statement.nonce, bundle.outputs, bundle.system.digest())
    if said != (policy.nonce, policy.outputs, policy.record):
        raise TryAgain("the evidence did not pass its own check: about something else")
    return policy.minimum_assurance


def no_preview(compiled: Compiled, inputs: tuple[Tensor, ...]) -> Preview:
    """There is no float model behind the sum."""
    return Preview((), "", "the tiny system has no float model")


@dataclass
class Clock:
    """A clock that a test sets, in milliseconds."""

    now: int = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now


@dataclass
class Shop:
    """A queue and a bench over the same database, in this process, with the tiny system."""

    config: Config
    database: Database
    clock: Clock = field(default_factory=Clock)
    system: TinySystem = field(default_factory=TinySystem)
    catalogue: TinyCatalogue = field(default_factory=TinyCatalogue)
    bundles: BundleStore | None = None

    @property
    def store(self) -> BundleStore:
        """The store of bundles: a folder unless the test says else."""
        return self.bundles or FolderStore(self.config.bundles)

    @property
    def queue(self) -> Queue:
        """What callers use."""
        return Queue(self.config, self.database, self.catalogue, self.store, self.clock)

    def bench(self, worker: str = "w1") -> Bench:
        """What workers use."""
        return Bench(
            config=self.config,
            database=self.database,
            catalogue=self.catalogue,
            store=self.store,
            holder=this_process(worker),
            clock=self.clock,
            preview=no_preview,
            check=check,
            systems={SYSTEM: self.system},
        )


@dataclass
class SlowTiny(TinySystem):
    """For real workers: a negative first value is how many seconds a child process waits.

    In a batch it is the negative second value of any sample. Each beginning and end of a proof is
    written to the file TINY_LOG.
    """

    def prove(
        self,
        compiled: Compiled,
        inputs: Sequence[Tensor],
        salt: bytes,
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> Proof:
        """Waits in a child, ticking, then proves."""
        log = Path(os.environ["TINY_LOG"])
        values = list(inputs[0].values)
        _note(log, {"event": "begin", "pid": os.getpid(), "values": values})
        _wait(max(0, -values[0]), tick)
        _note(log, {"event": "end", "pid": os.getpid(), "values": values})
        return super().prove(compiled, inputs, salt, root, limits, tick)

    def prove_batch(
        self,
        compiled: Compiled,
        inputs: Sequence[Sequence[Tensor]],
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> list[Proof]:
        """Waits in a child, ticking, then proves; noted under the first value of the first one."""
        log = Path(os.environ["TINY_LOG"])
        values = [inputs[0][0].values[0], len(inputs)]
        _note(log, {"event": "begin batch", "pid": os.getpid(), "values": values})
        _wait(max(0, *(-sample[0].values[1] for sample in inputs)), tick)
        _note(log, {"event": "end batch", "pid": os.getpid(), "values": values})
        return super().prove_batch(compiled, inputs, root, limits, tick)


def _wait(seconds: int, tick: Tick) -> None:
    if not seconds:
        return
    child = subprocess.Popen(["sleep", str(seconds)], preexec_fn=before_exec())
    try:
        while child.poll() is None:
            tick("proving", None)
            time.sleep(0.05)
    finally:
        child.kill()
        child.wait()


def _note(log: Path, event: dict[str, object]) -> None:
    with log.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(event) + "\n")
