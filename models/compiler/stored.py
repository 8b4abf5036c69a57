"""A model of the store, compiled to its program and compared with it."""

import numpy as np
from numpy.typing import NDArray

from avow.models.compiler.compile import Compiled, Progress, compile_model
from avow.models.compiler.options import Options
from avow.models.compiler.translate import Rows as CompilerRows
from avow.models.data import LABELS, Rows
from avow.models.devices import Device
from avow.models.infer import Preview
from avow.models.load import Model
from avow.models.program.reference import Reference
from avow.models.programs import KeptProgram
from avow.models.store import StoredModel


def compile_stored(
    stored: StoredModel, bits: int | None, on_progress: Progress | None = None
) -> Compiled:
    """Compile a model of the store with its own calibration and held-out rows."""
    model = stored.model()
    held_out = stored.held_out()
    return compile_model(
        model.data,
        _named(model, stored.calibration()),
        Options(bits, stored.record.inputs),
        None if held_out is None else _named(model, held_out),
        on_progress,
    )


def both_outputs(
    stored: StoredModel, kept: KeptProgram, most: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    """What the float model and the program say of the same rows, each (rows, values), and which.

    Every output of at most `most` held-out rows, or calibration rows where there are none, in
    real units.
    """
    model, held_out = stored.model(), stored.held_out()
    rows = stored.calibration() if held_out is None else held_out
    inputs = tuple(array[:most] for array in rows.inputs)
    reals = Preview(model, Device.CPU).run_rows(Rows(inputs, None))
    program, blobs = kept.load()
    exact = Reference(program, blobs).run(
        [
            np.rint(array * 2.0**spec.scale).astype(np.int64).reshape(-1, *spec.shape)
            for array, spec in zip(inputs, program.inputs, strict=True)
        ]
    )
    scales = [spec.scale for spec in program.inputs] + [step.scale for step in program.steps]
    count = len(inputs[0])
    integers = [
        values.reshape(count, -1) / 2.0 ** scales[output.tensor]
        for values, output in zip(exact, program.outputs, strict=True)
    ]
    return (
        np.concatenate([array.reshape(count, -1) for array in reals], axis=1).astype(np.float64),
        np.concatenate(integers, axis=1),
        "calibration" if held_out is None else "held-out",
    )


def _named(model: Model, rows: Rows) -> CompilerRows:
    named = {port.name: array for port, array in zip(model.inputs, rows.inputs, strict=True)}
    return named if rows.labels is None else {**named, LABELS: rows.labels}
