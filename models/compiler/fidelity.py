"""How faithful a program is to the float model on held-out rows, and whether that is enough."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avow.models.compiler.measure import Floats
from avow.models.compiler.options import Task
from avow.models.data import LABELS
from avow.models.errors import ModelError
from avow.models.infer import top_class
from avow.models.program.blobs import Integers
from avow.models.program.fast import FastExecutor
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program

ENOUGH_ROWS = 256
LEAST_AGREEMENT = 0.99
MOST_ERROR = 2.0**-8


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Over all held-out rows. Agreement is that of the first output's top-1, None for numbers.

    Errors are over every output, in real units; `output_range` is the float model's.
    """

    bits: int
    rows: int
    agreement: float | None
    max_error: float
    mean_error: float
    output_range: float

    @property
    def sufficient(self) -> bool:
        """Whether there are rows enough to speak of fidelity."""
        return self.rows >= ENOUGH_ROWS

    @property
    def promise(self) -> str:
        """What `kept` is about."""
        if self.agreement is None:
            return "a maximum error of 2^-8 of the output's range"
        return "99 % top-1 agreement"

    @property
    def kept(self) -> bool:
        """Whether the promise holds, on rows enough."""
        if self.agreement is None:
            good = self.max_error <= MOST_ERROR * self.output_range
        else:
            good = self.agreement >= LEAST_AGREEMENT
        return self.sufficient and good

    def to_json(self) -> dict[str, Any]:
        """For the report."""
        return {
            "bits": self.bits,
            "rows": self.rows,
            "verdict": self.verdict,
            "agreement": self.agreement,
            "max_error": self.max_error,
            "mean_error": self.mean_error,
            "output_range": self.output_range,
        }

    @property
    def verdict(self) -> str:
        """`kept`, `missed` or `insufficient`."""
        if not self.sufficient:
            return "insufficient"
        return "kept" if self.kept else "missed"


def wanted_task(task: Task, rows: Mapping[str, NDArray[Any]] | None) -> Task:
    """AUTO becomes CLASSIFIER where the rows carry classes."""
    if task is Task.AUTO and rows is not None and LABELS in rows:
        if np.asarray(rows[LABELS]).dtype.kind in "iu":
            return Task.CLASSIFIER
        return Task.REGRESSOR
    return task


def measure(
    program: Program,
    blobs: tuple[Blob, ...],
    inputs: list[Integers],
    floats: Floats,
    rows: Mapping[str, NDArray[Any]],
    task: Task,
    bits: int,
) -> Fidelity:
    """Compare the program's answers with the float model's, row by row."""
    exact = floats.run(rows, floats.outputs)
    answers = FastExecutor(program, blobs).run(inputs)
    count = len(inputs[0])
    labels = [spec.scale for spec in program.inputs] + [step.scale for step in program.steps]
    errors, pairs = [], []
    for output, integers, real in zip(program.outputs, answers, exact, strict=True):
        if not np.isfinite(real).all():
            raise ModelError("the float model gives NaN or infinity on held-out rows")
        own = integers.reshape(count, -1) / 2.0 ** labels[output.tensor]
        pairs.append((own, real.reshape(count, -1)))
        errors.append(np.abs(own - pairs[-1][1]))
    every = np.concatenate(errors, axis=1)
    own, real = pairs[0]
    agreement = None
    if task is Task.CLASSIFIER or (task is Task.AUTO and real.shape[1] > 1):
        agreement = float((top_class(own) == top_class(real)).mean())
    spread = max(float(column.max() - column.min()) for _, column in pairs)
    return Fidelity(bits, count, agreement, float(every.max()), float(every.mean()), spread)
