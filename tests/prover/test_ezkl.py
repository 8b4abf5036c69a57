"""The real thing: an ezkl artifact, answered, proven in child processes, and verified."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import select

from avow.circuits.ezkl.files import PK
from avow.models.compiler.compile import compile_model as compile_program
from avow.models.compiler.options import Options as ProgramOptions
from avow.models.programs import keep_program
from avow.prover.attempt import Outcome, attempt
from avow.prover.bench import Bench, open_bench
from avow.prover.catalogue import Compiled
from avow.prover.config import Config
from avow.prover.inference import infer
from avow.prover.metrics.names import PEAK_MEMORY
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.queue import Queue, open_queue
from avow.prover.request import Numbers, OrderContext, Request
from avow.prover.systems.ezkl import EzklProver, forget_artifacts
from avow.prover.systems.system import Limits, Proof, Tick
from avow.prover.tables import ObservationRow
from avow.verifier.bundle import parse_bundle
from avow.verifier.commitment import Scheme
from avow.verifier.errors import VerificationError
from avow.verifier.lifecycle import JobState
from avow.verifier.policy import Policy
from avow.verifier.records import InputVisibility
from avow.verifier.tensor import Tensor
from avow.verifier.verdict import Assurance, Hides
from avow.verifier.verify import verify
from tests.circuits.tiny import HIDDEN, PUBLIC, compiled, onnx_bytes, rows, source

UNSAFE = Policy(unsafe_allow_unsafe_srs=True)


@dataclass(frozen=True, slots=True)
class Place:
    """A home with one compiled model, its queue and its bench."""

    config: Config
    queue: Queue
    bench: Bench
    artifact: Path

    def record_program(self) -> str:
        """The program digest that the artifact's statements name."""
        found = self.bench.catalogue.find("tiny", "ezkl/v1", None)
        return "0x" + found.record.program.hex()

    def work(self, job_id: str) -> tuple[Outcome, Outcome]:
        """Both tasks, as a worker would."""
        return (
            attempt(self.bench, job_id, 0, Task.INFER, infer),
            attempt(self.bench, job_id, 0, Task.PROVE, prove),
        )


@pytest.fixture(params=[PUBLIC, HIDDEN], ids=["public", "hidden"])
def place(request: pytest.FixtureRequest, config: Config) -> Iterator[Place]:
    """A home of its own for every test, with the tiny model compiled once for all of them."""
    visibility: InputVisibility = request.param
    made = compiled(visibility)
    config = replace(config, allow_unsafe_srs=True)
    folder = config.artifacts / made.folder.name
    shutil.copytree(made.folder, folder)
    model = config.models / made.model.digest().hex()
    model.mkdir(parents=True)
    (model / "model.onnx").write_bytes(onnx_bytes())
    forget_artifacts()
    queue, bench = open_queue(config), open_bench(config, "w1")
    yield Place(config, queue, bench, folder)
    queue.close()
    bench.database.close()
    open_bench.cache_clear()


def ask(order: OrderContext | None = None) -> Request:
    """One row of reals."""
    one = rows(1, 10)
    numbers = tuple(
        Numbers(one[name].shape[1:], tuple(map(float, one[name].reshape(-1))), real=True)
        for name in ("picture", "row")
    )
    return Request("tiny", "ezkl/v1", numbers, order=order)


def test_a_real_answer_is_proven(place: Place) -> None:
    order = OrderContext(31337, b"\x01" * 20, b"\x02" * 32, b"\x03" * 20, 9)
    job = place.queue.submit(ask(order))
    assert place.work(job.id) == (Outcome.DONE, Outcome.DONE)
    proven = place.queue.status(job.id)
    assert proven.state is JobState.PROVEN
    assert proven.answer is not None and proven.preview is not None
    for exact, loose in zip(proven.answer.reals(), proven.preview["outputs"], strict=True):
        assert exact == pytest.approx(loose, abs=0.1)
    data = place.queue.bundle(job.id)
    verdict = verify(data, UNSAFE)
    assert verdict.assurance is Assurance.PROVEN
    assert verdict.outputs == proven.answer.tensors
    bundle = parse_bundle(data)
    assert bundle.statement.nonce == 9 and bundle.statement.domain.chain_id == 31337
    if bundle.system.input_visibility is PUBLIC:
        assert verdict.hides is Hides.NONE and bundle.inputs is not None
    else:
        assert verdict.hides is Hides.INPUTS and bundle.inputs is None
        assert bundle.statement.input.scheme is Scheme.EZKL_POSEIDON
    with pytest.raises(VerificationError, match="SRS is unsafe"):
        verify(data, Policy())
    with place.bench.database.read() as session:
        query = select(ObservationRow.total).where(
            ObservationRow.metric == PEAK_MEMORY.name, ObservationRow.label == "ezkl/v1"
        )
        (peak,) = session.scalars(query).all()
    # A bare interpreter takes half of the least.
    assert 20 * 2**20 < peak < 2 * bundle.system.proving_memory_bytes


def test_the_exact_program_stands_beside_the_answer(place: Place) -> None:
    """Three figures of one job: what the circuit, the exact program and the float model say."""
    made = compile_program(onnx_bytes(), rows(16, 1), ProgramOptions(16, source().record.inputs))
    model = source().record.digest()
    kept = keep_program(place.config.home, model, made.program, made.blobs, made.report)
    job = place.queue.submit(ask())
    assert attempt(place.bench, job.id, 0, Task.INFER, infer) is Outcome.DONE
    answered = place.queue.status(job.id)
    assert answered.answer is not None and answered.program is not None
    assert answered.preview is not None
    assert answered.program["program_digest"] == "0x" + kept.digest.hex()
    figures = zip(
        answered.answer.reals(),
        answered.program["outputs"],
        answered.preview["outputs"],
        strict=True,
    )
    for circuit, program, loose in figures:
        assert program["reals"] == pytest.approx(loose, abs=0.001)
        assert list(circuit) == pytest.approx(loose, abs=0.1)
    # The statement is about the circuit: its program digest is another.
    assert answered.program["program_digest"] != place.record_program()


def test_an_unsafe_srs_needs_a_word(place: Place) -> None:
    strict = replace(
        place, bench=replace(place.bench, config=replace(place.config, allow_unsafe_srs=False))
    )
    job = strict.queue.submit(ask())
    assert strict.work(job.id) == (Outcome.FAILED, Outcome.NOTHING_TO_DO)
    assert "SRS is unsafe" in strict.queue.status(job.id).reason


def test_a_damaged_key_is_refused(place: Place) -> None:
    key = place.artifact / PK
    data = bytearray(key.read_bytes())
    data[len(data) // 2] ^= 1
    key.write_bytes(data)
    job = place.queue.submit(ask())
    assert place.work(job.id)[0] is Outcome.FAILED
    assert "damaged" in place.queue.status(job.id).reason


def test_a_key_damaged_after_loading_gives_no_bundle(place: Place) -> None:
    job = place.queue.submit(ask())
    assert attempt(place.bench, job.id, 0, Task.INFER, infer) is Outcome.DONE
    key = place.artifact / PK
    data = bytearray(key.read_bytes())
    # Far from the head, so that the key still parses and ezkl proves something false.
    for at in range(len(data) // 2, len(data) // 2 + 4096, 32):
        data[at] ^= 1
    key.write_bytes(data)
    assert attempt(place.bench, job.id, 0, Task.PROVE, prove) is Outcome.AGAIN
    waiting = place.queue.status(job.id)
    assert waiting.state is JobState.ANSWERED
    assert waiting.evidence[0].bundle is None
    assert list(place.config.bundles.glob("*")) == []


def test_a_proof_beyond_its_time_is_stopped(place: Place) -> None:
    hasty = replace(
        place, bench=replace(place.bench, config=replace(place.config, prove_seconds=0))
    )
    job = hasty.queue.submit(ask())
    assert hasty.work(job.id) == (Outcome.DONE, Outcome.AGAIN)
    assert "did not end within 0 s" in hasty.queue.status(job.id).reason


class Liar(EzklProver):
    """Proves something true about another statement."""

    def prove(
        self,
        compiled: Compiled,
        inputs: Sequence[Tensor],
        salt: bytes,
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> Proof:
        """A valid proof, bound to a root that nobody asked for."""
        return super().prove(compiled, inputs, salt, bytes(32), limits, tick)


def test_the_self_check_refuses_a_proof_of_another_statement(place: Place) -> None:
    lying = replace(place, bench=replace(place.bench, systems={"ezkl/v1": Liar()}))
    job = lying.queue.submit(ask())
    assert lying.work(job.id) == (Outcome.DONE, Outcome.AGAIN)
    assert "did not pass its own check: proof:" in lying.queue.status(job.id).reason
    assert list(place.config.bundles.glob("*")) == []
