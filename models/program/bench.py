"""How fast the executors are, beside onnxruntime in float32 on the same network and machine."""

import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime

from avow.models.program.bench_nets import NETS, Net, grow
from avow.models.program.fast import FastExecutor
from avow.models.program.reference import Reference


@dataclass(frozen=True, slots=True)
class Measurement:
    """Medians in milliseconds for one batch: onnxruntime float32, the fast executor, the reference.

    `ratio` is the median of fast / float32 over rounds that measure both in turn.
    """

    net: str
    bits: int
    batch: int
    float_ms: float
    fast_ms: float
    reference_ms: float
    ratio: float


def machine() -> str:
    """Processor, cores and the versions that matter."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.machine()
    return (
        f"{len(names) or 1} x {name}, onnxruntime {onnxruntime.__version__}, numpy {np.__version__}"
    )


def bench_executors(
    nets: tuple[Net, ...] = NETS,
    bits: tuple[int, ...] = (8, 16),
    batches: tuple[int, ...] = (1, 32),
    threads: int = 0,
    rounds: int = 15,
) -> Iterator[Measurement]:
    """Measure every net at every width and batch size; `threads` 0 means onnxruntime's choice."""
    for net in nets:
        for width in bits:
            yield from _measure(net, width, batches, threads, rounds)


def _measure(
    net: Net, bits: int, batches: tuple[int, ...], threads: int, rounds: int
) -> Iterator[Measurement]:
    program, blobs, model = grow(net, bits)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    fast, reference = FastExecutor(program, blobs, threads), Reference(program, blobs)
    spec = program.inputs[0]
    for batch in batches:
        random = np.random.default_rng(batch)
        x = random.integers(spec.minimum, spec.maximum + 1, (batch, *spec.shape), np.int64)
        real = {"x": random.random((batch, *net.shape), np.float32)}
        floating, exact = partial(session.run, None, real), partial(fast.run, [x])
        slow = partial(reference.run, [x])
        yield race((net.name, bits, batch), floating, exact, slow, rounds)


def race(
    what: tuple[str, int, int],
    floating: Callable[[], object],
    exact: Callable[[], object],
    reference: Callable[[], object],
    rounds: int,
) -> Measurement:
    """Measure three ways to answer the same batch; `what` is name, bits and batch size."""
    pairs = [(_time(floating), _time(exact)) for _ in range(rounds)]
    return Measurement(
        *what,
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        _time(reference, 1),
        statistics.median(b / a for a, b in pairs),
    )


def _time(action: Callable[[], object], least: int = 5, budget: float = 0.02) -> float:
    """The median, in milliseconds, of at least `least` calls in at least `budget` seconds."""
    times: list[float] = []
    end = time.perf_counter() + budget
    while len(times) < least or time.perf_counter() < end:
        start = time.perf_counter()
        action()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def lines(measurements: Iterator[Measurement]) -> Iterator[str]:
    """A table for people, row by row as it is measured."""
    yield machine()
    yield (
        f"{'network':14} {'bits':>4} {'batch':>5} {'float32 ms':>11} {'exact ms':>9} "
        f"{'reference ms':>12} {'exact/float32':>13}"
    )
    for m in measurements:
        yield (
            f"{m.net:14} {m.bits:>4} {m.batch:>5} {m.float_ms:>11.3f} {m.fast_ms:>9.3f} "
            f"{m.reference_ms:>12.2f} {m.ratio:>13.2f}"
        )
