"""Measures what committing to every tensor costs, beside the answer alone."""

import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from avow.api.bench.scaling_point import BITS, SIZES, net_of, sample_of, time_of
from avow.api.errors import BenchError
from avow.models.program.bench_nets import grow_program
from avow.models.program.blobs import Integers
from avow.models.program.fast import FastExecutor
from avow.prover.native import _core
from avow.prover.trace import Tracer
from avow.verifier.tensor import Tensor


def measure_trace(family: str, number: int, threads: int) -> dict[str, Any]:
    """One row about a network of `avow.api.bench.scaling`: the figures of `time_trace`."""
    program, blobs = grow_program(net_of(family, SIZES[number]), BITS)
    inputs = arrays_of(sample_of(program))
    _core.set_threads(threads)
    fast, tracer = FastExecutor(program, blobs, threads), Tracer(program, blobs, threads)
    return {
        "family": family,
        "number": number,
        "threads": threads,
        "backend": _core.backend(),
        **time_trace(fast, tracer, inputs),
    }


def arrays_of(given: Sequence[Tensor]) -> list[Integers]:
    """One sample as a tracer takes it."""
    return [np.array(one.values, np.int64).reshape(1, *one.shape) for one in given]


def time_trace(fast: FastExecutor, tracer: Tracer, inputs: Sequence[Integers]) -> dict[str, Any]:
    """Seconds of the answer alone, of the answer with its trace, of the hashing alone; medians.

    `stored_bytes` counts all tensors as the trace stores them. Raises `BenchError` where the
    traced run answers otherwise.
    """
    run = tracer.run(inputs)
    if [list(one.values) for one in run.outputs] != [
        array.reshape(-1).tolist() for array in fast.run(inputs)
    ]:
        raise BenchError("the traced run answers differently")
    answer = time_of(lambda: fast.run(inputs))
    traced = time_of(lambda: tracer.run(inputs).trace(bytes(32)))
    hashed = time_of(lambda: tracer.commit(run.tensors))
    size = sum(descriptor.result.size for descriptor in tracer.key.descriptors)
    return {
        "tensors": len(run.tensors),
        "stored_bytes": size,
        "answer_s": round(answer, 9),
        "traced_s": round(traced, 9),
        "hashed_s": round(hashed, 9),
        "overhead": round(traced / answer - 1, 4),
        "overhead_ns_per_byte": round((traced - answer) / size * 1e9, 4),
    }


def main(arguments: Sequence[str]) -> int:
    """`FAMILY NUMBER THREADS`: measure and print the row as JSON."""
    family, number, threads = arguments
    sys.stdout.write(json.dumps(measure_trace(family, int(number), int(threads))) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
