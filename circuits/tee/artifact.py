"""An artifact of `tee/v1`: program and constants, and the reference values of its software."""

from collections.abc import Sequence
from dataclasses import dataclass

from avow.circuits.artifact import Artifact
from avow.circuits.errors import CircuitError
from avow.circuits.files import read_file
from avow.circuits.tee.files import REFERENCE
from avow.models.errors import ModelError
from avow.models.program.files import load_program
from avow.models.program.intervals import check
from avow.verifier.attestation.policy import MAX_BYTES, AttestationPolicy, parse_attestation_policy
from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program, output_specs
from avow.verifier.records import SystemRecord
from avow.verifier.systems.tee.registration import SYSTEM_ID, record_key


@dataclass(frozen=True, slots=True)
class Loaded:
    """What an enclave answers with."""

    record: SystemRecord
    program: Program
    blobs: Sequence[Blob]
    reference: AttestationPolicy


def load(artifact: Artifact) -> Loaded:
    """Read a checked artifact's contents.

    Establishes: the program has the record's digest, every constant is the one that the program
    names, the record's outputs are those that the program gives, and record and key hold the
    measurements of the reference values. Raises `CircuitError`.
    """
    folder, record = artifact.folder, artifact.record
    if record.system != SYSTEM_ID:
        raise CircuitError(f"expected an artifact of {SYSTEM_ID}, {folder.name} is {record.system}")
    try:
        program, blobs = load_program(folder, record.program)
        data = read_file(artifact.path(REFERENCE), MAX_BYTES)
        reference = parse_attestation_policy(data)
        outputs = output_specs(program, check(program, blobs))
    except (VerificationError, ModelError) as error:
        raise CircuitError(f"artifact {folder.name} is damaged: {error}") from error
    if reference.measurement_digests() != record.measurements:
        raise CircuitError(f"artifact {folder.name} is damaged: {REFERENCE} is not the record's")
    if outputs != record.outputs:
        raise CircuitError(f"artifact {folder.name} is damaged: its outputs are not the program's")
    if record.key != record_key(record.program, record.outputs, record.measurements):
        raise CircuitError(f"artifact {folder.name} is damaged: its key is not the record's")
    return Loaded(record, program, blobs, reference)
