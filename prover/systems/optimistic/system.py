"""The proving half of `optimistic/v1` as jobs use it: nothing is proven, a run is committed to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from avow.circuits.artifact import load_artifact
from avow.circuits.errors import CircuitError
from avow.circuits.optimistic.artifact import Loaded, load
from avow.models.errors import ModelError
from avow.prover.catalogue import Compiled
from avow.prover.errors import Refused, TryAgain
from avow.prover.systems.system import Answer, Limits, OneAtATime, Proof, Tick
from avow.verifier.errors import VerificationError
from avow.verifier.systems.optimistic.claim import Claim, material_json
from avow.verifier.tensor import Tensor
from avow.verifier.trace.inputs import commit_input

if TYPE_CHECKING:
    from avow.prover.trace import Run, Tracer

_TICK_SECONDS = 0.2
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Ready:
    """An artifact's contents, and its program ready to run."""

    loaded: Loaded
    tracer: Tracer


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
        ready, run = self._run(compiled, inputs, limits, tick)
        return Answer(run.outputs, commit_input(inputs), ready.tracer.provider)

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
        ready, run = self._run(compiled, inputs, limits, tick)
        stored = _working(run.stored, "committing", limits, tick)
        loaded = ready.loaded
        claim = Claim(run.trace(root), int(self._clock()) + loaded.window, tuple(stored))
        return Proof(run.outputs, claim.to_json(), material_json(loaded.program, loaded.blobs))

    def _run(
        self, compiled: Compiled, inputs: Sequence[Tensor], limits: Limits, tick: Tick
    ) -> tuple[_Ready, Run]:
        ready = _working(lambda: _ready(compiled.folder.absolute()), "loading", limits, tick)
        arrays = [np.array(one.values, np.int64).reshape(1, *one.shape) for one in inputs]
        return ready, _working(lambda: ready.tracer.run(arrays), "running", limits, tick)


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
        # A run cannot be stopped; what still runs ends by itself and nobody reads its result.
        pool.shutdown(wait=False)


@lru_cache(maxsize=4)
def _ready(folder: Path) -> _Ready:
    # The queue works where the native core was not built.
    from avow.prover.trace import Tracer, fast_key

    loaded = load(load_artifact(folder), fast_key)
    return _Ready(loaded, Tracer(loaded.program, loaded.blobs, threads=1, key=loaded.key))
