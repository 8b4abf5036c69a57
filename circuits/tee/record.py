"""The system record of a program under `tee/v1`, from its pieces."""

from typing import Any

from avow.circuits.details import fidelity, making
from avow.circuits.errors import CircuitError
from avow.circuits.memory import predicted_run_bytes
from avow.verifier.attestation.policy import AttestationPolicy
from avow.verifier.errors import VerificationError
from avow.verifier.program.program import Program
from avow.verifier.records import (
    InputVisibility,
    ModelRecord,
    SystemRecord,
    WeightVisibility,
    parse_system_record,
)
from avow.verifier.systems.optimistic.effort import run_elements
from avow.verifier.systems.tee.registration import SYSTEM_ID, record_key
from avow.verifier.tensor import TensorSpec


def build_record(
    model: ModelRecord,
    program: Program,
    outputs: tuple[TensorSpec, ...],
    report: dict[str, Any],
    reference: AttestationPolicy,
) -> SystemRecord:
    """The record; `report` is that of the program's compilation.

    Its measurements are those of every row of `reference`, in order; its key binds them and
    `outputs`. Its constraints are the elements that operations make. Raises `CircuitError`.
    """
    measurements = reference.measurement_digests()
    try:
        record = SystemRecord(
            model=model.digest(),
            system=SYSTEM_ID,
            program=program.digest(),
            key=record_key(program.digest(), outputs, measurements),
            srs=None,
            outputs=outputs,
            input_visibility=InputVisibility.PUBLIC,
            weight_visibility=WeightVisibility.FIXED,
            fidelity=fidelity(report),
            constraints=run_elements(program),
            proving_memory_bytes=predicted_run_bytes(program),
            evm_codehash=None,
            measurements=measurements,
            details=making(report),
        )
        return parse_system_record(record.to_json())
    except VerificationError as error:
        raise CircuitError(f"no valid system record: {error.message}") from error
