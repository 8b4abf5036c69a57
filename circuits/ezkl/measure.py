"""Calibration rows for ezkl, and the fidelity of a circuit on held-out rows."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from avow.circuits.errors import CircuitError
from avow.circuits.ezkl.child import Limits
from avow.circuits.ezkl.settings import Watch
from avow.circuits.ezkl.witness import Circuit, answer_rows
from avow.models.data import Rows
from avow.models.fidelity import measure
from avow.models.load import Model
from avow.models.schema import quantise_row
from avow.verifier.records import InputVisibility, ModelRecord
from avow.verifier.systems.ezkl.layout import limbs

# Enough to see the ranges of a small model's sums; each costs ezkl one run per scale tried.
CALIBRATION_ROWS = 32
HELD_OUT_ROWS = 1024


def spread(count: int, wanted: int) -> Iterable[int]:
    """`wanted` row numbers (or all), evenly over `count` rows."""
    chosen = min(count, wanted)
    return (at * count // chosen for at in range(chosen))


def calibration_document(record: ModelRecord, rows: Rows, visibility: InputVisibility) -> bytes:
    """ezkl's data file of calibration rows for the grafted graph; deterministic.

    Salt and binding are arbitrary words here, of the size that they have in a proof.
    """
    values: list[int] = []
    bindings: list[int] = []
    for at in spread(len(rows), CALIBRATION_ROWS):
        for tensor in quantise_row(record, rows, at):
            values.extend(tensor.values)
        if visibility is InputVisibility.HASHED:
            values.extend(limbs(_word("salt", at)))
        bindings.extend(limbs(_word("binding", at)))
    return json.dumps({"input_data": [values, bindings]}).encode("ascii")


def measured_fidelity(
    circuit: Circuit,
    record: ModelRecord,
    model: Model,
    held_out: Rows,
    limits: Limits,
    watch: Watch | None,
) -> dict[str, Any]:
    """Run the circuit itself on held-out rows and compare it with the float model.

    At most 1,024 rows, evenly chosen. A row that outgrows the circuit's integers is an error, as
    it would be for a client.
    """
    chosen = list(spread(len(held_out), HELD_OUT_ROWS))
    labels = None if held_out.labels is None else held_out.labels[chosen]
    rows = Rows(tuple(array[chosen] for array in held_out.inputs), labels)
    inputs = [quantise_row(record, rows, at) for at in range(len(rows))]
    answers = answer_rows(circuit, inputs, limits, watch)
    failed = [at for at, found in enumerate(answers) if found is None]
    if failed:
        raise CircuitError(
            f"{len(failed)} of {len(rows)} held-out rows outgrow the circuit's integers, the first "
            f"is row {chosen[failed[0]]}; choose a smaller --scale or a narrower input range"
        )
    found = measure(model, rows, [row for row in answers if row is not None], circuit.outputs)
    return {
        "rows": found.rows,
        "agreement": found.agreement,
        "max_error": found.max_error,
        "mean_error": found.mean_error,
    }


def _word(purpose: str, at: int) -> bytes:
    return hashlib.sha256(f"{purpose} {at}".encode("ascii")).digest()
