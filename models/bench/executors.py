"""The executors on real models: the exact program beside the float model it was compiled from."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import onnxruntime

from avow.models.compiler.compile import Compiled
from avow.models.compiler.options import PRECISIONS
from avow.models.compiler.stored import compile_stored
from avow.models.errors import ModelError
from avow.models.program.bench import Measurement, race
from avow.models.program.fast import FastExecutor
from avow.models.program.reference import Reference
from avow.models.store import StoredModel

# The compiled graphs fix their batch, and a job is one sample.
BATCH = 1


@dataclass(frozen=True, slots=True)
class ExecutorRow:
    """One model at one width; `fidelity` is what its compilation measured, times are medians.

    `chosen` says that this is the width that a compilation without `--bits` takes.
    """

    model: str
    bits: int
    chosen: bool
    program_digest: str
    operations: int
    multiplications: int
    constant_bytes: int
    compile_seconds: float
    fidelity: dict[str, object]
    float_ms: float
    exact_ms: float
    reference_ms: float
    ratio: float

    def to_json(self) -> dict[str, object]:
        """As plain JSON values."""
        return asdict(self)


def measure_model(
    stored: StoredModel, rounds: int, threads: int, say: Callable[[str], None]
) -> Iterator[ExecutorRow]:
    """Compile a model at every width and measure both of its forms on a held-out row.

    Raises `ModelError` where the fast executor differs from the reference in any bit: then
    there is nothing to compare.
    """
    chosen: int | None = None
    for bits in PRECISIONS:
        name = stored.record.name
        say(f"{name} at {bits} bits")
        began = time.perf_counter()
        compiled = compile_stored(stored, bits)
        seconds = time.perf_counter() - began
        report = compiled.report
        if chosen is None and (report["fidelity"]["verdict"] == "kept" or bits == PRECISIONS[-1]):
            chosen = bits
        measured = _measure(stored, compiled, bits, rounds, threads)
        yield ExecutorRow(
            model=name,
            bits=bits,
            chosen=chosen == bits,
            program_digest=report["program_digest"],
            operations=len(report["operations"]),
            multiplications=report["multiplications"],
            constant_bytes=report["blob_bytes"],
            compile_seconds=round(seconds, 3),
            fidelity=report["fidelity"],
            float_ms=measured.float_ms,
            exact_ms=measured.fast_ms,
            reference_ms=measured.reference_ms,
            ratio=measured.ratio,
        )


def _measure(
    stored: StoredModel, compiled: Compiled, bits: int, rounds: int, threads: int
) -> Measurement:
    model, rows = stored.model(), stored.held_out()
    if rows is None:
        raise ModelError(f"{stored.record.name} has no held-out row to measure with")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.data, options, providers=["CPUExecutionProvider"])
    reals = {
        port.name: array[0].astype(np.float32)
        for port, array in zip(model.inputs, rows.inputs, strict=True)
    }
    integers = [
        np.rint(array[:BATCH] * 2.0**spec.scale).astype(np.int64)
        for spec, array in zip(compiled.program.inputs, rows.inputs, strict=True)
    ]
    fast = FastExecutor(compiled.program, compiled.blobs, threads)
    reference = Reference(compiled.program, compiled.blobs)
    for got, expected in zip(fast.run(integers), reference.run(integers), strict=True):
        if not np.array_equal(got, expected):
            raise ModelError(f"{stored.record.name}: the executors differ on this machine")
    return race(
        (stored.record.name, bits, BATCH),
        partial(session.run, None, reals),
        partial(fast.run, integers),
        partial(reference.run, integers),
        rounds,
    )
