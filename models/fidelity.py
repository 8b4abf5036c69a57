"""How far the integers of a proven program are from the float model, on held-out rows."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_UP, Context, Decimal

import numpy as np
from numpy.typing import NDArray

from avow.models.data import Rows
from avow.models.devices import Device
from avow.models.errors import ModelError
from avow.models.infer import Preview, top_class
from avow.models.load import Model
from avow.models.schema import dequantise
from avow.verifier.records import Fidelity
from avow.verifier.tensor import Tensor, TensorSpec

NO_CLASSES = "none"
_MILLIONTH = Decimal("0.000001")
_SIX_DIGITS = Context(prec=6, rounding=ROUND_UP)


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
        max_error=_decimal(float(every.max())),
        mean_error=_decimal(float(every.mean())),
    )


def recorded(rows: int, agreement: float | None, max_error: float, mean_error: float) -> Fidelity:
    """Figures that a program's compilation measured, rounded as `measure` rounds them."""
    exact = NO_CLASSES
    if agreement is not None:
        exact = str(Decimal(agreement).quantize(_MILLIONTH, ROUND_DOWN))
    return Fidelity(rows, exact, _decimal(max_error), _decimal(mean_error))


def _agreement(exact: NDArray[np.float32], real: NDArray[np.float64], rows: Rows) -> str:
    exact_rows, real_rows = exact.reshape(len(rows), -1), real.reshape(len(rows), -1)
    has_classes = rows.labels is not None and rows.labels.dtype.kind != "f"
    if exact_rows.shape[1] == 1 and not has_classes:
        return NO_CLASSES
    same = int((top_class(exact_rows) == top_class(real_rows)).sum())
    return str((Decimal(same) / len(rows)).quantize(_MILLIONTH, ROUND_DOWN))


def _decimal(value: float) -> str:
    return format(_SIX_DIGITS.create_decimal(Decimal(value)), "f")
