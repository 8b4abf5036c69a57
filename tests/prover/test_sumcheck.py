"""The real thing: a sumcheck artifact, answered, proven in the kept child, and verified."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace

import pytest

from avow.circuits.artifact import Artifact
from avow.circuits.srs_choice import UnsafeSrs
from avow.circuits.sumcheck.compile import Options, compile_model
from avow.models.catalogue import add_zoo_model
from avow.models.schema import quantise_row
from avow.models.store import ModelStore, StoredModel
from avow.prover.attempt import Outcome, attempt
from avow.prover.bench import Bench, open_bench
from avow.prover.catalogue import Compiled
from avow.prover.config import Config
from avow.prover.errors import Refused
from avow.prover.inference import infer
from avow.prover.native.curve import NativeCurve
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.queue import Queue, open_queue
from avow.prover.request import OrderContext, Request
from avow.prover.systems.sumcheck.prove import STAGES
from avow.prover.systems.sumcheck.system import SumcheckProver
from avow.prover.systems.system import Limits, Proof, Tick
from avow.verifier.bundle import parse_bundle
from avow.verifier.errors import VerificationError
from avow.verifier.lifecycle import JobState
from avow.verifier.policy import Policy
from avow.verifier.tensor import Tensor
from avow.verifier.verdict import Assurance, Hides
from avow.verifier.verify import verify
from tests.prover.provers import children
from tests.prover.tracing import traced, tree

pytestmark = pytest.mark.usefixtures("earlier")
UNSAFE = Policy(unsafe_allow_unsafe_srs=True)
_HOMES: list[Path] = []


@dataclass(frozen=True, slots=True)
class Shared:
    """A home that tests copy from, with one compiled model."""

    home: Path
    stored: StoredModel
    artifact: Artifact


@lru_cache(maxsize=4)
def compiled(name: str) -> Shared:
    """The model compiled once for all tests, under a string made here."""
    home = Path(mkdtemp(prefix="avow-sumcheck-"))
    _HOMES.append(home)
    stored = add_zoo_model(ModelStore.at(home), name).stored
    curve = NativeCurve()
    options = Options(UnsafeSrs(home / "srs", curve), curve)
    made = compile_model(stored, home, options, home / "artifacts", lambda step, what: None)
    return Shared(home, stored, made.artifact)


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

    config: Config
    queue: Queue
    bench: Bench
    shared: Shared
    prover: SumcheckProver

    def ask(self, row: int = 0, order: OrderContext | None = None) -> Request:
        """One held-out row; no system is named."""
        stored = self.shared.stored
        rows = stored.held_out()
        assert rows is not None
        inputs = tuple(quantise_row(stored.record, rows, row))
        return Request(stored.record.name, None, inputs, order=order)

    def work(self, job_id: str) -> tuple[Outcome, Outcome]:
        """Both tasks, as a worker would."""
        return (
            attempt(self.bench, job_id, 0, Task.INFER, infer),
            attempt(self.bench, job_id, 0, Task.PROVE, prove),
        )


def place_of(name: str, config: Config) -> Iterator[Place]:
    shared = compiled(name)
    # However slow this machine is just now, batches are not kept small for that.
    config = replace(config, allow_unsafe_srs=True, batch_seconds=3600)
    for part in ("artifacts", "models"):
        shutil.copytree(shared.home / part, config.home / part)
    prover = SumcheckProver()
    queue = open_queue(config)
    bench = replace(open_bench(config, "w1"), systems={"sumcheck/v1": prover})
    yield Place(config, queue, bench, shared, prover)
    prover.close()
    queue.close()
    bench.database.close()
    open_bench.cache_clear()


@pytest.fixture
def place(config: Config) -> Iterator[Place]:
    """A home of its own for every test with a model of milliseconds."""
    yield from place_of("digits-mlp", config)


def test_a_real_answer_is_proven(place: Place) -> None:
    order = OrderContext(31337, b"\x01" * 20, b"\x02" * 32, b"\x03" * 20, 9)
    job = place.queue.submit(place.ask(order=order))
    assert job.evidence[0].system == "sumcheck/v1"
    assert place.work(job.id) == (Outcome.DONE, Outcome.DONE)
    proven = place.queue.status(job.id)
    assert proven.state is JobState.PROVEN
    assert proven.answer is not None and proven.preview is not None
    # The answer is the program's own, so that no other one stands beside it.
    assert proven.program is None
    for exact, loose in zip(proven.answer.reals(), proven.preview["outputs"], strict=True):
        assert exact == pytest.approx(loose, abs=0.5)
    data = place.queue.bundle(job.id)
    verdict = verify(data, UNSAFE)
    assert (verdict.assurance, verdict.hides) == (Assurance.PROVEN, Hides.NONE)
    assert verdict.outputs == proven.answer.tensors
    bundle = parse_bundle(data)
    assert bundle.statement.nonce == 9 and bundle.statement.domain.chain_id == 31337
    with pytest.raises(VerificationError, match="SRS is unsafe"):
        verify(data, Policy())


def test_a_trace_goes_on_in_the_proving_process(place: Place) -> None:
    with traced() as exporter:
        job = place.queue.submit(place.ask())
        assert place.work(job.id) == (Outcome.DONE, Outcome.DONE)
        (child,) = children()
        spans = exporter.get_finished_spans()
    inside = [span for span in spans if span.attributes.get("avow.pid") == child.pid]
    named = {span.name for span in inside}
    assert named >= {"loading", "running", "commit", "opening"}
    parents = tree(exporter)
    assert parents["running"] == "answer"
    assert {parents[stage] for stage in named & set(STAGES)} == {"make proof"}
    proof = next(span for span in spans if span.name == "make proof")
    stages = [span for span in inside if span.name in STAGES]
    assert len({span.context.trace_id for span in spans}) == 1
    assert all(proof.start_time <= one.start_time <= one.end_time for one in stages)
    assert all(one.end_time <= proof.end_time for one in stages)


def test_every_row_has_a_proof_of_its_own(place: Place) -> None:
    """The kept process carries nothing from one proof into the next."""
    bundles = []
    for row in (3, 4, 3):
        job = place.queue.submit(place.ask(row))
        assert place.work(job.id) == (Outcome.DONE, Outcome.DONE)
        bundles.append(parse_bundle(place.queue.bundle(job.id)))
    first, second, again = bundles
    assert first.outputs == again.outputs != second.outputs
    # Other nonces, so other statements, so other proofs.
    assert len({str(bundle.proof) for bundle in bundles}) == 3
    assert len(children()) == 1
    moved = replace(first, proof=again.proof)
    with pytest.raises(VerificationError, match="proof"):
        verify(moved.encode(), UNSAFE)


class Meddling(SumcheckProver):
    """Proves, telling each stage to somebody first."""

    def __init__(self, see: Callable[[str], None]) -> None:
        super().__init__()
        self._see = see

    def prove(
        self,
        compiled: Compiled,
        inputs: Sequence[Tensor],
        salt: bytes,
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> Proof:
        """The proof."""

        def both(stage: str, percent: int | None) -> None:
            self._see(stage)
            tick(stage, percent)

        return super().prove(compiled, inputs, salt, root, limits, both)


def test_a_proof_that_does_not_pass_its_check_is_never_shown(place: Place) -> None:
    class Liar(SumcheckProver):
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

    liar = Liar()
    bench = replace(place.bench, systems={"sumcheck/v1": liar})
    job = place.queue.submit(place.ask())
    assert attempt(bench, job.id, 0, Task.INFER, infer) is Outcome.DONE
    assert attempt(bench, job.id, 0, Task.PROVE, prove) is Outcome.AGAIN
    liar.close()
    waiting = place.queue.status(job.id)
    assert waiting.state is JobState.ANSWERED and "did not pass its own check" in waiting.reason


def test_a_damaged_artifact_is_refused(place: Place) -> None:
    job = place.queue.submit(place.ask())
    (folder,) = (place.config.artifacts / place.shared.artifact.folder.name,)
    key = folder / "key.json"
    key.write_bytes(key.read_bytes().replace(b'"width":', b'"width": '))
    assert attempt(place.bench, job.id, 0, Task.INFER, infer) is Outcome.FAILED
    assert "key.json was altered" in place.queue.status(job.id).reason


def test_too_little_memory_is_said(place: Place) -> None:
    record = place.shared.artifact.record
    config = replace(place.config, prove_memory=record.proving_memory_bytes)
    job = place.queue.submit(place.ask())
    place.prover.close()
    tight = replace(place.bench, config=replace(config, prove_memory=24 * 2**20))
    assert attempt(tight, job.id, 0, Task.INFER, infer) is Outcome.AGAIN
    assert "memory" in place.queue.status(job.id).reason.lower()
    assert children() == []


def test_the_prediction_holds(place: Place) -> None:
    job = place.queue.submit(place.ask())
    assert place.work(job.id) == (Outcome.DONE, Outcome.DONE)
    (child,) = children()
    used = child.memory_info().rss
    predicted = place.shared.artifact.record.proving_memory_bytes
    assert used < 1.5 * predicted, (used, predicted)


@pytest.fixture
def large(config: Config) -> Iterator[Place]:
    """The same with a model whose loading alone takes a while."""
    yield from place_of("cnn-264k", config)


@pytest.mark.parametrize("when", ["loading", "commit", "linear"])
def test_cancelling_ends_the_process_within_a_second(large: Place, when: str) -> None:
    looks: list[str] = []
    least = 0 if when == "loading" else STAGES.index(when)

    def cancel(stage: str) -> None:
        # A stage of a millisecond may have passed before anybody looked.
        reached = when == "loading" or (stage in STAGES and STAGES.index(stage) >= least)
        if reached and not looks:
            large.queue.cancel(job.id)
        if reached or looks:
            looks.append(stage)

    meddling = Meddling(cancel)
    bench = replace(large.bench, systems={"sumcheck/v1": meddling})
    for row in range(30):
        job = large.queue.submit(large.ask(row))
        assert attempt(large.bench, job.id, 0, Task.INFER, infer) is Outcome.DONE
        outcome = attempt(bench, job.id, 0, Task.PROVE, prove)
        if looks:
            break
        # On a busy machine the rest of a proof passes, too, before anybody looks.
        assert outcome is Outcome.DONE
    meddling.close()
    assert looks, "every proof came to its end before it could be cancelled"
    # There are ten of them in a second.
    assert outcome is Outcome.LOST and len(looks) <= 10
    assert large.queue.status(job.id).state is JobState.CANCELLED


def answered(place: Place, count: int) -> list[str]:
    """Jobs whose answers are published; the first proof of the artifact is made before them."""
    first = place.queue.submit(place.ask())
    assert place.work(first.id) == (Outcome.DONE, Outcome.DONE)
    jobs = [place.queue.submit(place.ask(row)).id for row in range(1, count + 1)]
    for job_id in jobs:
        assert attempt(place.bench, job_id, 0, Task.INFER, infer) is Outcome.DONE
    return jobs


def test_answers_that_wait_share_a_proof(place: Place) -> None:
    jobs = answered(place, 3)
    assert attempt(place.bench, jobs[0], 0, Task.PROVE, prove) is Outcome.DONE
    found = [place.queue.bundle(job_id) for job_id in jobs]
    bundles = [parse_bundle(data) for data in found]
    proofs = [bundle.proof for bundle in bundles]
    assert all(isinstance(proof, dict) and proof["batch"] == 4 for proof in proofs)
    assert len({str(proof["data"]) for proof in proofs if isinstance(proof, dict)}) == 1
    assert len({str(proof["opening"]) for proof in proofs if isinstance(proof, dict)}) == 3
    # Each is verified by itself, as anybody else would do it.
    for job_id, data in zip(jobs, found, strict=True):
        job = place.queue.status(job_id)
        assert job.state is JobState.PROVEN and job.answer is not None
        assert verify(data, replace(UNSAFE, outputs=job.answer.tensors)).assurance.value == "PROVEN"
    # Nobody's tensors, statement or opening is in another one's bundle.
    for one in bundles:
        others = [other for other in bundles if other is not one]
        data = one.encode()
        for other in others:
            assert isinstance(other.proof, dict) and other.inputs is not None
            for secret in (
                str(other.statement.nonce).encode(),
                other.statement.digest().hex().encode(),
                other.statement.input.value.hex().encode(),
                str(other.proof["opening"]).encode(),
                str(other.inputs[0].to_json()["data"]).encode(),
            ):
                assert secret not in data
    # An opening serves its own bundle only.
    swapped = replace(bundles[0], proof=bundles[1].proof)
    with pytest.raises(VerificationError, match="proof"):
        verify(swapped.encode(), UNSAFE)
    assert len(children()) == 1


def test_sizes_and_memory_of_a_batch_are_known_before(place: Place) -> None:
    shared = place.shared
    compiled = Compiled(
        shared.artifact.folder, shared.stored.folder, shared.artifact.model, shared.artifact.record
    )
    sizes = place.prover.batch_sizes(compiled)
    assert sizes == (1, 2, 4, 8, 16)
    memory = [place.prover.batch_memory(compiled, size) for size in sizes]
    assert memory == sorted(memory)
    assert memory[0] == shared.artifact.record.proving_memory_bytes


def test_a_batch_of_other_tensors_is_refused_and_made_alone(place: Place) -> None:
    class Muddled(SumcheckProver):
        def prove_batch(
            self,
            compiled: Compiled,
            inputs: Sequence[Sequence[Tensor]],
            root: bytes,
            limits: Limits,
            tick: Tick,
        ) -> list[Proof]:
            found = super().prove_batch(compiled, inputs, root, limits, tick)
            return [found[1], found[0], *found[2:]] if len(found) > 1 else found

    jobs = answered(place, 3)
    muddled = Muddled()
    bench = replace(place.bench, systems={"sumcheck/v1": muddled})
    assert attempt(bench, jobs[0], 0, Task.PROVE, prove) is Outcome.DONE
    muddled.close()
    bundles = [parse_bundle(place.queue.bundle(job_id)) for job_id in jobs]
    batches = [bundle.proof["batch"] for bundle in bundles if isinstance(bundle.proof, dict)]
    # Two would have got each other's; nobody saw that.
    assert batches == [1, 1, 4]
    for bundle in bundles:
        assert verify(bundle.encode(), UNSAFE).assurance is Assurance.PROVEN


def test_a_member_is_cancelled_while_the_batch_is_proven(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = answered(place, 3)
    cancelled = False
    clock = SimpleNamespace(monotonic=lambda: clock.now, now=0.0)
    monkeypatch.setattr("avow.prover.pulse.time", clock)

    class Interrupted(SumcheckProver):
        def prove_batch(
            self,
            compiled: Compiled,
            inputs: Sequence[Sequence[Tensor]],
            root: bytes,
            limits: Limits,
            tick: Tick,
        ) -> list[Proof]:
            nonlocal cancelled
            if not cancelled:
                place.queue.cancel(jobs[1])
                cancelled = True
                for _ in range(10):
                    clock.now += 0.1
                    tick("witness", None)
            return super().prove_batch(compiled, inputs, root, limits, tick)

    prover = Interrupted()
    bench = replace(place.bench, systems={"sumcheck/v1": prover})
    assert attempt(bench, jobs[0], 0, Task.PROVE, prove) is Outcome.DONE
    prover.close()
    states = [place.queue.status(job_id).state for job_id in jobs]
    assert states == [JobState.PROVEN, JobState.CANCELLED, JobState.PROVEN]
    assert len(list(place.config.bundles.glob("[0-9a-f]*"))) == 3


def test_an_artifact_says_how_many_it_holds(place: Place) -> None:
    shared = place.shared
    compiled = Compiled(
        shared.artifact.folder, shared.stored.folder, shared.artifact.model, shared.artifact.record
    )
    inputs = [place.ask().inputs] * 32
    tensors = [[item for item in sample if isinstance(item, Tensor)] for sample in inputs]
    with pytest.raises(Refused, match="holds up to 16 answers in one proof"):
        place.prover.prove_batch(
            compiled, tensors, bytes(32), Limits(60, 2**31), lambda stage, percent: None
        )
