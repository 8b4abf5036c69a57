"""The proving half of `ezkl/v1`: every step of ezkl runs in a child process of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from avow.circuits.errors import CircuitError, StepFailed
from avow.circuits.ezkl import witness
from avow.circuits.ezkl.artifact import EzklArtifact, load_ezkl
from avow.circuits.ezkl.child import Limits as ChildLimits
from avow.circuits.ezkl.child import Progress
from avow.prover.catalogue import Compiled
from avow.prover.errors import Refused, TryAgain
from avow.prover.systems.system import Answer, Limits, OneAtATime, Proof, Tick
from avow.verifier.tensor import Tensor

_TICK_SECONDS = 0.2
T = TypeVar("T")


class EzklProver(OneAtATime):
    """Answers and proves with artifacts that `avow compile --system ezkl` made."""

    def answer(
        self, compiled: Compiled, inputs: Sequence[Tensor], salt: bytes, limits: Limits, tick: Tick
    ) -> Answer:
        """The circuit's own witness output, with the binding set to zero."""
        artifact = _load(compiled, tick)
        run = _said(
            lambda: witness.answer(
                witness.Circuit.of(artifact), inputs, salt, _limits(limits), _watch(tick)
            )
        )
        return Answer(run.outputs, run.input, "ezkl")

    def prove(
        self,
        compiled: Compiled,
        inputs: Sequence[Tensor],
        salt: bytes,
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> Proof:
        """A proof whose binding limbs are `root`; ezkl does not check it, the caller does."""
        artifact = _load(compiled, tick)
        proved = _said(
            lambda: witness.prove(
                witness.Circuit.of(artifact), inputs, salt, root, _limits(limits), _watch(tick)
            )
        )
        material = _said(lambda: witness.material(artifact).to_json())
        return Proof(proved.run.outputs, proved.proof.to_json(), material, proved.peak_rss_bytes)


def _load(compiled: Compiled, tick: Tick) -> EzklArtifact:
    # Digesting keys of gigabytes takes longer than a lease lasts without a heartbeat.
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(_artifact, compiled.folder)
        while wait([loading], _TICK_SECONDS).not_done:
            tick("loading", None)
        return _said(loading.result)


@lru_cache(maxsize=8)
def _artifact(folder: Path) -> EzklArtifact:
    return load_ezkl(folder)


def forget_artifacts() -> None:
    """Makes the next use of every artifact check its files again."""
    _artifact.cache_clear()


def _limits(limits: Limits) -> ChildLimits:
    return ChildLimits(seconds=limits.seconds, memory_bytes=limits.memory)


def _watch(tick: Tick) -> Callable[[Progress], None]:
    return lambda progress: tick(progress.step, None)


def _said(step: Callable[[], T]) -> T:
    try:
        return step()
    except StepFailed as error:
        raise TryAgain(str(error)) from error
    except CircuitError as error:
        raise Refused(str(error)) from error
