"""Jobs of `optimistic/v1`: answered, committed to, checked by the worker, challengeable."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from avow.circuits.artifact import Artifact
from avow.circuits.errors import CircuitError
from avow.circuits.optimistic.artifact import load
from avow.circuits.optimistic.compile import Options, compile_model
from avow.models.catalogue import add_zoo_model
from avow.models.schema import quantise_row
from avow.models.store import ModelStore, StoredModel
from avow.prover.attempt import Outcome, attempt
from avow.prover.bench import Bench, open_bench
from avow.prover.catalogue import Compiled
from avow.prover.config import Config
from avow.prover.following import is_final
from avow.prover.inference import infer
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.queue import Queue, open_queue
from avow.prover.request import Request
from avow.prover.systems.optimistic.system import OptimisticProver
from avow.prover.systems.system import Limits, Proof, Tick
from avow.prover.trace import fast_key
from avow.verifier.bundle import parse_bundle
from avow.verifier.errors import VerificationError
from avow.verifier.lifecycle import JobState
from avow.verifier.policy import Policy
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Output, Program, run
from avow.verifier.systems.optimistic.claim import parse_claim, parse_material
from avow.verifier.systems.optimistic.sample import Sample
from avow.verifier.tensor import Tensor
from avow.verifier.trace.key import ProgramKey
from avow.verifier.verdict import Assurance
from avow.verifier.verify import verify

pytestmark = pytest.mark.usefixtures("earlier")
NOW = 1_700_000_000
POLICY = Policy(minimum_assurance=Assurance.CHALLENGEABLE)
_HOMES: list[Path] = []


@lru_cache(maxsize=4)
def compiled(name: str) -> tuple[Path, StoredModel, Artifact]:
    """The model compiled once for all tests."""
    home = Path(mkdtemp(prefix="avow-optimistic-"))
    _HOMES.append(home)
    stored = add_zoo_model(ModelStore.at(home), name).stored
    made = compile_model(stored, home, Options(), home / "artifacts", lambda step, what: None)
    return home, stored, made.artifact


@pytest.fixture(scope="module", autouse=True)
def remove_homes() -> Iterator[None]:
    """Every shared home goes away at the end."""
    yield
    for home in _HOMES:
        shutil.rmtree(home, ignore_errors=True)
    _HOMES.clear()
    # Whoever asks later, from another module, gets a new one.
    compiled.cache_clear()


@dataclass(frozen=True, slots=True)
class Place:
    """A home with a compiled model, its queue and its bench."""

    queue: Queue
    bench: Bench
    stored: StoredModel

    def ask(self, row: int = 0) -> str:
        """A job for one held-out row."""
        rows = self.stored.held_out()
        assert rows is not None
        inputs = tuple(quantise_row(self.stored.record, rows, row))
        return self.queue.submit(Request(self.stored.record.name, None, inputs)).id

    def work(self, job_id: str, prover: OptimisticProver) -> tuple[Outcome, Outcome]:
        """Both tasks, as a worker would."""
        bench = replace(self.bench, systems={"optimistic/v1": prover})
        return (
            attempt(bench, job_id, 0, Task.INFER, infer),
            attempt(bench, job_id, 0, Task.PROVE, prove),
        )


@pytest.fixture(params=["digits-mlp", "lenet5"])
def place(request: pytest.FixtureRequest, config: Config) -> Iterator[Place]:
    """A home of its own for every test."""
    home, stored, _ = compiled(request.param)
    for part in ("artifacts", "models"):
        shutil.copytree(home / part, config.home / part)
    queue, bench = open_queue(config), open_bench(config, "w1")
    yield Place(queue, bench, stored)
    queue.close()
    bench.database.close()
    open_bench.cache_clear()


def test_a_run_is_claimed_and_stands_until_its_window_ends(place: Place) -> None:
    job_id = place.ask()
    prover = OptimisticProver(clock=lambda: NOW + 0.7)
    assert place.work(job_id, prover) == (Outcome.DONE, Outcome.DONE)
    found = place.queue.status(job_id)
    assert found.state is JobState.CHALLENGEABLE
    assert is_final("challengeable", 0) and not is_final("challengeable", 1)
    data = place.queue.bundle(job_id)
    verdict = verify(data, POLICY, NOW + 3599)
    assert (verdict.assurance, verdict.final) == (Assurance.CHALLENGEABLE, False)
    assert verdict.final_at == NOW + 3600
    # Only a chain can say that it stood.
    assert not verify(data, POLICY, NOW + 3600).final
    assert found.answer is not None and verdict.outputs == found.answer.tensors
    with pytest.raises(VerificationError, match="asks for PROVEN"):
        verify(data, Policy(), NOW)
    sampled = verify(data, replace(POLICY, sample=Sample(20, b"\x01" * 32)), NOW)
    assert any("20 of " in step.established for step in sampled.steps)
    bundle = parse_bundle(data)
    program, blobs = parse_material(bundle.material)
    assert bundle.inputs is not None and bundle.outputs == run(program, blobs, bundle.inputs)


class WrongTensor(OptimisticProver):
    """Shows a tensor of which one element is another than the run's, under the honest root."""

    def prove(
        self,
        compiled: Compiled,
        inputs: Sequence[Tensor],
        salt: bytes,
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> Proof:
        made = super().prove(compiled, inputs, salt, root, limits, tick)
        claim = parse_claim(made.proof)
        assert claim.tensors is not None
        last = claim.tensors[-1]
        wrong = (*claim.tensors[:-1], last[:-1] + bytes([last[-1] ^ 1]))
        return replace(made, proof=replace(claim, tensors=wrong).to_json())


class WrongStatement(OptimisticProver):
    """Commits to the run for somebody else's statement."""

    def prove(
        self,
        compiled: Compiled,
        inputs: Sequence[Tensor],
        salt: bytes,
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> Proof:
        return super().prove(compiled, inputs, salt, bytes(32), limits, tick)


class WrongOutput(OptimisticProver):
    """Publishes another answer than the run's."""

    def prove(
        self,
        compiled: Compiled,
        inputs: Sequence[Tensor],
        salt: bytes,
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> Proof:
        made = super().prove(compiled, inputs, salt, root, limits, tick)
        first = made.outputs[0]
        wrong = Tensor(first.element_type, first.shape, (first.values[0] ^ 1, *first.values[1:]))
        return replace(made, outputs=(wrong, *made.outputs[1:]))


@pytest.mark.parametrize(
    ("liar", "outcome"),
    [
        (WrongTensor, Outcome.AGAIN),
        (WrongStatement, Outcome.AGAIN),
        (WrongOutput, Outcome.FAILED),
    ],
)
def test_a_worker_whose_run_is_wrong_publishes_nothing(
    place: Place, liar: type[OptimisticProver], outcome: Outcome
) -> None:
    job_id = place.ask(1)
    assert place.work(job_id, liar()) == (Outcome.DONE, outcome)
    assert place.queue.status(job_id).state not in (JobState.PROVEN, JobState.CHALLENGEABLE)


def test_an_artifact_read_with_the_native_core_is_the_same() -> None:
    _, _, artifact = compiled("digits-mlp")
    plain, fast = load(artifact), load(artifact, fast_key)
    assert fast == plain and fast.key.digest == plain.key.digest == artifact.record.key

    def other(program: Program, blobs: Sequence[Blob]) -> ProgramKey:
        return fast_key(replace(program, outputs=(Output("other", 1),)), blobs)

    with pytest.raises(CircuitError, match="its key is not the record's"):
        load(artifact, other)
