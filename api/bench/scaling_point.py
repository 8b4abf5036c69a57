"""Measures one network of `avow.api.bench.scaling`: its proof, both executors, the verifier."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from avow.circuits.memory import machine_bytes
from avow.circuits.peak import forget_peak, peak_rss
from avow.circuits.srs_choice import UnsafeSrs, obtain_powers
from avow.circuits.sumcheck.gas import Tensors
from avow.circuits.sumcheck.key import commit_rows, draft_key
from avow.circuits.sumcheck.plan import Bounds, choose
from avow.models.compiler.report import multiplications
from avow.models.program.bench_nets import ConvolutionLayer, DenseLayer, Net, grow
from avow.models.program.fast import FastExecutor
from avow.prover.native.curve import NativeCurve
from avow.prover.systems.sumcheck.prepared import prepare
from avow.prover.systems.sumcheck.prove import prove
from avow.verifier.errors import VerificationError
from avow.verifier.program.program import Program
from avow.verifier.systems.sumcheck.check import Sample, check_proof
from avow.verifier.tensor import Tensor

BITS = 8
_ROOT = bytes(31) + b"\x01"


@dataclass(frozen=True, slots=True)
class Size:
    """One network of each family: `layers` dense ones of `width` to `width` values, and `depth`
    convolutions of `channels` to `channels`, 3 x 3, over `side` x `side` cells."""

    width: int
    layers: int
    channels: int
    side: int
    depth: int


# From about 10^4 to about 10^8 multiplications, two for each power of ten.
SIZES = (
    Size(100, 1, 4, 8, 1),
    Size(126, 2, 4, 14, 1),
    Size(224, 2, 8, 13, 1),
    Size(325, 3, 8, 16, 2),
    Size(577, 3, 16, 15, 2),
    Size(889, 4, 16, 26, 2),
    Size(1581, 4, 32, 16, 4),
    Size(2294, 6, 32, 24, 6),
    Size(4082, 6, 64, 18, 8),
)
FAMILIES = ("mlp", "conv")


def net_of(family: str, size: Size) -> Net:
    """The network of that size."""
    if family == "mlp":
        return Net("mlp", (size.width,), (DenseLayer(size.width),) * size.layers)
    shape = (size.channels, size.side, size.side)
    return Net("conv", shape, (ConvolutionLayer(size.channels, 3, 1),) * size.depth)


def measure_point(family: str, size: Size, proofs: int, home: Path) -> dict[str, Any]:
    """One row of the report; times in seconds. Raises `VerificationError` for a bad proof.

    The proof uses all cores, its peak is that of this process while it proves, with the key and
    the program in memory. Each executor uses one thread, as a worker's does.
    """
    program, blobs, model = grow(net_of(family, size), BITS)
    sample = sample_of(program)
    curve = NativeCurve()
    draft = draft_key(program, blobs)
    tensors = Tensors.of(draft.tensors())
    plan = choose(lambda width: draft.relation(width, 1), tensors, Bounds(machine_bytes()))
    powers = obtain_powers(UnsafeSrs(home, curve), plan.logrows, curve).powers
    points = powers.first(plan.logrows)
    began = time.perf_counter()
    relation = draft.relation(plan.width, 1)
    rows = commit_rows(relation, blobs, points, plan.logrows, curve)
    key = draft.key(plan.width, plan.logrows, rows, powers.tau_g2, plan.lookups)
    setup_seconds = time.perf_counter() - began
    prepared = prepare(program, blobs, key, points)
    made = prove(prepared, _ROOT, [sample])
    forget_peak()
    seconds, stages = [], []
    for _ in range(proofs):
        began = time.perf_counter()
        stages.append(prove(prepared, _ROOT, [sample]).seconds)
        seconds.append(time.perf_counter() - began)
    peak = peak_rss()
    began = time.perf_counter()
    check_proof(key, _ROOT, 1, [Sample(sample, made.outputs[0])], made.proof)
    verify_seconds = time.perf_counter() - began
    exact = FastExecutor(program, blobs, threads=1)
    arrays = [np.array(one.values, np.int64).reshape(1, *one.shape) for one in sample]
    answered = exact.run(arrays)[0].reshape(-1).tolist()
    if answered != list(made.outputs[0][0].values):
        raise VerificationError("program", "proof and exact executor answer differently")
    shapes = program.shapes()
    return {
        "family": family,
        "multiplications": sum(
            multiplications(step.operation, shapes, shapes[len(program.inputs) + at], program)
            for at, step in enumerate(program.steps)
        ),
        "weights": sum(blob.ref().count for blob in blobs),
        "width": key.width,
        "logrows": key.logrows,
        "lookups": key.lookups,
        "setup_s": round(setup_seconds, 6),
        "prove_s": round(median(seconds), 6),
        "stages": {name: round(median(one[name] for one in stages), 6) for name in stages[0]},
        "peak_rss_bytes": peak,
        "proof_bytes": len(made.proof),
        "verify_s": round(verify_seconds, 6),
        "exact_s": round(time_of(lambda: exact.run(arrays)), 9),
        "float_s": round(time_of(_floating(model, program)), 9),
    }


def sample_of(program: Program) -> list[Tensor]:
    """Random valid inputs, the same every time."""
    random = np.random.default_rng(1)
    return [
        Tensor(
            spec.element_type,
            spec.shape,
            tuple(random.integers(spec.minimum, spec.maximum + 1, spec.shape).reshape(-1).tolist()),
        )
        for spec in program.inputs
    ]


def _floating(model: bytes, program: Program) -> Callable[[], object]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (port,) = session.get_inputs()
    shape = [item if isinstance(item, int) else 1 for item in port.shape]
    values = np.random.default_rng(1).random(shape, np.float32)
    return lambda: session.run(None, {port.name: values})


def time_of(action: Callable[[], object]) -> float:
    """The median of at least five calls in at least a tenth of a second."""
    action()
    times: list[float] = []
    end = time.perf_counter() + 0.1
    while len(times) < 5 or time.perf_counter() < end:
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return median(times)


def main(arguments: Sequence[str]) -> int:
    """`FAMILY NUMBER PROOFS`: measure and print the row as JSON."""
    family, number, proofs = arguments
    with TemporaryDirectory(prefix="avow-scaling-") as home:
        row = measure_point(family, SIZES[int(number)], int(proofs), Path(home))
    sys.stdout.write(json.dumps(row) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
