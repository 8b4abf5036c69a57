"""Measures one program of `avow.api.bench.disputes`: tracing it, and disputes about a lie in it."""

import json
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avow.api.bench.dispute_court import Case, Court, Spent
from avow.api.bench.scaling_point import BITS, sample_of
from avow.api.bench.trace_point import arrays_of, time_trace
from avow.api.local.people import development_people
from avow.circuits.peak import forget_peak, peak_rss
from avow.models.compiler.report import multiplications
from avow.models.program.bench_nets import ConvolutionLayer, DenseLayer, Net, grow_program
from avow.models.program.blobs import blob_of
from avow.models.program.fast import FastExecutor
from avow.prover.native import _core
from avow.prover.trace import Tracer
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.market import open_market
from avow.verifier.chain.signer import development_signer
from avow.verifier.program.blob import Blob
from avow.verifier.program.operations import Affine, Convolution, Dense
from avow.verifier.program.program import Output, Program, Step
from avow.verifier.tensor import ElementType, TensorSpec

# More than this a process that traces may not hold, so that what is said of memory is a bound.
MEMORY_BYTES = 4 * 2**30
# Width and number of dense layers: from 10^5 to 10^8 weights, two for each power of ten.
DENSE = ((158, 4), (224, 6), (354, 8), (548, 10), (791, 16), (1225, 20), (1768, 32))
# Channels, side and number of convolutions of 3 x 3, over an image of three channels.
CONVOLUTIONS = ((16, 16, 4), (32, 16, 8), (64, 18, 8), (128, 10, 10), (256, 8, 12))
# Inner dimensions of one dense layer of bytes.
INNER = (256, 1024, 4096)
FAMILIES = {"mlp": len(DENSE), "conv": len(CONVOLUTIONS), "dot": len(INNER)}
CHALLENGER = development_signer(7)
_OUTPUTS = 256
_DOT_TENSORS = 64


def program_of(family: str, number: int) -> tuple[Program, Sequence[Blob]]:
    """A network of growing size, or one dense layer in a program of 64 tensors."""
    if family == "dot":
        return _dot(INNER[number])
    if family == "mlp":
        width, depth = DENSE[number]
        return grow_program(Net("mlp", (width,), (DenseLayer(width),) * depth), BITS)
    channels, side, depth = CONVOLUTIONS[number]
    # The market takes outputs of at most 4,096 bytes.
    convolutions = (ConvolutionLayer(channels, 3, 1),) * depth
    return grow_program(Net("conv", (3, side, side), (*convolutions, DenseLayer(10))), BITS)


def _dot(inner: int) -> tuple[Program, Sequence[Blob]]:
    """256 products of `inner` bytes none of which is zero, and operations that change nothing."""
    random = np.random.default_rng(0)
    weight = random.integers(1, 128, (_OUTPUTS, inner)) * random.choice((-1, 1), (_OUTPUTS, inner))
    blobs = (blob_of(weight), blob_of(random.integers(2**16, 2**24, _OUTPUTS)))
    spec = TensorSpec("x", ElementType.INT8, (inner,), 7, 1, 127)
    steps = [Step(Dense((0,), 0, 1), 0)]
    steps += [Step(Affine((at,), (1,), 0), 0) for at in range(1, _DOT_TENSORS - 1)]
    refs = tuple(blob.ref() for blob in blobs)
    return Program((spec,), refs, tuple(steps), (Output("y", len(steps)),)), blobs


def measure(family: str, number: int, court: Court) -> dict[str, Any]:
    """One row. Bytes of memory are this process's peak while its key is made and while it runs."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    _core.set_threads(1)
    program, blobs = program_of(family, number)
    given = tuple(sample_of(program))
    inputs = arrays_of(given)
    forget_peak()
    held = peak_rss()
    began = time.perf_counter()
    tracer = Tracer(program, blobs, threads=1)
    ready = time.perf_counter() - began
    ready_peak = peak_rss()
    forget_peak()
    began = time.perf_counter()
    run = tracer.run(inputs)
    run.trace(bytes(32))
    first = time.perf_counter() - began
    run_peak = peak_rss()
    products = [
        (multiplications(step.operation, program.shapes(), shape, program), at)
        for at, (step, shape) in enumerate(
            zip(program.steps, program.shapes()[len(program.inputs) :], strict=True)
        )
        if isinstance(step.operation, Dense | Convolution)
    ]
    wrong = len(program.inputs) + products[len(products) // 2][1]
    stored = tuple(run.stored())
    name = f"{family}-{number}"
    case = Case(name, program, blobs, tracer.key, given, run, stored, wrong)
    desk = court.register(case)
    dispute = court.lie(desk, case)
    shot, told = dispute.one_shot()
    game, rounds = court.lie(desk, case).game()
    times = time_trace(FastExecutor(program, blobs, 1), tracer, inputs)
    return {
        "family": family,
        "number": number,
        "weights": sum(blob.ref().count for blob in blobs),
        "multiplications": sum(count for count, _ in products),
        "operations": len(program.steps),
        "inner": _inner(program, wrong),
        "program_bytes": sum(len(blob.data) for blob in blobs),
        **times,
        "ready_s": round(ready, 6),
        "first_run_s": round(first, 6),
        "held_bytes": held,
        "memory_limit_bytes": MEMORY_BYTES,
        "ready_peak_bytes": ready_peak,
        "run_peak_bytes": run_peak,
        "claim_gas": dispute.claim_gas,
        **told,
        "one_shot": _spent(shot),
        "game": {**_spent(game), "rounds": rounds},
    }


def _inner(program: Program, tensor: int) -> int:
    """Products in one element of that tensor."""
    operation = program.steps[tensor - len(program.inputs)].operation
    if not isinstance(operation, Dense | Convolution):
        raise ValueError(f"tensor {tensor} holds no sums of products")
    _, *inner = program.blobs[operation.weight].shape
    return int(np.prod(inner))


def _spent(found: Spent) -> dict[str, Any]:
    return {
        "gas": dict(found.gas),
        "calldata_bytes": dict(found.calldata),
        "moves": [list(move) for move in found.moves],
        "slowest_move_s": round(found.slowest_s, 6),
    }


def main(arguments: Sequence[str]) -> int:
    """`FAMILY NUMBER RPC DEPLOYMENT`: measure and print the row as JSON."""
    family, number, rpc, deployment = arguments
    market = open_market(rpc, Path(deployment))
    claims = Claims(market.chain, market.deployment)
    court = Court(market, claims, development_people(), CHALLENGER)
    sys.stdout.write(json.dumps(measure(family, int(number), court)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
