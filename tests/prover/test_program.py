"""The exact program's answer stands beside a job's answer, labelled, or says why it does not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avow.models.compiler.compile import compile_model
from avow.models.compiler.options import Options
from avow.models.errors import ModelError
from avow.models.program.reference import Reference
from avow.models.programs import keep_program
from avow.prover import worker as worker_module
from avow.prover.attempt import Outcome, attempt
from avow.prover.catalogue import Compiled
from avow.prover.config import Config
from avow.prover.inference import infer
from avow.prover.outbox import Task
from avow.prover.program import run_program
from avow.prover.worker import Worker
from avow.verifier.tensor import Tensor
from tests.circuits.tiny import onnx_bytes, rows, source
from tests.prover.tiny import Shop, TinyCatalogue, request


def the_model() -> Compiled:
    """A small model as a job's artifact names it; of the system nothing is used here."""
    artifact = TinyCatalogue().find("tiny", "tiny/v1", None)
    return replace(artifact, model=source().record)


def with_program(home: Path, model: Compiled, bits: int = 12) -> bytes:
    """Compile the small model and keep its program as `model`'s; returns its digest."""
    made = compile_model(onnx_bytes(), rows(16, 1), Options(bits, source().record.inputs))
    digest = model.model.digest()
    return keep_program(home, digest, made.program, made.blobs, made.report).digest


def inputs(model: Compiled, seed: int = 5) -> tuple[Tensor, ...]:
    """One random row as the integers of a request."""
    one = rows(1, seed)
    return tuple(
        spec.quantise([float(value) for value in one[spec.name].reshape(-1)])
        for spec in model.model.inputs
    )


def test_the_program_answers(tmp_path: Path) -> None:
    model = the_model()
    assert run_program(tmp_path, model, inputs(model)) is None
    digest = with_program(tmp_path, model)
    made = compile_model(onnx_bytes(), rows(16, 1), Options(12, source().record.inputs))
    for seed in range(4):
        given = inputs(model, seed)
        said = run_program(tmp_path, model, given)
        assert said is not None and (said.digest, said.unavailable) == ("0x" + digest.hex(), "")
        arrays = [np.array(one.values).reshape(1, *one.shape) for one in given]
        for tensor, array in zip(
            said.outputs, Reference(made.program, made.blobs).run(arrays), strict=True
        ):
            assert list(tensor.values) == array.reshape(-1).tolist()


def test_a_program_that_is_proven_itself_does_not_stand_beside_its_answer(tmp_path: Path) -> None:
    model = the_model()
    digest = with_program(tmp_path, model)
    proven = replace(model, record=replace(model.record, program=digest))
    assert run_program(tmp_path, proven, inputs(model)) is None
    assert run_program(tmp_path, model, inputs(model)) is not None


def test_another_program_gives_another_answer(tmp_path: Path) -> None:
    """The digest in the record says which program it was."""
    model = the_model()
    with_program(tmp_path, model, 16)
    fine = run_program(tmp_path, model, inputs(model))
    with_program(tmp_path, model, 8)
    coarse = run_program(tmp_path, model, inputs(model))
    assert fine is not None and coarse is not None
    assert fine.digest != coarse.digest and fine.outputs != coarse.outputs


@pytest.mark.parametrize("damage", ["note", "program", "blob"])
def test_a_damaged_program_says_so(tmp_path: Path, damage: str) -> None:
    model = the_model()
    digest = with_program(tmp_path, model)
    folder = tmp_path / "programs" / digest.hex()
    path = {
        "note": tmp_path / "programs" / "by-model" / f"{model.model.digest().hex()}.json",
        "program": folder / "program.json",
        "blob": next((folder / "blobs").iterdir()),
    }[damage]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(b"{" if damage == "note" else data)
    said = run_program(tmp_path, model, inputs(model))
    assert said is not None and said.outputs == () and said.unavailable
    assert '"unavailable"' in said.to_text() and '"outputs"' not in said.to_text()


def test_inputs_of_another_model_are_not_answered(tmp_path: Path) -> None:
    model = the_model()
    with_program(tmp_path, model)
    (first, *rest) = inputs(model)
    wrong = replace(first, values=(2**14, *first.values[1:]))
    for given in ((wrong, *rest), tuple(rest)):
        said = run_program(tmp_path, model, given)
        assert said is not None and said.unavailable and said.outputs == ()


def test_the_job_holds_both(shop: Shop, config: Config) -> None:
    """Preview, program and answer, each under its own name; the answer stays the system's."""
    before = shop.queue.submit(request(1, 2, 3, 4))
    assert attempt(shop.bench(), before.id, 0, Task.INFER, infer) is Outcome.DONE
    assert shop.queue.status(before.id).program is None
    assert "program" not in shop.queue.status(before.id).to_json()
    model = the_model()
    digest = with_program(config.home, model)
    bench = replace(
        shop.bench(), program=lambda home, _, given: run_program(home, model, inputs(model))
    )
    job = shop.queue.submit(request(5, 6, 7, 8))
    assert attempt(bench, job.id, 0, Task.INFER, infer) is Outcome.DONE
    answered = shop.queue.status(job.id)
    assert answered.preview is not None and answered.preview["kind"] == "preview"
    assert answered.program is not None and answered.answer is not None
    assert answered.program["kind"] == "program"
    assert answered.program["program_digest"] == "0x" + digest.hex()
    assert "proof is not about it" in answered.program["note"]
    (scores, total) = answered.program["outputs"]
    assert (scores["name"], len(scores["integers"]), total["name"]) == ("scores", 4, "total")
    assert scores["reals"] == [value / 2 ** scores["scale"] for value in scores["integers"]]
    assert answered.to_json()["program"] == answered.program
    # The tiny system adds its inputs up, whatever a program says.
    assert answered.answer.tensors[0].values == (26,)


def test_a_machine_that_computes_wrongly_answers_nobody(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong() -> int:
        raise ModelError("self-check 'sums': this machine computes 1 of 9 elements wrongly")

    monkeypatch.setattr(worker_module, "self_check", wrong)
    with pytest.raises(ModelError, match="computes 1 of 9 elements wrongly"):
        Worker(config).run()
    assert not (config.home / "avow.sqlite3").exists()
