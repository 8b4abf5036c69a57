"""The proving half of `optimistic/v1` as jobs use it: nothing is proven, a run is committed to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from avow.circuits.artifact import load_artifact
from avow.circuits.errors import CircuitError
from avow.circuits.optimistic.artifact import load
from avow.models.errors import ModelError
from avow.prover.catalogue import Compiled
from avow.prover.errors import Refused, TryAgain
from avow.prover.systems.optimistic.trace import Run, TraceRunner
from avow.prover.systems.system import Answer, Limits, OneAtATime, Proof, Tick
from avow.verifier.commitment import commit_public
from avow.verifier.errors import VerificationError
from avow.verifier.systems.optimistic.claim import Claim, material_json
from avow.verifier.tensor import Tensor

_TICK_SECONDS = 0.2
T = TypeVar("T")


class OptimisticProver(OneAtATime):
    """Answers and claims with artifacts that `avow compile --system optimistic` made.

    `clock` gives Unix seconds; a claim may be challenged from then on for the record's window.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    def answer(
        self, compiled: Compiled, inputs: Sequence[Tensor], salt: bytes, limits: Limits, tick: Tick
    ) -> Answer:
        """The exact program's own output; the input is public, so that nothing is salted."""
        run = self._run(compiled, inputs, limits, tick)[1]
        return Answer(run.outputs, commit_public(inputs), "numpy")

    def prove(
        self,
        compiled: Compiled,
        inputs: Sequence[Tensor],
        salt: bytes,
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> Proof:
        """The claim of the run, its trace bound to `root`, the leaf of its one statement."""
        runner, run = self._run(compiled, inputs, limits, tick)
        trace = _working(lambda: run.root(root), "committing", limits, tick)
        claim = Claim(trace, int(self._clock()) + runner.loaded.window, run.tensors)
        material = material_json(runner.loaded.program, runner.loaded.blobs)
        return Proof(run.outputs, claim.to_json(), material)

    def _run(
        self, compiled: Compiled, inputs: Sequence[Tensor], limits: Limits, tick: Tick
    ) -> tuple[TraceRunner, Run]:
        runner = _working(lambda: _runner(compiled.folder.absolute()), "loading", limits, tick)
        return runner, _working(lambda: runner.run(inputs), "running", limits, tick)


def _working(step: Callable[[], T], stage: str, limits: Limits, tick: Tick) -> T:
    """A step's result, with a tick at least twice a second while it goes on."""
    deadline = time.monotonic() + limits.seconds
    pool = ThreadPoolExecutor(1)
    try:
        work = pool.submit(step)
        while wait([work], _TICK_SECONDS).not_done:
            tick(stage, None)
            if time.monotonic() > deadline:
                raise TryAgain(f"{stage} took more than {limits.seconds:g} s")
        return work.result()
    except (CircuitError, ModelError, VerificationError) as error:
        raise Refused(str(error)) from error
    finally:
        # Numpy cannot be stopped; what still runs ends by itself and nobody reads its result.
        pool.shutdown(wait=False)


@lru_cache(maxsize=4)
def _runner(folder: Path) -> TraceRunner:
    return TraceRunner(load(load_artifact(folder)))
