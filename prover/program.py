"""The exact program's answer beside a job's answer, labelled, never part of an ezkl statement."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avow.models.devices import Device
from avow.models.errors import ModelError
from avow.models.program.files import ProgramStore
from avow.models.program.intervals import check
from avow.models.programs import kept_program
from avow.prover.catalogue import Compiled
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.program.program import output_specs
from avow.verifier.tensor import Tensor, TensorSpec

if TYPE_CHECKING:
    from avow.models.program.fast import FastExecutor

_NOTE = "the exact integer program, run here; this system's proof is not about it"


@dataclass(frozen=True, slots=True)
class ProgramAnswer:
    """What the model's program said, or why it said nothing; `digest` is the program's.

    `provider` is the one of onnxruntime's that ran it.
    """

    digest: str
    specs: tuple[TensorSpec, ...]
    outputs: tuple[Tensor, ...]
    provider: str
    unavailable: str = ""

    def to_text(self) -> str:
        """The JSON object that an answer row stores, labelled as what it is."""
        value: dict[str, Any] = {"kind": "program", "note": _NOTE}
        if self.digest:
            value["program_digest"] = self.digest
        if self.unavailable:
            value["unavailable"] = self.unavailable
        else:
            value["provider"] = self.provider
            value["outputs"] = [
                {
                    "name": spec.name,
                    "scale": spec.scale,
                    "integers": list(tensor.values),
                    "reals": list(spec.dequantise(tensor)),
                }
                for spec, tensor in zip(self.specs, self.outputs, strict=True)
            ]
        return json.dumps(value)


def run_program(
    home: Path, compiled: Compiled, inputs: tuple[Tensor, ...], device: Device = Device.AUTO
) -> ProgramAnswer | None:
    """Answers checked inputs by the program that the model has on this machine, if it has one.

    The job does not depend on it: a damaged program gives an answer that says so. None as well
    where the artifact proves that very program: then the job's answer is the program's.
    """
    digest = ""
    try:
        kept = kept_program(home, compiled.model.digest())
        if kept is None or kept.digest == compiled.record.program:
            return None
        digest = to_hex(kept.digest)
        executor = _executor(home, kept.digest, device)
        outputs = executor.run(inputs)
        return ProgramAnswer(digest, executor.specs, outputs, executor.fast.provider)
    except (ModelError, VerificationError) as error:
        return ProgramAnswer(digest, (), (), "", str(error)[:300])


@dataclass(frozen=True, slots=True)
class _Executor:
    """A program made ready, with the schema of its inputs and outputs."""

    inputs: tuple[TensorSpec, ...]
    specs: tuple[TensorSpec, ...]
    fast: FastExecutor

    def run(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The outputs of one sample."""
        if tuple(tensor.shape for tensor in inputs) != tuple(spec.shape for spec in self.inputs):
            raise ModelError("the program takes inputs of other shapes than the model")
        arrays = [
            np.array(tensor.values, dtype=np.int64).reshape(1, *tensor.shape) for tensor in inputs
        ]
        return tuple(
            Tensor(spec.element_type, spec.shape, tuple(map(int, array.reshape(-1))))
            for spec, array in zip(self.specs, self.fast.run(arrays), strict=True)
        )


@lru_cache(maxsize=4)
def _executor(home: Path, digest: bytes, device: Device) -> _Executor:
    # Of a worker's processes one runs programs, and loading what exports them takes a while.
    from avow.models.program.placed import placed

    program, blobs = ProgramStore.at(home).load(digest)
    specs = output_specs(program, check(program, blobs))
    return _Executor(program.inputs, specs, placed(program, blobs, device))
