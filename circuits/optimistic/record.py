"""The system record of a program under `optimistic/v1`, from its pieces."""

from typing import Any

from avow.circuits.details import fidelity, making
from avow.circuits.errors import CircuitError
from avow.circuits.memory import predicted_run_bytes
from avow.verifier.errors import VerificationError
from avow.verifier.program.program import Program, output_specs
from avow.verifier.records import (
    InputVisibility,
    ModelRecord,
    SystemRecord,
    WeightVisibility,
    parse_system_record,
)
from avow.verifier.systems.optimistic.claim import SYSTEM_ID, WINDOW
from avow.verifier.systems.optimistic.effort import run_elements
from avow.verifier.trace.key import ProgramKey


def build_record(
    model: ModelRecord,
    program: Program,
    key: ProgramKey,
    report: dict[str, Any],
    window: int,
) -> SystemRecord:
    """The record; `report` is that of the program's compilation, `window` counts seconds.

    Its constraints are the elements that operations make, each of which can be refuted. Raises
    `CircuitError`.
    """
    try:
        record = SystemRecord(
            model=model.digest(),
            system=SYSTEM_ID,
            program=key.program,
            key=key.digest,
            srs=None,
            outputs=output_specs(program, key.intervals),
            input_visibility=InputVisibility.PUBLIC,
            weight_visibility=WeightVisibility.FIXED,
            fidelity=fidelity(report),
            constraints=run_elements(program),
            proving_memory_bytes=predicted_run_bytes(program),
            evm_codehash=None,
            measurements=(),
            details=((WINDOW, str(window)), *making(report)),
        )
        return parse_system_record(record.to_json())
    except VerificationError as error:
        raise CircuitError(f"no valid system record: {error.message}") from error
