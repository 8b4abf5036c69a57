"""Runs of the fast executor, committed to tensor by tensor as the definition says."""

from random import Random

import numpy as np
import pytest

from avow.models.errors import ModelError
from avow.prover.trace import Tracer, fast_key, load, store
from avow.verifier.errors import VerificationError
from avow.verifier.trace.commitment import tensor_tree, trace_tree
from avow.verifier.trace.key import program_key
from avow.verifier.trace.layout import ordered
from tests.programs.builder import random_program
from tests.programs.every import every_operation
from tests.programs.runs import STATEMENT, CommittedRun, honest_run


def arrays(run: CommittedRun) -> list[np.ndarray]:
    return [np.array(one.values, np.int64).reshape(1, *one.shape) for one in run.inputs]


def agrees(run: CommittedRun, tracer: Tracer) -> None:
    made = tracer.run(arrays(run))
    layouts = [descriptor.result for descriptor in run.key.descriptors]
    roots = [
        tensor_tree(layout, values).root for layout, values in zip(layouts, run.values, strict=True)
    ]
    assert list(made.roots) == roots
    assert made.outputs == run.outputs
    assert made.trace(STATEMENT) == trace_tree(STATEMENT, roots).root == run.claim().trace
    assert made.stored() == run.stored()


@pytest.mark.parametrize("seed", range(60))
def test_random_programs(seed: int) -> None:
    program, blobs = random_program(seed)
    run = honest_run(program, blobs, seed)
    agrees(run, Tracer(program, blobs, threads=1))
    assert fast_key(program, blobs).digest == run.key.digest


def test_every_operation_and_every_run_anew() -> None:
    program, blobs = every_operation()
    tracer = Tracer(program, blobs, threads=1)
    for seed in range(3):
        agrees(honest_run(program, blobs, seed), tracer)


def test_the_fast_key_is_the_key() -> None:
    for seed in range(20):
        program, blobs = random_program(seed)
        fast, plain = fast_key(program, blobs), program_key(program, blobs)
        assert fast == plain
        assert fast.digest == plain.digest


def test_storage_order_there_and_back() -> None:
    rng = Random(2)
    for width in (1, 2, 4, 8):
        for _ in range(20):
            shape = tuple(rng.choice((1, 2, 3, 4)) for _ in range(rng.randint(0, 5)))
            layout = ordered(width, shape, rng.sample(range(len(shape)), len(shape)))
            values = [rng.randint(-128, 127) for _ in range(layout.count)]
            array = np.array(values, np.int64).reshape(shape)
            data = store(layout, array)
            assert data == layout.store(values)
            assert np.array_equal(load(layout, data), array)


def test_bad_inputs_are_refused() -> None:
    program, blobs = every_operation()
    tracer = Tracer(program, blobs, threads=1)
    run = honest_run(program, blobs)
    good = arrays(run)
    with pytest.raises(VerificationError):
        tracer.run([good[0]])
    with pytest.raises(VerificationError):
        tracer.run([good[0] + 1000, good[1]])
    with pytest.raises(ModelError, match="one sample"):
        tracer.run([np.concatenate([one, one]) for one in good])
