"""The fast executor: the exported graph, run by onnxruntime, with the integers put in and out."""

from collections.abc import Sequence
from enum import Enum

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from avow.models.devices import CUDA, PROCESSOR, Placement, placement, recorded
from avow.models.errors import ModelError, one_line
from avow.models.program.blobs import AnyIntegers, Integers
from avow.models.program.export import export
from avow.models.program.inputs import batch_of
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program

# Larger batches are run in parts whose widest array stays near this size, in bytes: arrays that
# leave the processor's caches cost more than calls.
WORKING_SET = 8 * 2**20

Carried = NDArray[np.generic]


# Without these, products keep ten bits of each factor, and a library chooses the algorithm.
_EXACT = {
    CUDA: {"use_tf32": "0", "cudnn_conv_algo_search": "DEFAULT"},
}
# It moves factors beside a product of matrices into an attribute of 32 bits.
_INEXACT = ["MatMulScaleFusion"]


class Optimisation(Enum):
    """How much onnxruntime may rewrite the graph; the answer is the same."""

    NONE = "none"
    BASIC = "basic"
    EXTENDED = "extended"
    ALL = "all"


_LEVELS = {
    Optimisation.NONE: onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    Optimisation.BASIC: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    Optimisation.EXTENDED: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    Optimisation.ALL: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


class FastExecutor:
    """A checked program, ready to answer; equal to `Reference` bit for bit.

    `threads` 0 leaves the number to onnxruntime. `providers` are onnxruntime's execution
    providers in order of preference, the processor if none are named. `portable` computes
    convolutions and large products as products of floats, as is always done on accelerators,
    whose own kernels for them are inexact or missing. Construction refuses what `check` refuses,
    and (`ModelError`) a provider that is not there or does not start.
    """

    def __init__(
        self,
        program: Program,
        blobs: Sequence[Blob],
        threads: int = 0,
        providers: Sequence[str] | None = None,
        optimisation: Optimisation = Optimisation.ALL,
        portable: bool = False,
    ) -> None:
        names = tuple(providers or (PROCESSOR,))
        self._program = program
        self._export = export(program, blobs, portable or names != (PROCESSOR,))
        self._part = max(1, WORKING_SET // (8 * self._export.widest))
        self._names = [out.name for out in self._export.outputs if out.constant is None]
        self._session = None
        # A program without operations runs nowhere.
        self.placement = Placement(PROCESSOR, {})
        if self._export.model is None:
            return
        options = recorded(onnxruntime.SessionOptions())
        options.intra_op_num_threads = threads
        options.graph_optimization_level = _LEVELS[optimisation]
        options.log_severity_level = 3
        chosen = _with_options(names)
        try:
            self._session = onnxruntime.InferenceSession(
                self._export.model, options, providers=chosen, disabled_optimizers=_INEXACT
            )
        except Exception as error:
            raise ModelError(
                f"onnxruntime refuses an exported program: {one_line(error)}"
            ) from error
        self.placement = placement(self._session)
        if names[0] not in self._session.get_providers():
            raise ModelError(f"onnxruntime could not start {names[0]} and would compute elsewhere")

    @property
    def provider(self) -> str:
        """The execution provider that runs the program, as the session says."""
        return self.placement.provider

    def run(self, inputs: Sequence[AnyIntegers]) -> list[Integers]:
        """Return the outputs in the program's order, each int64 of shape (batch, *shape).

        `inputs` are integer arrays (batch, *shape), all of one batch size. Raises
        `VerificationError` (step `tensors`) for another type, shape or range, `ModelError`
        where onnxruntime gives up.
        """
        batch = batch_of(self._program, inputs)
        parts = [
            [array.astype(np.int64) for array in self._answer(inputs, at, at + self._part)]
            for at in range(0, batch, self._part)
        ]
        found = iter(parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True)))
        return [
            next(found) if out.constant is None else np.repeat(out.constant, batch, axis=0)
            for out in self._export.outputs
        ]

    def carried(self, inputs: Sequence[AnyIntegers]) -> list[Carried]:
        """The outputs of one sample in whatever type the session computed them, (1, *shape).

        Otherwise as `run`: the numbers are the same integers, floats perhaps.
        """
        if batch_of(self._program, inputs) != 1:
            raise ModelError("one sample at a time")
        found = iter(self._answer(inputs, 0, 1))
        return [
            next(found) if out.constant is None else out.constant for out in self._export.outputs
        ]

    @property
    def constants(self) -> frozenset[int]:
        """The places of the outputs that are the same for every input."""
        return frozenset(
            at for at, out in enumerate(self._export.outputs) if out.constant is not None
        )

    def _answer(self, inputs: Sequence[AnyIntegers], start: int, stop: int) -> list[Carried]:
        if self._session is None:
            return []
        feed = {
            graph.name: array[start:stop].astype(graph.carrier.value).reshape(-1, *graph.shape)
            for graph, array in zip(self._export.inputs, inputs, strict=True)
        }
        try:
            answers = self._session.run(self._names, feed)
        except Exception as error:
            raise ModelError(f"onnxruntime failed on a program: {one_line(error)}") from error
        shapes = [out.shape for out in self._export.outputs if out.constant is None]
        return [answer.reshape(-1, *shape) for answer, shape in zip(answers, shapes, strict=True)]


def _with_options(names: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    available = onnxruntime.get_available_providers()
    missing = [name for name in names if name not in available]
    if missing:
        # onnxruntime itself would only warn, and compute elsewhere.
        raise ModelError(f"onnxruntime has no {missing[0]} here, only {', '.join(available)}")
    return [(name, _EXACT.get(name, {})) for name in names]
