"""How far the integers of a proven program are from the float model, on held-out rows."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from avow.models.data import Rows
from avow.models.devices import Device
from avow.models.errors import ModelError
from avow.models.figures import NO_CLASSES, rounded, share
from avow.models.infer import Preview, top_class
from avow.models.load import Model
from avow.models.schema import dequantise
from avow.verifier.records import Fidelity
from avow.verifier.tensor import Tensor, TensorSpec


def measure(
    model: Model,
    rows: Rows,
    answers: Sequence[tuple[Tensor, ...]],
    specs: tuple[TensorSpec, ...],
) -> Fidelity:
    """Compare one integer answer per held-out row with the float model's.

    `answers[i]` are the program's output tensors for row i and `specs` their schema. Agreement
    is that of the first output's top-1 (a single output: of its sign) and is rounded down;
    errors are over all outputs, in real units, and rounded up. A single output without class
    labels has no top-1: agreement is `none`. Fewer than 256 rows are reported as such by
    `Fidelity.sufficient`.
    """
    if len(answers) != len(rows):
        raise ModelError(f"expected {len(rows)} answers, one per held-out row, got {len(answers)}")
    floats = Preview(model, Device.CPU).run_rows(rows)
    reals = [dequantise(specs, tensors) for tensors in answers]
    proven = [np.stack(column) for column in zip(*reals, strict=True)]
    if len(proven) != len(floats):
        raise ModelError(f"expected {len(floats)} outputs per answer, got {len(proven)}")
    errors = []
    for port, real, exact in zip(model.outputs, proven, floats, strict=True):
        if real.size != exact.size:
            raise ModelError(
                f"output {port.name!r} has {exact.size // len(rows)} values per row, "
                f"the program gave {real.size // len(rows)}"
            )
        errors.append(np.abs(real.reshape(len(rows), -1) - exact.reshape(len(rows), -1)))
    every = np.concatenate(errors, axis=1)
    if not np.isfinite(every).all():
        raise ModelError("the float model gives NaN or infinity on held-out rows")
    return Fidelity(
        rows=len(rows),
        agreement=_agreement(floats[0], proven[0], rows),
        max_error=rounded(float(every.max())),
        mean_error=rounded(float(every.mean())),
    )


def _agreement(exact: NDArray[np.float32], real: NDArray[np.float64], rows: Rows) -> str:
    exact_rows, real_rows = exact.reshape(len(rows), -1), real.reshape(len(rows), -1)
    has_classes = rows.labels is not None and rows.labels.dtype.kind != "f"
    if exact_rows.shape[1] == 1 and not has_classes:
        return NO_CLASSES
    same = int((top_class(exact_rows) == top_class(real_rows)).sum())
    return share(Decimal(same) / len(rows))
