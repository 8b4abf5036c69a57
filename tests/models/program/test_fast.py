"""The fast executor equals the reference bit for bit, however it is run."""

from random import Random

import numpy as np
import onnx
import pytest

from avow.models.errors import ModelError
from avow.models.program.blobs import blob_of
from avow.models.program.export import export
from avow.models.program.fast import FastExecutor, Optimisation
from avow.models.program.reference import Reference
from avow.models.program.selfcheck import self_check
from avow.models.program.selfcheck_programs import cases
from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob
from avow.verifier.program.operations import Affine, Constant
from avow.verifier.program.program import Output, Program, Step
from avow.verifier.tensor import ElementType, TensorSpec
from tests.models.program.arrays import batch_inputs, same
from tests.programs.builder import KINDS, random_program

BATCHES = (1, 2, 3, 7, 33)
SEEDS = range(120)


@pytest.mark.parametrize("seed", SEEDS)
def test_equals_the_reference(seed: int) -> None:
    """Batch sizes, thread counts and graph optimisation levels, on one random program."""
    program, blobs = random_program(seed, 8 + seed % 20)
    reference, rng = Reference(program, blobs), Random(seed)
    batches = [batch_inputs(program, rng, batch)[0] for batch in BATCHES]
    expected = [reference.run(inputs) for inputs in batches]
    # Several threads take long to start: every seed has them under one of the levels.
    levels = list(Optimisation)
    for threads, optimisation in [*((1, one) for one in levels), (2, levels[seed % len(levels)])]:
        executor = FastExecutor(program, blobs, threads, optimisation=optimisation)
        for inputs, wanted in zip(batches, expected, strict=True):
            same(executor.run(inputs), wanted)


def test_the_seeds_hold_every_operation() -> None:
    found = {
        type(step.operation).__name__.lower()
        for seed in SEEDS
        for step in random_program(seed, 8 + seed % 20)[0].steps
    }
    assert found == {kind.replace("_", "") for kind in KINDS}


def test_a_batch_in_parts_is_the_same_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    program, blobs = random_program(5)
    inputs, _ = batch_inputs(program, Random(5), 7)
    expected = Reference(program, blobs).run(inputs)
    monkeypatch.setattr("avow.models.program.fast.WORKING_SET", 1)
    same(FastExecutor(program, blobs, 1).run(inputs), expected)


def _program(*outputs: int) -> tuple[Program, list[Blob]]:
    blob = blob_of(np.arange(6).reshape(2, 3))
    steps = (Step(Constant((), 0), 0), Step(Affine((0,), (2,), 1), 0))
    spec = TensorSpec("x", ElementType.INT8, (2, 3), 0, -5, 5)
    named = tuple(Output(f"y{at}", number) for at, number in enumerate(outputs))
    return Program((spec,), (blob.ref(),), steps, named), [blob]


@pytest.mark.parametrize("outputs", [(0,), (1,), (0, 1, 2), (2, 2)], ids=str)
def test_inputs_and_constants_as_outputs(outputs: tuple[int, ...]) -> None:
    program, blobs = _program(*outputs)
    x = np.arange(-5, 1).reshape(1, 2, 3).repeat(4, axis=0)
    same(FastExecutor(program, blobs, 1).run([x]), Reference(program, blobs).run([x]))


def test_refuses_what_no_valid_input_is() -> None:
    program, blobs = _program(2)
    with pytest.raises(VerificationError, match=r"must lie in \[-5, 5\], got 6"):
        FastExecutor(program, blobs, 1).run([np.full((1, 2, 3), 6)])


@pytest.mark.parametrize("others", [[], ["CPUExecutionProvider"]])
def test_a_provider_that_is_not_there_is_refused(others: list[str]) -> None:
    """It is not silently replaced by another."""
    program, blobs = _program(2)
    with pytest.raises(ModelError, match=r"no NoSuchExecutionProvider here, only .*CPU"):
        FastExecutor(program, blobs, providers=["NoSuchExecutionProvider", *others])


@pytest.mark.parametrize("seed", range(0, 120, 4))
def test_the_portable_graph_equals_the_reference(seed: int) -> None:
    """What accelerators are given, here computed by the processor."""
    program, blobs = random_program(seed, 8 + seed % 20)
    inputs, _ = batch_inputs(program, Random(seed), 3)
    expected = Reference(program, blobs).run(inputs)
    same(FastExecutor(program, blobs, 1, portable=True).run(inputs), expected)


def test_the_portable_graph_passes_the_self_check() -> None:
    assert self_check(lambda program, blobs: FastExecutor(program, blobs, 1, portable=True)) > 0


def test_the_portable_graph_has_no_kernels_that_accelerators_lack() -> None:
    kinds = set()
    for case in cases():
        model = export(case.program, case.blobs, portable=True).model
        kinds |= {node.op_type for node in onnx.load_from_string(model or b"").graph.node}
    assert "Gemm" in kinds
    assert not kinds & {"Conv", "MatMulInteger"}
